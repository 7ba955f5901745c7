package delivery_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/eroam/eroam/internal/delivery"
	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/internal/feed"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// status is an EVSE's new status as its owner pushes it.
func status(location, to string) *feed.Step {
	return &feed.Step{
		Method: http.MethodPatch, Path: []string{"NL", "CP1", location, "E1"}, Version: ocpi.V221, CorrelationID: "c1",
		Body: []byte(fmt.Sprintf(`{"status":%q,"last_updated":%q}`, to, t2)),
	}
}

func with(location, status string) string {
	return strings.Replace(Location(location, t1), `"AVAILABLE"`, `"`+status+`"`, 1)
}

// What is kept beside an object is enough to send just a PATCH, also for a
// process that has not seen the push, and that was not running then.
func TestStepSurvivesRestart(t *testing.T) {
	for _, running := range []bool{true, false} {
		h := New(t, true)
		h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
		emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
		h.Start()
		for _, id := range []string{"A", "B", "C"} {
			h.Put(ocpi.Locations, id, Location(id, t1), nil, false)
		}
		h.Idle()
		emsp.Forget()
		if !running {
			h.Reopen()
		}
		h.Put(ocpi.Locations, "A", with("A", "CHARGING"), status("A", "CHARGING"), false)
		// One of two changes is not known any more.
		h.Put(ocpi.Locations, "B", with("B", "BLOCKED"), status("B", "BLOCKED"), false)
		if running {
			h.Idle()
		}
		h.Put(ocpi.Locations, "B", with("B", "CHARGING"), status("B", "CHARGING"), false)
		h.Put(ocpi.Locations, "N", with("N", "CHARGING"), nil, false)
		if !running {
			h.Start()
		}
		h.Idle()
		got := map[string]string{}
		for _, r := range emsp.Received() {
			got[strings.Split(r.Path, "/")[4]] += r.Method + " "
			if r.Method == "PATCH" && !strings.Contains(r.Body, t2) {
				t.Errorf("the PATCH is %s", r.Body)
			}
		}
		want := map[string]string{"A": "PATCH ", "B": "PUT ", "N": "PUT "}
		if running {
			want["B"] = "PATCH PATCH "
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("running %v: received %v, want %v", running, got, want)
		}
	}
}

// A change that is not to be told is not; one that was to be told before it is.
func TestQuietChanges(t *testing.T) {
	for _, running := range []bool{true, false} {
		h := New(t, true)
		h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
		emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
		h.Start()
		h.Put(ocpi.Locations, "A", Location("A", t1), nil, false)
		h.Put(ocpi.Locations, "B", Location("B", t1), nil, false)
		h.Idle()
		emsp.Forget()
		if !running {
			h.Reopen()
		}
		h.Put(ocpi.Locations, "A", Location("A", t2), nil, true)
		h.Put(ocpi.Locations, "B", with("B", "BLOCKED"), nil, false)
		h.Put(ocpi.Locations, "B", strings.Replace(with("B", "BLOCKED"), t1, t3, 1), nil, true)
		if !running {
			h.Start()
		}
		h.Idle()
		if got := distinct(emsp); len(got) != 1 || got[0] != "/locations/NL/CP1/B" {
			t.Errorf("running %v: received %q, want B only", running, texts(emsp.Received()))
		}
		emsp.Forget()
		h.Put(ocpi.Locations, "B", strings.Replace(with("B", "BLOCKED"), t1, t4, 1), nil, true)
		h.Idle()
		if got := emsp.Received(); len(got) != 0 {
			t.Errorf("running %v: a quiet change was told: %q", running, texts(got))
		}
	}
}

