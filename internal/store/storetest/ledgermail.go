package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/eroam/eroam/internal/store"
)

// cdrsOf returns all CDRs by ID.
func cdrsOf(t testing.TB, s *store.Store) []store.LedgerCDR {
	t.Helper()
	cdrs, err := s.CDRs(context.Background(), store.CDRQuery{})
	if err != nil {
		t.Fatal(err)
	}
	return cdrs
}

func testCDRMail(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	cdrs := randomCDRs(300)
	insert(t, s, cdrs...)
	for _, since := range []int64{-1, 5, 100} {
		want := in(cdrs, func(c *store.LedgerCDR) int64 { return c.Due },
			func(c *store.LedgerCDR) bool { return c.Mail == "waiting" && c.EMSP == emsp && c.MailSince <= since })
		got, err := s.OldMail(ctx, emsp, since, 1000)
		if err != nil {
			t.Fatal(err)
		}
		same(t, ids(got, all), want)
		if got, err = s.OldMail(ctx, emsp, since, 1); len(got) != min(1, len(want)) || err != nil {
			t.Errorf("%d CDRs, %v", len(got), err)
		}
	}
	for _, now := range []int64{0, 20, 60} {
		want := in(cdrs, func(c *store.LedgerCDR) int64 { return c.Due }, func(c *store.LedgerCDR) bool {
			return c.Mail == "waiting" && c.EMSP == emsp && (c.Due <= now || len(c.Answer) > 0)
		})
		got, err := s.NextMail(ctx, emsp, now, 1000)
		if err != nil {
			t.Fatal(err)
		}
		same(t, ids(got, all), want)
		if got, err = s.NextMail(ctx, emsp, now, 1); len(got) != min(1, len(want)) || err != nil {
			t.Errorf("%d CDRs, %v", len(got), err)
		}
	}
	var waits, delivered int
	for i, c := range cdrs {
		if c.Mail == "waiting" {
			waits = i
		}
		if c.Mail == "delivered" {
			delivered = i
		}
	}
	write(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.PutOffMail(int64(waits+1), 99), tx.PutOffMail(int64(delivered+1), 99))
	})
	cdrs[waits].Due, cdrs[waits].Attempts = 99, cdrs[waits].Attempts+1
	same(t, cdrsOf(t, s), cdrs)
	testHurryMail(t, s, cdrs)
}

// What is due later is made due a few at a time, the earliest first.
func testHurryMail(t *testing.T, s *store.Store, cdrs []store.LedgerCDR) {
	const now, limit = 20, 4
	later := in(cdrs, func(c *store.LedgerCDR) int64 { return c.Due }, func(c *store.LedgerCDR) bool {
		return c.Mail == "waiting" && c.EMSP == cpo2 && len(c.Answer) > 0 && c.Due > now
	})
	if len(later) < 2*limit {
		t.Fatalf("only %d wait", len(later))
	}
	for more := true; more; {
		due := later[:min(limit, len(later))]
		later = later[len(due):]
		if late, err := s.LateMail(context.Background(), cpo2, now); late != (len(due) > 0) || err != nil {
			t.Errorf("late %v, %v; %d are", late, err, len(due))
		}
		var n int
		write(t, s, func(tx *store.Tx) (err error) {
			n, err = tx.HurryMail(cpo2, now, limit)
			return err
		})
		same(t, n, len(due))
		for _, id := range due {
			cdrs[id-1].Due = now
		}
		same(t, cdrsOf(t, s), cdrs)
		more = len(due) == limit
	}
}

func testCDROfSession(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	cdrs := randomCDRs(6)
	for i := range cdrs {
		c := &cdrs[i]
		c.Owner, c.Session, c.State, c.CreditOf = cpo1, "s", "presented", ""
	}
	cdrs[0].State = "refused"
	cdrs[1].CreditOf = "x"
	cdrs[2].Owner = cpo3
	cdrs[5].Session = ""
	insert(t, s, cdrs...)
	write(t, s, func(tx *store.Tx) error {
		for session, want := range map[string]int64{"s": 4, "": 0, "t": 0} {
			if id, found, err := tx.CDROfSession(cpo1, session); id != want || found != (want != 0) || err != nil {
				t.Errorf("session %q: %d, %v, %v; want %d", session, id, found, err, want)
			}
		}
		return nil
	})
}

