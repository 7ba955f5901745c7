package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

func testTariffVersions(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	v := func(received int64, hash string) store.TariffVersion {
		return store.TariffVersion{Owner: cpo1, ID: "t", Received: received, Version: "2.2.1", Hash: []byte(hash), Body: []byte(`{"hash":"` + hash + `"}`)}
	}
	gone := v(40, "a")
	gone.Deleted, gone.Body = true, nil
	other := v(5, "x")
	other.Owner = cpo3
	write(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.PutTariffVersion(v(10, "a")), tx.PutTariffVersion(v(20, "a")), tx.PutTariffVersion(v(30, "b")),
			tx.PutTariffVersion(gone), tx.PutTariffVersion(v(40, "a")), tx.PutTariffVersion(v(20, "c")), tx.PutTariffVersion(other))
	})
	// The same again is none; one that seems older than the newest comes after it.
	want := []store.TariffVersion{v(10, "a"), v(30, "b"), gone, v(41, "a"), v(42, "c")}
	want[4].Received = 42
	got, err := s.TariffVersions(ctx, cpo1, "t")
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, want)
	for at, i := range map[int64]int{0: 0, 9: 0, 10: 0, 29: 0, 30: 1, 39: 1, 40: 2, 41: 3, 42: 4, 1 << 60: 4} {
		received, some, err := s.TariffReceived(ctx, cpo1, "t", at)
		if err != nil {
			t.Fatal(err)
		}
		got, found, err := s.TariffVersionAt(ctx, cpo1, "t", at)
		if some != (got.Received <= at) || some && received != got.Received {
			t.Fatalf("at %d: received at %d (%v), the version at %d", at, received, some, got.Received)
		}
		if !found || err != nil {
			t.Errorf("at %d: %v, %v", at, found, err)
		}
		same(t, got, want[i])
	}
	if _, found, err := s.TariffVersionAt(ctx, cpo2, "t", 50); found || err != nil {
		t.Errorf("of another: %v, %v", found, err)
	}
}

func testAuthorizations(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	a := func(id string, at int64, cpo, emsp ocpi.PartyID, reference, token string) store.Authorization {
		return store.Authorization{ID: id, At: at, CPO: cpo, EMSP: emsp, Reference: reference, Token: token,
			Contract: "contract", Location: "location", Session: "session", Method: "AUTH_REQUEST"}
	}
	rows := []store.Authorization{
		a("1", 30, cpo1, emsp, "r", "t"), a("2", 20, cpo2, emsp, "r", "t"), a("3", 25, cpo1, cpo2, "", "t"),
		a("4", 10, cpo1, emsp, "r", "u"), a("5", 40, cpo1, emsp, "", "t"),
	}
	write(t, s, func(tx *store.Tx) error {
		for _, r := range rows {
			if err := tx.PutAuthorization(r); err != nil {
				return err
			}
		}
		return tx.PutAuthorization(a("1", 99, cpo2, cpo2, "", "")) // the first one stays
	})
	check := func(got []store.Authorization, err error, want ...store.Authorization) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, want)
	}
	got, err := s.Authorizations(ctx, emsp, "t", 20, 40, 9)
	check(got, err, rows[1], rows[0])
	got, err = s.Authorizations(ctx, emsp, "t", 21, 41, 9)
	check(got, err, rows[0], rows[4])
	got, err = s.Authorizations(ctx, cpo2, "t", 0, 100, 9)
	check(got, err, rows[2])
	got, err = s.AuthorizationsByReference(ctx, cpo1, "r", 9)
	check(got, err, rows[3], rows[0])
	got, err = s.Authorizations(ctx, emsp, "t", 20, 41, 2) // the newest
	check(got, err, rows[0], rows[4])
	got, err = s.AuthorizationsByReference(ctx, cpo1, "r", 1)
	check(got, err, rows[0])
	if got, err = s.AuthorizationsByReference(ctx, cpo1, "", 9); len(got) != 0 || err != nil {
		t.Errorf("without a reference: %v, %v", got, err)
	}
	write(t, s, func(tx *store.Tx) error {
		if n, err := tx.PurgeAuthorizations(30, 2); n != 2 || err != nil { // 10 and 20
			t.Errorf("deleted %d, %v", n, err)
		}
		return nil
	})
	got, err = s.AuthorizationsByReference(ctx, cpo1, "r", 9)
	check(got, err, rows[0])
	got, err = s.Authorizations(ctx, cpo2, "t", 0, 100, 9)
	check(got, err, rows[2])
}

