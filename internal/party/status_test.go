package party

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// start runs the registry until the test ends.
func (r *rig) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
}

func (r *rig) statusOf(id string, role ocpi.Role) Status {
	info, _ := r.info(id, role)
	return info.Status
}

// kill makes the partner unreachable in a way that can be undone.
func (p *partner) kill() {
	p.set(func() {
		p.hook = func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }
	})
}

func (p *partner) revive() { p.set(func() { p.hook = nil }) }

func TestStillAlive_L03_L04_L07(t *testing.T) {
	r := newRig(t, func(o *Options) { o.StillAlive = 40 * time.Millisecond })
	p := newPartner(t, grantOf("NLCP1", "CPO"), grantOf("NLEM1", "EMSP"))
	id, _ := r.register(p, ocpi.V221)
	before := len(p.requests())
	first, o1 := r.info("NLCP1", "CPO")
	r.start()
	eventually(t, "L04: the partner is asked", func() bool { return len(p.requests()) > before+1 })
	q := p.requests()[before]
	if q.method != "GET" || q.path != "/versions" || q.auth != b64(p.token) || q.header.Get("X-Request-ID") == "" || q.header.Get("X-Correlation-ID") == "" {
		t.Errorf("the check was %+v", q)
	}
	for name := range q.header {
		if strings.HasPrefix(strings.ToLower(name), "ocpi-") {
			t.Errorf("routing header %s", name)
		}
	}
	if r.platform(id).Offline {
		t.Error("a living partner is OFFLINE")
	}
	p.kill()
	eventually(t, "L03: OFFLINE", func() bool { return r.platform(id).Offline })
	r.wantStatus("NLCP1", "CPO", Offline)
	r.wantStatus("NLEM1", "EMSP", Offline)
	down, o2 := r.info("NLCP1", "CPO")
	if down.LastUpdated <= first.LastUpdated || o2.LastUpdated <= o1.LastUpdated || o2.Seq <= o1.Seq || o2.Born != o1.Born {
		t.Errorf("L07: from %+v to %+v", first, down)
	}
	if !r.platform(id).Offline || !r.platform(id).Parties[0].Reachable() {
		t.Error("an OFFLINE party must stay addressable: the request finds out")
	}
	p.revive()
	eventually(t, "L03: back", func() bool { return !r.platform(id).Offline })
	r.wantStatus("NLCP1", "CPO", Connected)
	r.wantStatus("NLEM1", "EMSP", Connected)
	if up, _ := r.info("NLCP1", "CPO"); up.LastUpdated <= down.LastUpdated {
		t.Errorf("L07: from %+v to %+v", down, up)
	}
}

func TestSilentIsNotAsked(t *testing.T) {
	r := newRig(t, func(o *Options) { o.StillAlive = time.Hour })
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	id, _ := r.register(p, ocpi.V221)
	planned := r.invite(grantOf("NLCP2", "CPO"))
	pl := r.platform(id)
	if r.due(pl, r.now()) {
		t.Error("asked at once")
	}
	r.pass(59 * time.Minute)
	r.Heard(id)
	r.pass(59 * time.Minute)
	if r.due(pl, r.now()) {
		t.Error("asked although it was heard")
	}
	r.pass(2 * time.Minute)
	if !r.due(pl, r.now()) {
		t.Error("not asked after an hour of silence")
	}
	r.Succeeded(id)
	if r.due(pl, r.now()) || time.Since(pl.LastHeard()) > -time.Hour {
		t.Error("a success does not count as heard")
	}
	if r.due(r.platform(planned.ID), r.now().Add(100*time.Hour)) {
		t.Error("a platform that never registered would be asked")
	}
	r.Heard("nobody")
	r.Failed("nobody")
	r.Succeeded("nobody")
}

// Three failures in a row are confirmed by a check before a status changes.
func TestFailuresAreConfirmed(t *testing.T) {
	r := newRig(t, func(o *Options) { o.StillAlive = time.Hour })
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	id, _ := r.register(p, ocpi.V221)
	r.start()
	before := len(p.requests())
	fail := func(n int) {
		for range n {
			r.Failed(id)
		}
	}
	fail(2)
	r.Succeeded(id)
	fail(2)
	if r.platform(id).live.suspect.Load() {
		t.Error("failures that were not in a row count together")
	}
	fail(1)
	eventually(t, "the partner is asked", func() bool { return len(p.requests()) == before+1 })
	eventually(t, "the check ends", func() bool { return !r.platform(id).live.checking.Load() })
	if r.platform(id).Offline {
		t.Error("a partner that answers the check is OFFLINE")
	}
	p.kill()
	fail(3)
	eventually(t, "OFFLINE", func() bool { return r.platform(id).Offline })
	r.wantStatus("NLCP1", "CPO", Offline)
	// A message from it brings it back, although it cannot be reached yet.
	r.Heard(id)
	eventually(t, "back", func() bool { return !r.platform(id).Offline })
	r.wantStatus("NLCP1", "CPO", Connected)
}

