package party

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eroam/eroam/ocpi"
)

func TestRotationByPartner_D17_D20(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	id, old := r.register(p, ocpi.V221)
	before := len(p.requests())
	_, published := r.info("NLCP1", "CPO")
	p.set(func() {
		p.token = "partner-rotated"
		p.endpoints[1].URL = p.URL + "/moved"
	})
	c, e := r.call(old, ocpi.V221, "PUT", p.credentials())
	if e != nil {
		t.Fatal(e)
	}
	got := p.requests()[before:]
	if len(got) != 2 || got[0].path != "/versions" || got[1].path != "/details/2.2.1" || got[0].auth != b64("partner-rotated") {
		t.Errorf("D17: the call-back was %+v", got)
	}
	if c.Token == old || !ocpi.ValidToken(c.Token) {
		t.Errorf("D17: answered with token %q", c.Token)
	}
	pl := r.platform(id)
	if url, _ := pl.Endpoint(ocpi.Locations, ocpi.Receiver); pl.Token != "partner-rotated" || url != p.URL+"/moved" {
		t.Errorf("D19, D20: token %q, endpoint %q", pl.Token, url)
	}
	if k := r.opens(old); k != KindPrevious || !k.Registered() {
		t.Errorf("before the new token is used the old one opens %q", k)
	}
	if r.opens(c.Token) != KindFull || r.opens(old) != "" {
		t.Error("D18: the old token survives the use of the new one")
	}
	if _, now := r.info("NLCP1", "CPO"); now.Seq != published.Seq {
		t.Error("a status that did not change was published again")
	}
	r.reopen()
	if r.opens(old) != "" || r.opens(c.Token) != KindFull {
		t.Error("D18: after a restart the old token is back")
	}
}

// The first use must end the old token before it is answered, however many
// requests use the new one at once.
func TestFirstUseEndsThePreviousToken_D18(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	_, old := r.register(p, ocpi.V221)
	c, e := r.call(old, ocpi.V221, "PUT", p.credentials())
	if e != nil {
		t.Fatal(e)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if r.opens(c.Token) != KindFull {
				t.Error("the new token is refused")
			}
			if r.opens(old) != "" {
				t.Error("the old token opens something after the new one was answered")
			}
		})
	}
	wg.Wait()
	// When it cannot be written the new token is not answered.
	c2, e := r.call(c.Token, ocpi.V221, "PUT", p.credentials())
	if e != nil {
		t.Fatal(e)
	}
	if err := r.opts.Store.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := r.Authenticate(t.Context(), b64(c2.Token))
	if e := ocpi.AsError(err); err == nil || e.HTTP != 503 {
		t.Errorf("with a closed database: %v, want 503", err)
	}
	r.open()
	if r.opens(c.Token) != KindPrevious {
		t.Error("the old token died although nothing was written")
	}
}

// The answer to PUT is lost again and again, the hub restarts between all steps:
// the partner always has a token that works (T8).
func TestLostAnswerOfRotation_T8(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	_, held := r.register(p, ocpi.V221)
	r.opens(held)
	var lost []string
	for range 3 {
		r.reopen()
		c, e := r.call(held, ocpi.V221, "PUT", p.credentials()) // c never arrives
		if e != nil {
			t.Fatalf("the retry with the old token fails: %v", e)
		}
		lost = append(lost, c.Token)
		r.reopen()
		if r.opens(held) != KindPrevious {
			t.Fatal("the old token died with the answer")
		}
		if rows, err := r.opts.Store.Registry(t.Context()); err != nil || len(rows.Credentials) != 2 {
			t.Errorf("%d tokens are alive (%v), want 2", len(rows.Credentials), err)
		}
	}
	for _, tok := range lost[:2] {
		if r.opens(tok) != "" {
			t.Error("a token that never arrived still opens something")
		}
	}
	c, e := r.call(held, ocpi.V221, "PUT", p.credentials())
	if e != nil || r.opens(c.Token) != KindFull || r.opens(held) != "" {
		t.Errorf("the answer arrives at last: %v", e)
	}
}

