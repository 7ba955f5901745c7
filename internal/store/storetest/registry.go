package storetest

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/eroam/eroam/internal/store"
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