func testSessionWatches(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	w := store.SessionWatch{Owner: cpo1, Session: "s", EMSP: emsp, Token: "t/RFID", EVSE: "e", Status: "ACTIVE",
		Started: 1, Ended: 2, Updated: 3, CDR: 4, Due: 50, Raised: "finding"}
	put := func(w store.SessionWatch) {
		t.Helper()
		write(t, s, func(tx *store.Tx) error {
			if err := tx.PutSessionWatch(w); err != nil {
				return err
			}
			got, found, err := tx.SessionWatch(w.Owner, w.Session)
			if !found || err != nil {
				t.Errorf("in the transaction: %v, %v", found, err)
			}
			same(t, got, w)
			return nil
		})
	}
	check := func(got []store.SessionWatch, err error, want ...store.SessionWatch) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, want)
	}
	if _, found, err := s.SessionWatch(ctx, cpo1, "s"); found || err != nil {
		t.Errorf("before: %v, %v", found, err)
	}
	put(w)
	other := w
	other.Owner, other.Due = cpo3, 20
	put(other)
	done := w
	done.Session, done.Due = "done", 0
	put(done)
	for _, c := range []struct {
		w    store.SessionWatch
		done bool
	}{
		{store.SessionWatch{Owner: cpo1, Session: "a", EMSP: emsp, Status: "ACTIVE", Updated: 3, Due: 5}, true},
		{store.SessionWatch{Owner: cpo1, Session: "b", EMSP: emsp, Status: "ACTIVE", Due: 60, Raised: "finding"}, false},
		{store.SessionWatch{Owner: cpo1, Session: "c", EMSP: emsp, Status: "ACTIVE", CDR: 7}, false},
	} {
		put(c.w)
		write(t, s, func(tx *store.Tx) error {
			if done, err := tx.SessionHasCDR(cpo1, c.w.Session, 9); done != c.done || err != nil {
				t.Errorf("session %s has a CDR: %v, %v", c.w.Session, done, err)
			}
			if c.done {
				c.w.CDR, c.w.Due = 9, 0
			}
			got, _, err := tx.SessionWatch(cpo1, c.w.Session)
			same(t, got, c.w)
			return err
		})
	}
	write(t, s, func(tx *store.Tx) error {
		if done, err := tx.SessionHasCDR(cpo1, "none", 9); done || err != nil {
			t.Errorf("a session that nobody knows has a CDR: %v, %v", done, err)
		}
		return nil
	})
	got, err := s.DueSessions(ctx, 50, 10)
	check(got, err, other, w)
	got, err = s.DueSessions(ctx, 50, 1)
	check(got, err, other)
	got, err = s.DueSessions(ctx, 49, 10)
	check(got, err, other)
	w = store.SessionWatch{Owner: cpo1, Session: "s", EMSP: cpo2, Token: "u", EVSE: "f", Status: "COMPLETED",
		Started: 10, Ended: 20, Updated: 30, CDR: 40, Due: 5}
	put(w)
	one, found, err := s.SessionWatch(ctx, cpo1, "s")
	if !found || err != nil {
		t.Errorf("%v, %v", found, err)
	}
	same(t, one, w)
	got, err = s.DueSessions(ctx, 50, 10)
	check(got, err, w, other)
}

func testFindings(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	a := store.LedgerFinding{ID: "a", Kind: "missing", CPO: cpo1, EMSP: emsp, Session: "s", At: 5, Text: "no CDR"}
	b := store.LedgerFinding{ID: "b", Kind: "silent", CPO: cpo2, EMSP: emsp, Session: "s", At: 4, Text: "silent"}
	c := store.LedgerFinding{ID: "c", Kind: "silent", CPO: cpo1, EMSP: cpo2, Session: "u", At: 3, Cleared: 9, Text: "silent"}
	write(t, s, func(tx *store.Tx) error { return errors.Join(tx.PutFinding(c), tx.PutFinding(b), tx.PutFinding(a)) })
	check := func(q store.FindingQuery, want ...store.LedgerFinding) {
		t.Helper()
		got, err := s.Findings(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, want)
	}
	check(store.FindingQuery{}, a, b, c)
	check(store.FindingQuery{CPO: &cpo1}, a, c)
	check(store.FindingQuery{EMSP: &emsp}, a, b)
	check(store.FindingQuery{Kind: "silent"}, b, c)
	check(store.FindingQuery{Session: "s", CPO: &cpo2}, b)
	check(store.FindingQuery{Open: true}, a, b)
	check(store.FindingQuery{AfterID: "a", Limit: 1}, b)
	a.Cleared, a.Text = 8, "it came"
	write(t, s, func(tx *store.Tx) error { return tx.PutFinding(a) })
	check(store.FindingQuery{}, a, b, c)
	check(store.FindingQuery{Open: true}, b)
}

func testCheckpoints(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	check := func(want store.Checkpoint) func(store.Checkpoint, bool, error) {
		return func(got store.Checkpoint, found bool, err error) {
			t.Helper()
			if found != (want.Note != nil) || err != nil {
				t.Errorf("found %v, %v; want %v", found, err, want)
			}
			same(t, got, want)
		}
	}
	check(store.Checkpoint{})(s.LatestCheckpoint(ctx))
	a := store.Checkpoint{Size: 10, At: 5, Note: []byte("a\nb\n")}
	b := store.Checkpoint{Size: 20, At: 4, Note: []byte("c")}
	write(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.PutCheckpoint(20, 4, b.Note), tx.PutCheckpoint(10, 5, a.Note), tx.PutCheckpoint(10, 6, b.Note))
	})
	check(b)(s.LatestCheckpoint(ctx))
	check(a)(s.Checkpoint(ctx, 10))
	check(store.Checkpoint{})(s.Checkpoint(ctx, 11))
	check(a)(s.CheckpointFrom(ctx, 10))
	check(b)(s.CheckpointFrom(ctx, 11))
	check(store.Checkpoint{})(s.CheckpointFrom(ctx, 21))
	got, err := s.Checkpoints(ctx, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, []store.Checkpoint{a, b})
	if got, err = s.Checkpoints(ctx, 10, 10); err != nil {
		t.Fatal(err)
	}
	same(t, got, []store.Checkpoint{b})
}