func TestOverlapEnds(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	_, old := r.register(p, ocpi.V221)
	c, e := r.call(old, ocpi.V221, "PUT", p.credentials())
	if e != nil {
		t.Fatal(e)
	}
	r.pass(24*time.Hour - time.Minute)
	if r.opens(old) != KindPrevious {
		t.Error("the old token died early")
	}
	r.pass(time.Minute)
	if r.opens(old) != "" {
		t.Error("the old token lives longer than 24 h")
	}
	if r.opens(c.Token) != KindFull {
		t.Error("the new token does not work")
	}
}

func TestVersionSwitch_D21(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	id, c := r.register(p, ocpi.V221)
	got, e := r.call(c, ocpi.V230, "PUT", p.credentials())
	if e != nil {
		t.Fatal(e)
	}
	if pl := r.platform(id); pl.Version != ocpi.V230 || got.HubPartyID != "DEHUB" {
		t.Errorf("version %s, answer %+v", pl.Version, got)
	}
	if last := p.requests()[len(p.requests())-1]; last.path != "/details/2.3.0" {
		t.Errorf("the hub read %s", last.path)
	}
	if _, e := r.call(got.Token, ocpi.V221, "PUT", p.credentials()); e != nil || r.platform(id).Version != ocpi.V221 {
		t.Errorf("and back: %v", e)
	}
}

func TestFailedRotationChangesNothing_D22(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"), grantOf("NLCP1", "EMSP"))
	id, c := r.register(p, ocpi.V221)
	before := *r.platform(id)
	for _, tt := range []struct {
		body string
		v    ocpi.Version
		want int
	}{
		{p.credentials(func(c *credentials) { c.Token = "wrong" }), ocpi.V221, 3001},
		{p.credentials(func(c *credentials) { c.URL = "http://127.0.0.1:1/" }), ocpi.V221, 3001},
		{p.credentials(func(c *credentials) { c.Roles = nil }), ocpi.V221, 2001},
		{p.credentials(), "2.2", 3002},
	} {
		if _, e := r.call(c, tt.v, "PUT", tt.body); e == nil || e.Status != tt.want || e.HTTPStatus() != 200 {
			t.Errorf("answer %v, want %d", e, tt.want)
		}
		after := r.platform(id)
		if r.opens(c) != KindFull || after.Token != before.Token || after.VersionsURL != before.VersionsURL || after.Version != before.Version || !after.Updated.Equal(before.Updated) {
			t.Errorf("after %d the platform is %+v", tt.want, after)
		}
		for _, q := range after.Parties {
			if !q.Reachable() {
				t.Errorf("after %d %s %s is not reachable", tt.want, q.ID, q.Role)
			}
		}
	}
}

func TestRolesFollowTheExchange_D23(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	id, c := r.register(p, ocpi.V221)
	both := []Grant{grantOf("NLCP1", "CPO"), grantOf("NLEM1", "EMSP")}
	if err := r.Update(t.Context(), id, Update{Parties: &both}); err != nil {
		t.Fatal(err)
	}
	em1 := ocpi.PartyID{CountryCode: "NL", ID: "EM1"}
	find := func() *Party { return r.Snapshot().Find(em1, ocpi.SideEMSP, ocpi.Locations, ocpi.Receiver) }
	if q := find(); q == nil || q.Confirmed || q.Reachable() {
		t.Errorf("granted only: %+v", q)
	}
	r.wantStatus("NLEM1", "EMSP", Planned)
	p.parties = both
	got, e := r.call(c, ocpi.V221, "PUT", p.credentials())
	if e != nil {
		t.Fatal(e)
	}
	if !find().Reachable() {
		t.Error("a confirmed role is not reachable")
	}
	r.wantStatus("NLEM1", "EMSP", Connected)
	p.parties = both[:1]
	if got, e = r.call(got.Token, ocpi.V221, "PUT", p.credentials()); e != nil {
		t.Fatal(e)
	}
	if q := find(); q.Confirmed || q.Reachable() {
		t.Error("a role that is no longer named is reachable")
	}
	r.wantStatus("NLEM1", "EMSP", Suspended)
	r.wantStatus("NLCP1", "CPO", Connected)
	p.parties = []Grant{{CountryCode: "nl", PartyID: "em1", Role: "EMSP"}}
	if _, e = r.call(got.Token, ocpi.V221, "PUT", p.credentials()); e != nil || !find().Reachable() {
		t.Errorf("named in lower case: %v", e)
	}
}

