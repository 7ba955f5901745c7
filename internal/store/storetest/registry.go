package storetest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

func registry(t testing.TB, s *store.Store) store.Registry {
	t.Helper()
	r, err := s.Registry(context.Background())
	if err != nil {
		t.Fatalf("reading the registry: %v", err)
	}
	slices.SortFunc(r.Platforms, func(a, b store.PlatformRow) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(r.Credentials, func(a, b store.CredentialRow) int { return bytes.Compare(a.Hash, b.Hash) })
	slices.SortFunc(r.Parties, func(a, b store.PartyRow) int {
		return cmp.Or(cmp.Compare(a.Party.String(), b.Party.String()), cmp.Compare(a.Role, b.Role))
	})
	slices.SortFunc(r.Agreements, func(a, b store.AgreementRow) int { return cmp.Compare(a.ID, b.ID) })
	return r
}

func same(t testing.TB, got, want any) {
	t.Helper()
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("not as expected (-want +got):\n%s", d)
	}
}

func someRegistry() store.Registry {
	return store.Registry{
		Platforms: []store.PlatformRow{
			{ID: "p1", Name: "One", State: "CONNECTED", Offline: true, Hub: true, Version: "2.2.1",
				VersionsURL: "https://one.example/versions", Encoding: "base64", Endpoints: []byte(`[1]`),
				SealedToken: []byte{0, 1, 255}, Settings: []byte(`{}`), Created: 1, Updated: 2},
			{ID: "p2", Name: "Zwei ⚡", State: "PLANNED", Endpoints: []byte{}, SealedToken: []byte{}, Settings: []byte{}},
		},
		Credentials: []store.CredentialRow{
			{Hash: []byte{0, 1}, Platform: "p1", Kind: "A", Created: 3, Expires: 4},
			{Hash: []byte{0, 2}, Platform: "p1", Kind: "C", Created: 5},
			{Hash: []byte{0, 3}, Platform: "p2", Kind: "C", Created: 6},
		},
		Parties: []store.PartyRow{
			{Party: cpo2, Role: "CPO", Platform: "p2", Name: "Cp Two", Status: "PLANNED", Delivery: []byte{}},
			{Party: cpo1, Role: "CPO", Platform: "p1", Name: "Cp One", Confirmed: true, Status: "CONNECTED", LastUpdated: 7, Delivery: []byte(`{"rate":1}`)},
			{Party: cpo1, Role: "EMSP", Platform: "p1", Name: "Em One", Status: "CONNECTED", LastUpdated: 8, Delivery: []byte{}},
		},
		Agreements: []store.AgreementRow{
			{ID: "a1", CPO: cpo1, EMSP: emsp, ValidFrom: 9, ValidTo: 10, Body: []byte(`{"scope":[]}`)},
			{ID: "a2", CPO: cpo2, EMSP: emsp, Body: []byte{}},
		},
	}
}

func putRegistry(t testing.TB, s *store.Store, r store.Registry) {
	t.Helper()
	write(t, s, func(tx *store.Tx) error {
		for _, p := range r.Platforms {
			if err := tx.PutPlatform(p); err != nil {
				return err
			}
		}
		for _, c := range r.Credentials {
			if err := tx.PutCredential(c); err != nil {
				return err
			}
		}
		for _, p := range r.Parties {
			if err := tx.PutParty(p); err != nil {
				return err
			}
		}
		for _, a := range r.Agreements {
			if err := tx.PutAgreement(a); err != nil {
				return err
			}
		}
		return nil
	})
}

