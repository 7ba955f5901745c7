package party

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/internal/lease"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
	"github.com/eroam/eroam/ocpi"
)

// two returns two registries as of two processes on one PostgreSQL: what they do
// for each other, follow but not look after platforms, runs until the test ends.
// The first is the chief.
func two(t *testing.T, following bool) (a, b *Registry) {
	t.Helper()
	database := storetest.Postgres(t)
	client := egress.New(egress.Options{})
	t.Cleanup(client.Close)
	open := func(chief bool) *Registry {
		s := storetest.Open(t, store.Options{Database: database})
		o := Options{
			Store: s, Egress: client, Hub: testHub, PublicURL: "https://hub.example", SealKey: []byte("0123456789abcdef0123456789abcdef"),
		}
		if !chief {
			o.Lease = lease.Open(lease.Options{Store: s}) // it does not run: it has nothing
		}
		r, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if following {
			ctx, cancel := context.WithCancel(context.Background())
			var done sync.WaitGroup
			done.Go(func() { r.follow(ctx) })
			t.Cleanup(func() {
				cancel()
				done.Wait()
			})
		}
		return r
	}
	return open(true), open(false)
}

func invitation(id string) Invitation {
	return Invitation{Name: id, Parties: []Grant{{CountryCode: "NL", PartyID: id, Role: ocpi.RoleCPO}}}
}

// What one process has just made the other knows when it is asked for it, also
// where nothing has told it yet.
func TestOtherProcessKnowsAtOnce(t *testing.T) {
	a, b := two(t, false)
	ctx := t.Context()
	for i := range 5 {
		in, err := a.Invite(ctx, invitation(fmt.Sprintf("C%02d", i)))
		if err != nil {
			t.Fatal(err)
		}
		access, err := b.Authenticate(ctx, "Token "+in.TokenA)
		if err != nil || access.Platform.ID != in.ID {
			t.Fatalf("the other process knows %v, error %v", access, err)
		}
		if err := b.Remove(ctx, in.ID); err != nil {
			t.Errorf("removing at the other process: %v", err)
		}
		if _, err := a.Reinvite(ctx, in.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("a platform that the other process removed: %v; want ErrNotFound", err)
		}
	}
	if _, err := b.Authenticate(ctx, "Token bm9uZQ=="); ocpi.AsError(err).HTTPStatus() != 401 {
		t.Errorf("a token that nobody made: %v; want 401", err)
	}
}

// Without being asked it knows within a second.
func TestOtherProcessFollows(t *testing.T) {
	a, b := two(t, true)
	ctx := t.Context()
	agreement := Agreement{ID: "x", CPO: ocpi.PartyID{CountryCode: "NL", ID: "CP1"}, EMSP: ocpi.PartyID{CountryCode: "DE", ID: "EM1"}}
	for range 3 {
		if err := a.PutAgreement(ctx, agreement); err != nil {
			t.Fatal(err)
		}
		within(t, "the agreement is known", func() bool { return len(b.Agreements()) == 1 })
		if err := b.DeleteAgreement(ctx, "x"); err != nil {
			t.Fatal(err)
		}
		within(t, "the end of the agreement is known", func() bool { return len(a.Agreements()) == 0 })
	}
}

func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so in time: %s", what)
		}
	}
}

// Changes of both at the same time all happen, one after the other.
func TestBothChange(t *testing.T) {
	a, b := two(t, true)
	ctx := t.Context()
	const each = 20
	var done sync.WaitGroup
	won := make([]error, 2*each)
	for n, r := range []*Registry{a, b} {
		done.Go(func() {
			for i := range each {
				if _, err := r.Invite(ctx, invitation(fmt.Sprintf("%c%02d", 'A'+n, i))); err != nil {
					t.Errorf("inviting: %v", err)
				}
				// The same party at both: one of them gets it.
				_, won[n*each+i] = r.Invite(ctx, invitation(fmt.Sprintf("X%02d", i)))
			}
		})
	}
	done.Wait()
	for i := range each {
		x, y := won[i], won[each+i]
		if (x == nil) == (y == nil) || !errors.Is(errors.Join(x, y), ErrConflict) {
			t.Errorf("a party that both granted: %v and %v; want one ErrConflict", x, y)
		}
	}
	for _, r := range []*Registry{a, b} {
		within(t, "all platforms are known", func() bool { return len(r.Snapshot().Platforms()) == 3*each })
	}
}

// A token that may be used once is used once, whoever is asked.
func TestTokenIsSpentOnce(t *testing.T) {
	a, b := two(t, false)
	ctx := t.Context()
	for range 10 {
		in, err := a.Invite(ctx, invitation("CP1"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Authenticate(ctx, "Token "+in.TokenA); err != nil {
			t.Fatal(err)
		}
		hash := a.keys.digest(in.TokenA)
		var done sync.WaitGroup
		errs := make([]error, 2)
		for i, r := range []*Registry{a, b} {
			done.Go(func() { errs[i] = r.change(ctx, func(d *draft) error { return d.spendToken(hash) }) })
		}
		done.Wait()
		if (errs[0] == nil) == (errs[1] == nil) || ocpi.AsError(errors.Join(errs...)).HTTPStatus() != 401 {
			t.Errorf("spending at both: %v and %v; want one 401", errs[0], errs[1])
		}
		if err := a.Remove(ctx, in.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// The chief learns whom the others hear and whom they cannot reach; the others
// ask nobody and declare nobody OFFLINE.
func TestNews(t *testing.T) {
	a, b := two(t, false)
	ctx := t.Context()
	in, err := a.Invite(ctx, invitation("CP1"))
	if err != nil {
		t.Fatal(err)
	}
	err = a.change(ctx, func(d *draft) error {
		p, err := d.platform(in.ID)
		p.State, p.VersionsURL = StateConnected, "https://cpo.example/versions"
		d.putPlatform(p)
		return err
	})
	if err = errors.Join(err, b.refresh(ctx)); err != nil {
		t.Fatal(err)
	}
	at, other := a.Snapshot().Platform(in.ID), b.Snapshot().Platform(in.ID)
	now := time.Now()
	a.now, b.now = func() time.Time { return now }, func() time.Time { return now }
	share := func() {
		b.shareNews(ctx, b.chief())
		a.shareNews(ctx, a.chief())
	}
	if !a.chief() || b.chief() {
		t.Fatal("there must be one chief, the first")
	}
	at.live.heard.Store(micros(now))
	other.live.heard.Store(micros(now))
	share()
	now = now.Add(4 * time.Minute)
	b.Heard(in.ID)
	share()
	now = now.Add(2 * time.Minute)
	if a.due(at, now) {
		t.Error("the chief would ask a platform that the other process has just heard")
	}
	for range failuresToSuspect {
		b.Failed(in.ID)
	}
	var checks sync.WaitGroup
	b.lookAfter(ctx, &checks, nil) // without a slot for a check
	checks.Wait()
	share()
	if !a.due(at, now) {
		t.Error("the chief does not ask a platform that the other process cannot reach")
	}
	if other.live.suspect.Load() || b.Snapshot().Platform(in.ID).Offline {
		t.Error("the other process acts itself")
	}
}