func TestRotationByHub(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	id, old := r.register(p, ocpi.V221)
	var offered, offered2 string
	p.onOffer = func(method string, c credentials) (int, string) {
		offered = c.Token
		if method != "PUT" || len(c.Roles) != 1 || c.Roles[0].Role != "HUB" || c.URL != r.url+"/ocpi/versions" {
			t.Errorf("%s with %+v", method, c)
		}
		// Both tokens work while the partner calls back.
		if r.opens(c.Token) != KindNext || r.opens(old) != KindFull {
			t.Error("a token does not work during the rotation")
		}
		return 1000, p.credentials(func(c *credentials) { c.Token = "partner-second" })
	}
	if err := r.Rotate(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if r.platform(id).Token != "partner-second" {
		t.Error("the partner's new token is not used")
	}
	if r.opens(old) != KindPrevious || r.opens(offered) != KindFull || r.opens(old) != "" {
		t.Error("the overlap does not end with the first use")
	}

	// The partner refuses: nothing changes, the offered token dies.
	p.set(func() {
		p.token = "partner-second"
		p.onOffer = func(_ string, c credentials) (int, string) { offered2 = c.Token; return 2000, "" }
	})
	if err := r.Rotate(t.Context(), id); !errors.Is(err, ErrRotation) {
		t.Errorf("refused: %v", err)
	}
	if r.opens(offered2) != "" || r.opens(offered) != KindFull {
		t.Error("after a refusal the tokens are not as before")
	}
	if err := r.Rotate(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown platform: %v", err)
	}
}

// The answer to the hub's PUT is lost: whichever token the partner goes on with
// works, for as long as it takes, across restarts.
func TestHubRotationWithoutAnswer(t *testing.T) {
	for _, taken := range []bool{true, false} {
		r := newRig(t)
		p := newPartner(t, grantOf("NLCP1", "CPO"))
		id, old := r.register(p, ocpi.V221)
		offers := make(chan string, 1)
		p.onOffer = func(_ string, c credentials) (int, string) { offers <- c.Token; return 0, "" }
		if err := r.Rotate(t.Context(), id); !errors.Is(err, ErrRotationUnknown) {
			t.Fatalf("cut off: %v", err)
		}
		next := <-offers
		r.reopen()
		if r.opens(old) != KindFull || r.opens(next) != KindNext || !KindNext.Registered() {
			t.Fatalf("tokens open %q and %q", r.opens(old), r.opens(next))
		}
		r.pass(unsettled + time.Minute)
		if taken {
			if r.opens(next) != KindFull || r.opens(old) != "" {
				t.Error("the partner took the new token: it must replace the old one")
			}
			r.pass(48 * time.Hour)
			if r.opens(next) != KindFull {
				t.Error("the new token expired")
			}
			continue
		}
		r.pass(48 * time.Hour)
		if r.opens(old) != KindFull || r.opens(next) != "" {
			t.Error("the partner did not take the new token: the old one must stay")
		}
	}
}

func TestSuspendAndResume(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"), grantOf("NLCP2", "CPO"))
	p.parties = p.parties[:1]
	inv := r.invite(grantOf("NLCP1", "CPO"), grantOf("NLCP2", "CPO"))
	c, e := r.call(inv.TokenA, ocpi.V221, "POST", p.credentials())
	if e != nil {
		t.Fatal(e)
	}
	yes, no := true, false
	if err := r.Update(t.Context(), inv.ID, Update{Suspended: &yes}); err != nil {
		t.Fatal(err)
	}
	r.reopen()
	if r.opens(c.Token) != "" || slices.ContainsFunc(r.platform(inv.ID).Parties, (*Party).Reachable) {
		t.Error("a suspended platform gets in or is reached")
	}
	r.wantStatus("NLCP1", "CPO", Suspended)
	r.wantStatus("NLCP2", "CPO", Suspended)
	if err := r.Update(context.Background(), inv.ID, Update{Suspended: &no}); err != nil {
		t.Fatal(err)
	}
	if r.opens(c.Token) != KindFull || !r.platform(inv.ID).Parties[0].Reachable() {
		t.Error("resuming does not bring the platform back")
	}
	r.wantStatus("NLCP1", "CPO", Connected)
	r.wantStatus("NLCP2", "CPO", Planned)
}