func testRegistry(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	same(t, registry(t, s), store.Registry{})
	want := someRegistry()
	putRegistry(t, s, want)
	same(t, registry(t, s), want)

	// Every column is replaced.
	want.Platforms[0] = store.PlatformRow{ID: "p1", Name: "n", State: "s", Version: "v", VersionsURL: "u", Encoding: "e",
		Endpoints: []byte("1"), SealedToken: []byte("2"), Settings: []byte("3"), Created: 11, Updated: 12}
	want.Credentials[0] = store.CredentialRow{Hash: []byte{0, 1}, Platform: "p2", Kind: "B", Created: 13, Expires: 14}
	want.Parties[1] = store.PartyRow{Party: cpo1, Role: "CPO", Platform: "p2", Name: "m", Status: "OFFLINE", LastUpdated: 15, Delivery: []byte("5")}
	want.Agreements[0] = store.AgreementRow{ID: "a1", CPO: cpo2, EMSP: cpo3, ValidFrom: 16, ValidTo: 17, Body: []byte("4")}
	putRegistry(t, s, want)
	same(t, registry(t, s), want)

	var first, again bool
	write(t, s, func(tx *store.Tx) (err error) {
		if err := tx.DeleteParty(cpo1, "CPO"); err != nil {
			return err
		}
		if err := tx.DeleteParty(emsp, "CPO"); err != nil { // never was
			return err
		}
		if err := tx.DeleteCredentials("p2"); err != nil {
			return err
		}
		if first, err = tx.DeleteAgreement("a1"); err != nil {
			return err
		}
		again, err = tx.DeleteAgreement("a1")
		return err
	})
	if !first || again {
		t.Errorf("DeleteAgreement = %v, then %v; want true, then false", first, again)
	}
	want.Parties = slices.Delete(want.Parties, 1, 2)
	want.Credentials = want.Credentials[1:2]
	want.Agreements = want.Agreements[1:]
	same(t, registry(t, s), want)
}

func testDeletePlatform(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	want := someRegistry()
	putRegistry(t, s, want)
	write(t, s, func(tx *store.Tx) error { return tx.DeletePlatform("p1") })
	write(t, s, func(tx *store.Tx) error { return tx.DeletePlatform("never was") })
	want.Platforms = want.Platforms[1:]
	want.Credentials = want.Credentials[2:]
	want.Parties = want.Parties[:1]
	same(t, registry(t, s), want)
}

