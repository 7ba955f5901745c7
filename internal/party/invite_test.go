package party

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eroam/eroam/ocpi"
)

func TestInviteIsSingleUse_T3(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	inv := r.invite(p.parties...)
	a, err := r.Authenticate(t.Context(), b64(inv.TokenA))
	if err != nil {
		t.Fatal(err)
	}
	var done, refused atomic.Int32
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			switch _, err := r.Credentials(context.Background(), a, ocpi.V221, "POST", []byte(p.credentials())); {
			case err == nil:
				done.Add(1)
			case ocpi.AsError(err).HTTP == 401:
				refused.Add(1)
			}
		})
	}
	wg.Wait()
	if done.Load() != 1 || refused.Load() != 1 {
		t.Errorf("%d succeeded, %d got 401", done.Load(), refused.Load())
	}
	if r.opens(inv.TokenA) != "" {
		t.Error("TOKEN_A still opens something")
	}
	if n := len(p.requests()); n != 2 {
		t.Errorf("%d call-backs, want the 2 of the one that succeeded", n)
	}

	late := r.invite(grantOf("NLCP2", "CPO"))
	if want := time.Now().Add(72 * time.Hour); late.ExpiresAt.Sub(want).Abs() > time.Minute {
		t.Errorf("expires_at %s", late.ExpiresAt)
	}
	r.pass(72*time.Hour - time.Minute)
	if r.opens(late.TokenA) != KindInvite {
		t.Error("TOKEN_A died early")
	}
	r.pass(time.Minute)
	if r.opens(late.TokenA) != "" {
		t.Error("TOKEN_A lives longer than 72 h")
	}
	again, err := r.Reinvite(context.Background(), late.ID)
	if err != nil || r.opens(again.TokenA) != KindInvite {
		t.Errorf("a new invitation: %v", err)
	}
	third, err := r.Reinvite(context.Background(), late.ID)
	if err != nil || r.opens(again.TokenA) != "" || r.opens(third.TokenA) != KindInvite {
		t.Errorf("the earlier invitation still works (%v)", err)
	}
	r.pass(100 * time.Hour)
	r.purge(context.Background())
	rows, err := r.opts.Store.Registry(t.Context())
	if err != nil || len(rows.Credentials) != 1 || rows.Credentials[0].Kind != "C" {
		t.Errorf("after the purge: %+v %v", rows.Credentials, err)
	}
}

// Two processes on one database cannot both spend a TOKEN_A: the database
// decides, not the memory of either.
func TestInviteIsSpentInTheDatabase_T3(t *testing.T) {
	r := newRig(t)
	p := newPartner(t, grantOf("NLCP1", "CPO"))
	inv := r.invite(p.parties...)
	other, err := Open(t.Context(), r.opts)
	if err != nil {
		t.Fatal(err)
	}
	a, err := other.Authenticate(t.Context(), b64(inv.TokenA))
	if err != nil {
		t.Fatal(err)
	}
	c, e := r.call(inv.TokenA, ocpi.V221, "POST", p.credentials())
	if e != nil {
		t.Fatal(e)
	}
	if _, err := other.Credentials(t.Context(), a, ocpi.V221, "POST", []byte(p.credentials())); ocpi.AsError(err).HTTP != 401 {
		t.Errorf("the second process answers %v, want 401", err)
	}
	if _, err := other.Authenticate(t.Context(), b64(c.Token)); err != nil {
		t.Error("after the failed write the second process does not know what is true")
	}
	r.reopen()
	if r.opens(c.Token) != KindFull {
		t.Error("the second process undid the first registration")
	}
}

// Grants that change while the hub calls back count as they are at the end.
func TestGrantsChangeDuringTheCallBack(t *testing.T) {
	for name, change := range map[string]func(r *rig, id string) error{
		"taken back": func(r *rig, id string) error {
			return r.Update(context.Background(), id, Update{Parties: &[]Grant{grantOf("NLCP2", "CPO")}})
		},
		"suspended": func(r *rig, id string) error {
			yes := true
			return r.Update(context.Background(), id, Update{Suspended: &yes})
		},
		"removed": func(r *rig, id string) error { return r.Remove(context.Background(), id) },
	} {
		r := newRig(t)
		p := newPartner(t, grantOf("NLCP1", "CPO"))
		inv := r.invite(p.parties...)
		var once sync.Once
		p.hook = func(http.ResponseWriter, *http.Request) bool {
			once.Do(func() {
				if err := change(r, inv.ID); err != nil {
					t.Error(err)
				}
			})
			return false
		}
		if c, e := r.call(inv.TokenA, ocpi.V221, "POST", p.credentials()); e == nil {
			t.Errorf("%s: registered with %+v", name, c)
		}
		for _, q := range r.Snapshot().Parties(ocpi.PartyID{CountryCode: "NL", ID: "CP1"}) {
			if q.Reachable() {
				t.Errorf("%s: the party is reachable", name)
			}
		}
	}
}

// The call-back is where an outsider can make the hub work (T37).
func TestHandshakesAreBounded_T37(t *testing.T) {
	r := newRig(t)
	p := newPartner(t)
	var now, most atomic.Int32
	release := make(chan struct{})
	p.set(func() {
		p.hook = func(http.ResponseWriter, *http.Request) bool {
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			<-release
			now.Add(-1)
			return false
		}
	})
	var wg sync.WaitGroup
	for i := range 12 {
		g := grantOf("NL"+[]string{"A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"}[i]+"00", "CPO")
		inv := r.invite(g)
		body := p.credentials(func(c *credentials) {
			c.Roles = []credentialsRole{{Role: g.Role, CountryCode: g.CountryCode, PartyID: g.PartyID, BusinessDetails: businessDetails{"x"}}}
		})
		wg.Go(func() {
			if _, e := r.call(inv.TokenA, ocpi.V221, "POST", body); e != nil {
				t.Errorf("registration %d: %v", i, e)
			}
		})
	}
	eventually(t, "the slots are full", func() bool { return now.Load() == maxHandshakes })
	if len(r.Snapshot().Platforms()) != 12 || r.change(t.Context(), func(*draft) error { return nil }) != nil {
		t.Error("changes are blocked by handshakes")
	}
	close(release)
	wg.Wait()
	if most.Load() != maxHandshakes {
		t.Errorf("%d handshakes in flight, want at most %d", most.Load(), maxHandshakes)
	}
}
