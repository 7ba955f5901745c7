package delivery_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/delivery"
	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// oneAtATime are options of a client in which requests to a platform wait long
// for each other.
func oneAtATime() egress.Options { return egress.Options{PerPlatform: 1, Wait: time.Minute} }

func letters(t *testing.T, h *Hub) []store.DeadLetter {
	t.Helper()
	list, err := h.Store.DeadLetters(t.Context(), store.LetterQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		l, found, err := h.Store.DeadLetter(t.Context(), list[i].ID)
		if err != nil || !found {
			t.Fatal(found, err)
		}
		list[i] = l
	}
	return list
}

// What a receiver refuses for good is kept with the exchange, the lane goes on,
// and a later state that the receiver takes settles it.
func TestDeadLetter(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
	emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	emsp.Answers(func(r Request) Answer {
		if strings.Contains(r.Path, "/BAD") {
			return Answer{HTTP: 400, Body: `{"status_code":2001,"status_message":"no","timestamp":"2026-01-01T00:00:00Z"}`}
		}
		return Answer{}
	})
	h.Start()
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/BAD", Location("BAD", t1))
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/GOOD", Location("GOOD", t1))
	h.Idle()
	wantLetter := func(state string) store.DeadLetter {
		t.Helper()
		list := letters(t, h)
		if len(list) != 1 || list[0].State != state {
			t.Fatalf("dead letters %+v, want one that is %s", list, state)
		}
		return list[0]
	}
	d := wantLetter(store.LetterOpen)
	l := lane(h, "DE-EM1")
	if d.Lane != l.Lane || d.Receiver.String() != "DE-EM1" || d.Role != "EMSP" || d.Name != "BAD" || d.Key.ID != "bad" ||
		d.HTTPStatus != 400 || d.OCPIStatus != 2001 || d.Method != "PUT" || d.URL != emsp.URL+"/locations/NL/CP1/BAD" || d.Attempts != 1 ||
		!strings.Contains(string(d.Request), `"city":"Gent"`) || !strings.Contains(string(d.Response), `"no"`) ||
		!strings.Contains(d.ResponseHeader, "Content-Type: application/json\n") || !strings.Contains(strings.ToLower(d.RequestHeader), "ocpi-to-party-id: em1\n") || d.Error == "" || d.Version != "2.2.1" || d.Seq == 0 {
		t.Errorf("the dead letter is %+v\n%s\n%s", d, d.Request, d.Response)
	}
	if l.DeadLetters != 1 || l.State != delivery.LaneIdle {
		t.Errorf("the lane is %+v", l)
	}
	// The next change is refused as well, first as a PATCH and then as a whole:
	// it takes the place of the first.
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/BAD", `{"name":"x","last_updated":"`+t2+`"}`)
	h.Idle()
	if next := wantLetter(store.LetterOpen); next.ID != d.ID || next.Seq <= d.Seq || next.Method != "PUT" {
		t.Errorf("after the next change the dead letter is %+v", next)
	}
	// After a restart a success settles it all the same.
	h.Reopen()
	emsp.Answers(nil)
	h.Start()
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/BAD", `{"name":"y","last_updated":"`+t3+`"}`)
	h.Idle()
	wantLetter(store.LetterSuperseded)
	if n := lane(h, "DE-EM1").DeadLetters; n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

// A replay sends the object whole, in its present state, and once.
func TestReplay(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
	emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	emsp.Answers(func(Request) Answer { return Answer{Status: 2001} })
	h.Start()
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/L1", Location("L1", t1))
	h.Idle()
	emsp.Forget()
	emsp.Answers(nil)
	err := h.Store.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.SetDeadLetters(store.LetterQuery{}, store.LetterQueued)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	Eventually(t, "it is replayed", func() bool { return letters(t, h)[0].State == store.LetterReplayed })
	h.Idle()
	got := emsp.Received()
	wantRequests(t, "the eMSP", got, "PUT /locations/NL/CP1/L1")
	if len(got) == 1 && got[0].Body != Location("L1", t1) {
		t.Errorf("the body is %s", got[0].Body)
	}
}

// A dead letter says neither who drives nor how the partner is called.
func TestDeadLetterHidesSecrets(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
	emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	cpo.Answers(func(r Request) Answer {
		return Answer{HTTP: 400, Body: fmt.Sprintf(`{"status_code":2001,"you_sent":%q}`, r.Header.Get("Authorization"))}
	})
	h.Start()
	h.MustPublish(emsp, "PUT", ocpi.Tokens, "DE/EM1/SECRETUID?type=APP_USER", Token("SECRETUID", "APP_USER", t1))
	h.Idle()
	list := letters(t, h)
	if len(list) != 1 {
		t.Fatalf("%d dead letters", len(list))
	}
	d := list[0]
	text := d.URL + d.Name + d.Error + d.RequestHeader + d.ResponseHeader + string(d.Request) + string(d.Response)
	token := h.Registry.Snapshot().Platform(cpo.Platform).Token
	for _, secret := range []string{"SECRETUID", "secretuid", "DE8ACC12E46L89", token, "Authorization"} {
		if strings.Contains(text, secret) {
			t.Errorf("it holds %q: %s", secret, text)
		}
	}
	if len(d.Request) == 0 || !strings.HasPrefix(d.URL, cpo.URL+"/tokens/DE/EM1/hmac:") || !strings.HasSuffix(d.URL, "?type=APP_USER") {
		t.Errorf("the exchange is not there: %s %s", d.URL, d.Request)
	}
}

// A receiver that says when to come again is not asked before, but for fifteen
// minutes at most.
func TestRetryAfterIsHonoured(t *testing.T) {
	for header, want := range map[string][2]time.Duration{
		"300":    {299 * time.Second, 300 * time.Second},
		"999999": {899 * time.Second, 900 * time.Second},
		time.Now().Add(10 * time.Minute).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"): {500 * time.Second, 600 * time.Second},
		"soon": {0, time.Second},
	} {
		h := New(t, true)
		cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
		emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
		emsp.Answers(func(Request) Answer { return Answer{HTTP: 429, Status: 2000, RetryAfter: header} })
		h.Start()
		h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/L1", Location("L1", t1))
		var l delivery.LaneState
		Eventually(t, "it was asked", func() bool { l = lane(h, "DE-EM1"); return l.Failures > 0 })
		if wait := l.NextAttempt.Sub(l.FailingSince); wait < want[0] || wait > want[1] {
			t.Errorf("%s: asked again after %s, want %s to %s", header, wait, want[0], want[1])
		}
		if n := len(emsp.Received()); want[0] > 0 && n != 1 {
			t.Errorf("%s: asked %d times", header, n)
		}
		if l.State != delivery.LaneRetrying || l.Error == "" {
			t.Errorf("%s: the lane is %+v", header, l)
		}
		h.Close()
	}
}

// A receiver that takes nothing for long is OFFLINE for others although its
// platform is alive, and CONNECTED again with the first success, also when the
// hub was started again in between.
func TestFailingLaneMakesPartyOffline(t *testing.T) {
	h := New(t, true, func(o *delivery.Options) { o.OfflineAfter = 30 * time.Millisecond })
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO))
	emsp := h.Join(ocpi.V221, []party.Grant{Grant("DE-EM1", ocpi.RoleEMSP), Grant("DE-EM2", ocpi.RoleEMSP)}, ocpi.Locations)
	sick := func(r Request) Answer {
		if r.To() == "DE-EM1" {
			return Answer{HTTP: 500, Status: 3000}
		}
		return Answer{}
	}
	emsp.Answers(sick)
	h.Start()
	h.Watch()
	status := func(id string) party.Status { return h.Party(emsp, id).Status }
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/L1", Location("L1", t1))
	Eventually(t, "it is OFFLINE", func() bool { return status("DE-EM1") == party.Offline })
	if s := status("DE-EM2"); s != party.Connected {
		t.Errorf("the other party of the platform is %s", s)
	}
	told := func(what string) func() bool {
		return func() bool {
			got := cpo.Received(ocpi.HubClientInfo)
			n := len(got) - 1
			return n >= 0 && got[n].Path == "/hubclientinfo/DE/EM1" && strings.Contains(got[n].Body, what)
		}
	}
	Eventually(t, "others are told", told(`"OFFLINE"`))
	Eventually(t, "its lane says so", func() bool { l := lane(h, "DE-EM1"); return l.State == delivery.LaneOffline && l.Failures > 0 })
	h.Reopen()
	h.Start()
	h.Watch()
	emsp.Answers(nil)
	Eventually(t, "it is CONNECTED", func() bool { return status("DE-EM1") == party.Connected })
	h.Idle()
	if got := distinct(emsp); len(got) != 1 {
		t.Errorf("received %q", got)
	}
	Eventually(t, "others are told", told(`"CONNECTED"`))
}