func TestChecksAreBounded(t *testing.T) {
	r := newRig(t, func(o *Options) { o.StillAlive = 20 * time.Millisecond })
	p := newPartner(t)
	for id := range strings.FieldsSeq("NLA00 NLB00 NLC00 NLD00 NLE00 NLF00 NLG00 NLH00 NLI00 NLJ00 NLK00 NLL00") {
		p.parties = []Grant{grantOf(id, "CPO")}
		r.register(p, ocpi.V221)
	}
	var now, most atomic.Int32
	release := make(chan struct{})
	p.set(func() {
		p.hook = func(http.ResponseWriter, *http.Request) bool {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			<-release
			now.Add(-1)
			return false
		}
	})
	r.start()
	eventually(t, "all slots are used", func() bool { return now.Load() == maxChecks })
	close(release)
	eventually(t, "everybody was asked", func() bool { return len(p.requests()) >= 12*3 })
	if most.Load() > maxChecks {
		t.Errorf("%d checks at once", most.Load())
	}
}

// A check that was sent before a rotation must not condemn the new connection.
func TestStaleCheckIsIgnored(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	id, c := r.register(p, ocpi.V221)
	asked := r.platform(id)
	p.set(func() { p.token = "new-" + p.token })
	if _, e := r.call(c, ocpi.V221, "PUT", p.credentials()); e != nil {
		t.Fatal(e)
	}
	r.check(t.Context(), asked) // with the old token: 401
	if r.platform(id).Offline {
		t.Error("the platform is OFFLINE because of its former token")
	}
}

func TestRemovalAndRegrant_L06(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"), grantOf("NLEM1", "EMSP"))
	id, c := r.register(p, ocpi.V221)
	left := []Grant{grantOf("NLCP1", "CPO")}
	_, published := r.info("NLCP1", "CPO")
	if err := r.Update(t.Context(), id, Update{Parties: &left}); err != nil {
		t.Fatal(err)
	}
	if r.statusOf("NLEM1", "EMSP") != Suspended || len(r.Snapshot().Parties(ocpi.PartyID{CountryCode: "NL", ID: "EM1"})) != 0 {
		t.Error("a grant that was taken back is not SUSPENDED and gone")
	}
	r.wantStatus("NLCP1", "CPO", Connected)
	if _, now := r.info("NLCP1", "CPO"); now.Seq != published.Seq {
		t.Error("a grant that stayed was published again")
	}
	if err := r.Remove(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	gone, o := r.info("NLCP1", "CPO")
	if gone.Status != Suspended || o.Deleted || r.opens(c) != "" || r.Snapshot().Platform(id) != nil {
		t.Errorf("after the removal: %+v", gone)
	}
	r.pass(-time.Hour) // the clock goes back: last_updated must not
	again := r.invite(grantOf("NLCP1", "CPO"))
	back, _ := r.info("NLCP1", "CPO")
	r.wantStatus("NLCP1", "CPO", Planned)
	if back.LastUpdated <= gone.LastUpdated {
		t.Errorf("last_updated went from %s to %s", gone.LastUpdated, back.LastUpdated)
	}
	if q := r.platform(again.ID).Parties[0]; ocpi.FormatTime(q.LastUpdated) != back.LastUpdated {
		t.Errorf("the snapshot says %s, the object %s", q.LastUpdated, back.LastUpdated)
	}
	r.reopen()
	r.wantStatus("NLCP1", "CPO", Planned)
}

func TestTwoRolesTwoObjects_L05(t *testing.T) {
	r := newRig(t)
	r.invite(grantOf("NLTNM", "CPO"), grantOf("NLTNM", "EMSP"))
	a, oa := r.info("NLTNM", "CPO")
	b, ob := r.info("NLTNM", "EMSP")
	if a.Role != "CPO" || b.Role != "EMSP" || oa.Born == ob.Born {
		t.Errorf("%+v %+v", a, b)
	}
}