// Shows 4: a receiver that was away while 10,000 changes hit 500 objects gets at
// most 500 requests, in present state.
func TestAwayForAnHour(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
	emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	const objects, rounds = 500, 20
	write := func(round int) {
		t.Helper()
		err := h.Store.Write(t.Context(), func(tx *store.Tx) error {
			for i := range objects {
				id := fmt.Sprintf("L%03d", i)
				o := h.Object(ocpi.Locations, id, strings.Replace(Location(id, t1), "Main 1", fmt.Sprintf("Main %d", round), 1))
				o.Step = (&feed.Step{
					Method: http.MethodPatch, Path: []string{"NL", "CP1", id}, Version: ocpi.V221,
					Body: []byte(fmt.Sprintf(`{"address":"Main %d","last_updated":%q}`, round, t2)),
				}).Encode()
				if err := tx.PutObject(&o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	write(0)
	h.Start()
	h.Idle()
	addr := emsp.Listener.Addr().String()
	emsp.CloseClientConnections()
	emsp.Listener.Close()
	emsp.Forget()
	for round := 1; round <= rounds; round++ {
		write(round)
	}
	h.MustPublish(cpo, "PATCH", ocpi.Locations, "NL/CP1/L000", `{"name":"last","last_updated":"`+t3+`"}`)
	Eventually(t, "the receiver is missed", func() bool { return lane(h, "DE-EM1").Failures > 1 })
	emsp.Forget()
	emsp.Listen(addr)
	h.Idle()
	got := emsp.Received()
	if len(got) > objects || len(distinct(emsp)) != objects {
		t.Errorf("%d requests for %d of %d objects", len(got), len(distinct(emsp)), objects)
	}
	for _, r := range got {
		if r.Method != "PUT" || !strings.Contains(r.Body, fmt.Sprintf("Main %d", rounds)) {
			t.Fatalf("received %s %s, which is not the present state", r, r.Body)
		}
	}
}

// An urgent change gets through to a receiver that has a full window of others to
// take, and to one that catches up, and nothing is lost or goes back by it.
func TestUrgentOvertakesBulk(t *testing.T) {
	h := New(t, true)
	h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
	emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	h.Put(ocpi.Locations, "U", Location("U", t1), nil, false)
	h.Start()
	h.Idle()
	emsp.Forget()
	gate := make(chan struct{})
	emsp.Answers(func(Request) Answer {
		<-gate
		return Answer{}
	})
	const bulk = 600 // more than the window
	var first store.Object
	for i := range bulk {
		id := fmt.Sprintf("L%03d", i)
		o := h.Put(ocpi.Locations, id, Location(id, t1), nil, false)
		if i == 0 {
			first = o
		}
	}
	Eventually(t, "the lane is full", func() bool { l := lane(h, "DE-EM1"); return l.InFlight == 8 && l.Queued == 256 })
	h.Put(ocpi.Locations, "U", with("U", "CHARGING"), status("U", "CHARGING"), false)
	h.Put(ocpi.Locations, "L599", with("L599", "CHARGING"), status("L599", "CHARGING"), false) // the receiver does not have it yet
	Eventually(t, "they are queued", func() bool { return lane(h, "DE-EM1").Queued == 258 })
	for range 2 {
		gate <- struct{}{}
	}
	Eventually(t, "two more were sent", func() bool { return len(emsp.Received()) == 10 })
	after := texts(emsp.Received())[8:]
	if !strings.Contains(fmt.Sprint(after), "PATCH /locations/NL/CP1/U/E1") || !strings.Contains(fmt.Sprint(after), "PUT /locations/NL/CP1/L599") {
		t.Errorf("in the next two places came %q", after)
	}
	if l := lane(h, "DE-EM1"); l.Cursor >= first.Seq+7 { // two of the first eight are answered
		t.Errorf("the cursor is at %d although the first of the others are not answered", l.Cursor)
	}
	close(gate)
	h.Idle()
	count := map[string]int{}
	for _, r := range emsp.Received() {
		count[r.Path]++
	}
	if len(count) != bulk+1 || count["/locations/NL/CP1/L599"] != 1 || count["/locations/NL/CP1/U/E1"] != 1 {
		t.Errorf("%d objects arrived, L599 %d times, U %d times", len(count), count["/locations/NL/CP1/L599"], count["/locations/NL/CP1/U/E1"])
	}
}

// A token that is blocked overtakes other tokens.
func TestBlockedTokenOvertakes(t *testing.T) {
	h := New(t, true)
	cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
	emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
	h.Start()
	h.MustPublish(emsp, "PUT", ocpi.Tokens, "DE/EM1/LOST", Token("LOST", "RFID", t1))
	h.Idle()
	cpo.Forget()
	gate := make(chan struct{})
	cpo.Answers(func(Request) Answer {
		<-gate
		return Answer{}
	})
	for i := range 60 {
		id := fmt.Sprintf("T%02d", i)
		h.MustPublish(emsp, "PUT", ocpi.Tokens, "DE/EM1/"+id, Token(id, "RFID", t1))
	}
	h.MustPublish(emsp, "PATCH", ocpi.Tokens, "DE/EM1/LOST", `{"valid":false,"last_updated":"`+t2+`"}`)
	Eventually(t, "all are queued", func() bool { l := lane(h, "NL-CP1"); return l.InFlight == 8 && l.Queued == 61 })
	gate <- struct{}{}
	Eventually(t, "one more was sent", func() bool { return len(cpo.Received()) == 9 })
	if got := cpo.Received()[8].String(); got != "PATCH /tokens/DE/EM1/LOST" {
		t.Errorf("in the next place came %s", got)
	}
	close(gate)
	h.Idle()
	if got := distinct(cpo); len(got) != 61 || lane(h, "NL-CP1").State != delivery.LaneIdle {
		t.Errorf("%d of 61 tokens arrived", len(got))
	}
}