func testSingleUse(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	hash := []byte("hash")
	write(t, s, func(tx *store.Tx) error {
		return tx.PutCredential(store.CredentialRow{Hash: hash, Platform: "p", Kind: "A"})
	})
	const callers = 50
	var wg sync.WaitGroup
	used := make([]bool, callers)
	for i := range callers {
		wg.Go(func() {
			err := s.Write(context.Background(), func(tx *store.Tx) (err error) {
				used[i], err = tx.DeleteCredential(hash)
				return err
			})
			if err != nil {
				t.Errorf("deleting a credential: %v", err)
			}
		})
	}
	wg.Wait()
	n := 0
	for _, u := range used {
		if u {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d of %d callers used the credential; want 1", n, callers)
	}
}

func testMeta(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	meta := func() []byte {
		t.Helper()
		v, err := s.Meta(context.Background(), "key")
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := meta(); v != nil {
		t.Errorf("before it was set: %q; want nil", v)
	}
	for _, v := range [][]byte{{1, 0, 255}, []byte("other"), {}, nil} {
		write(t, s, func(tx *store.Tx) error { return tx.SetMeta("key", v) })
		same(t, meta(), v)
	}
}

func testCursors(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	cursors := func() map[string]int64 {
		t.Helper()
		c, err := s.Cursors(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	claim := func(lane string, blank, epoch int64) (c store.Cursor, ok bool) {
		t.Helper()
		write(t, s, func(tx *store.Tx) (err error) {
			c, ok, err = tx.ClaimCursor(lane, blank, epoch)
			return err
		})
		return c, ok
	}
	move := func(moves ...store.CursorMove) (lost []string) {
		t.Helper()
		write(t, s, func(tx *store.Tx) (err error) {
			lost, err = tx.MoveCursors(moves)
			return err
		})
		return lost
	}
	set := func(lane string, seq, epoch int64) (held bool) {
		t.Helper()
		return len(move(store.CursorMove{Lane: lane, Epoch: epoch, Seq: seq, Level: seq - 1})) == 0
	}
	claimed := func(c store.Cursor, ok bool) store.Cursor {
		t.Helper()
		same(t, ok, true)
		return c
	}
	same(t, cursors(), map[string]int64{})
	same(t, set("a", 5, 1), false) // nobody has claimed it
	same(t, claimed(claim("a", 7, 1)), store.Cursor{Blank: 7})
	same(t, claimed(claim("b", 9, 0)), store.Cursor{Blank: 9})
	same(t, set("a", 5, 1), true)
	same(t, set("b", 1<<60, 0), true)
	same(t, cursors(), map[string]int64{"a": 5, "b": 1 << 60})
	same(t, claimed(claim("a", 99, 3)), store.Cursor{Seq: 5, Level: 4, Blank: 7})
	same(t, set("a", 6, 1), false) // the earlier holder is fenced off
	same(t, move(store.CursorMove{Lane: "a", Epoch: 1, Seq: 9, Grants: []byte("x")}), []string{"a"})
	same(t, len(move(store.CursorMove{Lane: "a", Epoch: 3, Seq: 4, Level: 2, Grants: []byte{0, 255, 1}})), 0)
	_, ok := claim("a", 0, 2)
	same(t, ok, false)
	same(t, claimed(claim("a", 0, 3)), store.Cursor{Seq: 4, Level: 2, Blank: 7, Grants: []byte{0, 255, 1}})
	same(t, set("a", 6, 3), true) // keeps what goes with it
	same(t, claimed(claim("a", 0, 3)), store.Cursor{Seq: 6, Level: 5, Blank: 7, Grants: []byte{0, 255, 1}})
	write(t, s, func(tx *store.Tx) error { return tx.DeleteCursor("b") })
	write(t, s, func(tx *store.Tx) error { return tx.DeleteCursor("never was") })
	same(t, set("b", 1, 0), false)
	same(t, cursors(), map[string]int64{"a": 6})
}

// Many cursors move in few statements, each as if it were alone.
func testManyCursors(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	const lanes = 150
	name := func(i int) string { return fmt.Sprintf("lane %03d", i) }
	write(t, s, func(tx *store.Tx) error {
		for i := range lanes {
			epoch := int64(i % 3)
			if i == 10 || i == 140 {
				epoch = 77 // of another process
			}
			if _, ok, err := tx.ClaimCursor(name(i), 1, epoch); err != nil || !ok {
				return fmt.Errorf("claimed %v: %w", ok, err)
			}
		}
		return tx.DeleteCursor(name(20))
	})
	moves := make([]store.CursorMove, lanes)
	for i := range moves {
		moves[i] = store.CursorMove{Lane: name(i), Epoch: int64(i % 3), Seq: int64(1000 + i), Level: int64(500 + i)}
	}
	moves[30].Grants = []byte("thirty")
	var lost []string
	write(t, s, func(tx *store.Tx) (err error) {
		lost, err = tx.MoveCursors(moves)
		return err
	})
	same(t, lost, []string{name(10), name(20), name(140)})
	write(t, s, func(tx *store.Tx) error {
		for i := range lanes {
			if i == 20 {
				continue
			}
			want := store.Cursor{Seq: int64(1000 + i), Level: int64(500 + i), Blank: 1}
			switch i {
			case 10, 140:
				want = store.Cursor{Blank: 1}
			case 30:
				want.Grants = []byte("thirty")
			}
			got, _, err := tx.ClaimCursor(name(i), 1, 77)
			if err != nil {
				return err
			}
			same(t, got, want)
		}
		return nil
	})
}

func testOwners(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	note := func(kind, id string, p ocpi.PartyID, seen int64) {
		t.Helper()
		write(t, s, func(tx *store.Tx) error {
			return tx.PutOwner(store.OwnerRow{Kind: kind, ID: id, Party: p, Seen: seen})
		})
	}
	owners := func(kind, id string) []ocpi.PartyID {
		t.Helper()
		o, err := s.Owners(context.Background(), kind, id)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	same(t, len(owners("token", "x")), 0)
	note("token", "x", cpo1, 10)
	note("token", "x", cpo2, 20)
	note("token", "y", cpo3, 20)
	note("session", "x", emsp, 30)
	same(t, owners("token", "x"), []ocpi.PartyID{cpo2, cpo1})
	note("token", "x", cpo1, 30)
	same(t, owners("token", "x"), []ocpi.PartyID{cpo1, cpo2})
	note("token", "x", cpo1, 5) // arrives late
	same(t, owners("token", "x"), []ocpi.PartyID{cpo1, cpo2})
	same(t, owners("session", "x"), []ocpi.PartyID{emsp})
}

func testCapabilityClaim(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	claim := func(id string, now, until int64) (ok bool) {
		t.Helper()
		write(t, s, func(tx *store.Tx) (err error) {
			ok, err = tx.ClaimCapability(id, now, until, id != "c")
			return err
		})
		return ok
	}
	overdue := func(now int64) (id string) {
		t.Helper()
		write(t, s, func(tx *store.Tx) error {
			c, _, err := tx.TakeOverdue(now)
			id = c.ID
			return err
		})
		return id
	}
	write(t, s, func(tx *store.Tx) error {
		return errors.Join(
			tx.PutCapability(store.Capability{ID: "a", Expires: 1000, Due: 100}),
			tx.PutCapability(store.Capability{ID: "b", Expires: 1000}),
			tx.PutCapability(store.Capability{ID: "c", Expires: 1000, Due: 500}),
		)
	})
	same(t, claim("none", 50, 200), false)
	same(t, claim("b", 2000, 2100), false) // it has expired
	same(t, claim("a", 50, 200), true)
	same(t, claim("a", 60, 210), false)
	same(t, overdue(150), "")           // its result is on its way
	same(t, claim("a", 200, 300), true) // whoever had it is gone
	write(t, s, func(tx *store.Tx) error { return tx.UnclaimCapability("a") })
	same(t, claim("a", 210, 310), true)
	write(t, s, func(tx *store.Tx) error { return tx.UnclaimCapability("a") })
	same(t, overdue(310), "a")
	same(t, claim("a", 320, 400), false)
	same(t, claim("c", 320, 600), true) // takes several results
	same(t, claim("c", 330, 610), true)
	same(t, overdue(605), "")
	same(t, overdue(610), "c")
	same(t, claim("c", 620, 700), false)
	same(t, claim("b", 1, 2), true)
	same(t, overdue(1000), "") // nothing was expected of it
}

func testCapabilities(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	now := time.Now().UnixMicro()
	hour := time.Hour.Microseconds()
	full := store.Capability{ID: "full", Kind: "response", Caller: "p1", CallerParty: cpo1, Owner: "p2", OwnerParty: emsp,
		Module: "commands", Interface: "SENDER", URL: "https://em.example/r/1?a=b", Created: now, Expires: now + hour}
	other := full
	other.Kind, other.URL = "link", "https://em.example/2"
	put := func(c store.Capability) {
		t.Helper()
		write(t, s, func(tx *store.Tx) error { return tx.PutCapability(c) })
	}
	get := func(id string) (store.Capability, bool) {
		t.Helper()
		c, found, err := s.Capability(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		return c, found
	}
	put(full)
	c, found := get("full")
	same(t, found, true)
	same(t, c, full)
	put(other)
	c, _ = get("full")
	same(t, c, other)
	for i, id := range []string{"old1", "old2", "old3"} {
		put(store.Capability{ID: id, Expires: now - int64(3-i)})
	}
	put(store.Capability{ID: "forever"})
	for id, want := range map[string]bool{"full": true, "forever": true, "old1": false, "old3": false, "none": false} {
		if _, found := get(id); found != want {
			t.Errorf("capability %s found: %v; want %v", id, found, want)
		}
	}
	expire := func(now int64) (n int) {
		t.Helper()
		write(t, s, func(tx *store.Tx) (err error) {
			n, err = tx.DeleteExpiredCapabilities(now, 2)
			return err
		})
		return n
	}
	same(t, []int{expire(now), expire(now), expire(now)}, []int{2, 1, 0})
	same(t, []int{expire(now + hour - 1), expire(now + hour)}, []int{0, 1})
	_, found = get("forever")
	same(t, found, true)
}

func testOverdue(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	write(t, s, func(tx *store.Tx) error {
		return errors.Join(
			tx.PutCapability(store.Capability{ID: "answered", Due: -1}),
			tx.PutCapability(store.Capability{ID: "none expected"}),
			tx.PutCapability(store.Capability{ID: "second"}),
			tx.PutCapability(store.Capability{ID: "first", URL: "https://em.example/r"}),
			tx.ExpectResult("answered", 10), tx.ExpectResult("never was", 10),
			tx.ExpectResult("second", 30), tx.ExpectResult("second", 10), // the first time counts
			tx.ExpectResult("first", 20))
	})
	take := func(now int64) (c store.Capability, found bool) {
		t.Helper()
		write(t, s, func(tx *store.Tx) (err error) {
			c, found, err = tx.TakeOverdue(now)
			return err
		})
		return c, found
	}
	if c, found := take(19); found {
		t.Errorf("before it was due: %+v", c)
	}
	c, found := take(1000)
	same(t, found, true)
	same(t, c, store.Capability{ID: "first", URL: "https://em.example/r", Expires: 1})
	if _, found, err := s.Capability(context.Background(), "first"); found || err != nil {
		t.Errorf("taken and still valid: %v, error %v", found, err)
	}
	if c, _ := take(30); c.ID != "second" {
		t.Errorf("then came %+v", c)
	}
	if c, found := take(1000); found {
		t.Errorf("at last came %+v", c)
	}
}