func testNewestRival(t *testing.T, fresh func(testing.TB) store.Options) {
	s := Open(t, fresh(t))
	c := someCDR(1)
	c.Session, c.EVSE, c.Token, c.Started, c.Ended, c.State, c.CreditOf, c.CreditedBy = "s", "e", "u/RFID", 1000, 2000, "presented", "", 0
	insert(t, s, c)
	const far = 14 * 24 * 3600 * 1_000_000
	id := int64(1)
	for _, tt := range []struct {
		name   string
		want   bool // it is a rival
		change func(*store.LedgerCDR)
	}{
		{"of the session", true, func(r *store.LedgerCDR) { r.EVSE = "f" }},
		{"refused, of the session", false, func(r *store.LedgerCDR) { r.EVSE, r.State = "f", "refused" }},
		{"credit, of the session", false, func(r *store.LedgerCDR) { r.EVSE, r.CreditOf = "f", "x" }},
		{"credited, of the session", false, func(r *store.LedgerCDR) { r.EVSE, r.CreditedBy = "f", 9 }},
		{"of a session of another", false, func(r *store.LedgerCDR) { r.Owner = cpo3 }},
		{"overlaps", true, func(r *store.LedgerCDR) { r.Session = "" }},
		{"overlaps by its end", true, func(r *store.LedgerCDR) { r.Session, r.Started, r.Ended = "t", 0, 1001 }},
		{"overlaps by its beginning", true, func(r *store.LedgerCDR) { r.Session, r.Started, r.Ended = "t", 1999, 9999 }},
		{"before", false, func(r *store.LedgerCDR) { r.Session, r.Started, r.Ended = "t", 0, 1000 }},
		{"behind", false, func(r *store.LedgerCDR) { r.Session, r.Started, r.Ended = "t", 2000, 3000 }},
		{"endless", false, func(r *store.LedgerCDR) { r.Session, r.Ended = "t", 2000+far }},
		{"elsewhere", false, func(r *store.LedgerCDR) { r.Session, r.EVSE = "t", "f" }},
		{"of another token", false, func(r *store.LedgerCDR) { r.Session, r.Token = "t", "v/RFID" }},
		{"at an EVSE of another", false, func(r *store.LedgerCDR) { r.Session, r.Owner = "t", cpo3 }},
		{"refused, overlaps", false, func(r *store.LedgerCDR) { r.Session, r.State = "t", "refused" }},
		{"credit, overlaps", false, func(r *store.LedgerCDR) { r.Session, r.CreditOf = "t", "x" }},
		{"credited, overlaps", false, func(r *store.LedgerCDR) { r.Session, r.CreditedBy = "t", 9 }},
	} {
		id++
		r := c
		r.ID, r.CDRID, r.Evidence = id, fmt.Sprint("r", id), id+100
		tt.change(&r)
		write(t, s, func(tx *store.Tx) error {
			before, err := tx.NewestRival(&c)
			if err != nil {
				return err
			}
			if err := tx.InsertCDR(&r); err != nil {
				return err
			}
			after, err := tx.NewestRival(&c)
			if want := after == r.Evidence; want != tt.want || !want && after != before {
				t.Errorf("%s: %d, before %d, its own %d", tt.name, after, before, r.Evidence)
			}
			return err
		})
	}
	write(t, s, func(tx *store.Tx) error {
		for name, change := range map[string]func(*store.LedgerCDR){
			"nowhere, of no session": func(c *store.LedgerCDR) { c.Session, c.EVSE = "", "" },
			"at no EVSE":             func(c *store.LedgerCDR) { c.Session, c.EVSE = "none", "#na" },
		} {
			c := c
			change(&c)
			if n, err := tx.NewestRival(&c); n != 0 || err != nil {
				t.Errorf("%s: %d, %v", name, n, err)
			}
		}
		return nil
	})
}

func testMeterKeys(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	check := func(want string) {
		t.Helper()
		if key, err := s.MeterKey(ctx, cpo1, "e"); key != want || err != nil {
			t.Errorf("key %q, %v; want %q", key, err, want)
		}
	}
	check("")
	write(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.PutMeterKey(store.MeterKey{Owner: cpo1, EVSE: "e", Key: "a", Since: 1}),
			tx.PutMeterKey(store.MeterKey{Owner: cpo3, EVSE: "e", Key: "other", Since: 1}))
	})
	check("a")
	write(t, s, func(tx *store.Tx) error {
		return tx.PutMeterKey(store.MeterKey{Owner: cpo1, EVSE: "e", Key: "b", Since: 2})
	})
	check("b")
	write(t, s, func(tx *store.Tx) error {
		for _, want := range []bool{true, false} {
			if was, err := tx.DeleteMeterKey(cpo1, "e"); was != want || err != nil {
				t.Errorf("deleted %v, %v; want %v", was, err, want)
			}
		}
		return nil
	})
	check("")
	if key, err := s.MeterKey(ctx, cpo3, "e"); key != "other" || err != nil {
		t.Errorf("key of another %q, %v", key, err)
	}
}