// A party that was OFFLINE because of its lane and has nothing left to take is
// CONNECTED again.
func TestNothingLeftToFail(t *testing.T) {
	h := New(t, false, func(o *delivery.Options) { o.OfflineAfter = 30 * time.Millisecond })
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
	emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	id := h.Agree("NL-CP1", "DE-EM1")
	emsp.Answers(func(Request) Answer { return Answer{HTTP: 500, Status: 3000} })
	h.Start()
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/L1", Location("L1", t1))
	Eventually(t, "it is OFFLINE", func() bool { return h.Party(emsp, "").Status == party.Offline })
	if err := h.Registry.DeleteAgreement(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	Eventually(t, "it is CONNECTED", func() bool { return h.Party(emsp, "").Status == party.Connected })
	h.Idle()
}

// Entitlement is looked at when there is a connection to send on: not only when
// a request begins to wait for its place.
func TestRevokedWhileWaitingForAPlace(t *testing.T) {
	h := NewWith(t, false, oneAtATime())
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
	emsp := h.Join(ocpi.V221, []party.Grant{Grant("DE-EM1", ocpi.RoleEMSP), Grant("DE-EM2", ocpi.RoleEMSP)}, ocpi.Locations)
	ids := map[string]string{"DE-EM1": h.Agree("NL-CP1", "DE-EM1"), "DE-EM2": h.Agree("NL-CP1", "DE-EM2")}
	var first atomic.Value
	gate := make(chan struct{})
	emsp.Answers(func(r Request) Answer {
		first.CompareAndSwap(nil, r.To())
		<-gate
		return Answer{}
	})
	h.Start()
	h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/L1", Location("L1", t1))
	Eventually(t, "one is asked and one waits", func() bool {
		return first.Load() != nil && lane(h, "DE-EM1").InFlight == 1 && lane(h, "DE-EM2").InFlight == 1
	})
	other := "DE-EM2"
	if first.Load() == other {
		other = "DE-EM1"
	}
	if err := h.Registry.DeleteAgreement(t.Context(), ids[other]); err != nil {
		t.Fatal(err)
	}
	close(gate)
	h.Idle()
	for _, r := range emsp.Received() {
		if r.To() == other {
			t.Errorf("%s received %s after its agreement had ended", other, r)
		}
	}
	// What was not sent is not lost: a new agreement brings it.
	emsp.Forget()
	h.Agree("NL-CP1", other)
	Eventually(t, "it is sent", func() bool { return len(emsp.Received()) > 0 })
	h.Idle()
	if got := emsp.Received(); len(got) != 1 || got[0].To() != other {
		t.Errorf("with the new agreement received %q", texts(got))
	}
}

// A right that ends and comes back while a request waits leaves nothing out.
func TestRevokedForAMoment(t *testing.T) {
	h := NewWith(t, false, oneAtATime())
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
	emsp := h.Join(ocpi.V221, []party.Grant{Grant("DE-EM1", ocpi.RoleEMSP), Grant("DE-EM2", ocpi.RoleEMSP)}, ocpi.Locations)
	h.Agree("NL-CP1", "DE-EM1")
	h.Start()
	h.Idle()
	for i := range 30 {
		id := h.Agree("NL-CP1", "DE-EM2")
		h.MustPublish(cpo, "PUT", ocpi.Locations, "NL/CP1/L1", strings.Replace(Location("L1", t1), "Main 1", fmt.Sprintf("Main %d", i), 1))
		if err := h.Registry.DeleteAgreement(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	h.Agree("NL-CP1", "DE-EM2")
	for _, id := range []string{"DE-EM1", "DE-EM2"} {
		Eventually(t, id+" has the last state", func() bool {
			last := ""
			for _, r := range emsp.Received() {
				if r.To() == id {
					last = r.Body
				}
			}
			return strings.Contains(last, "Main 29")
		})
	}
}
