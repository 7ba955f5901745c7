package storetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// someCDR has another value in each member.
func someCDR(id int64) store.LedgerCDR {
	return store.LedgerCDR{
		ID: id, Owner: cpo1, CDRID: fmt.Sprint("cdr-", id), Name: fmt.Sprint("CDR-", id), EMSP: emsp, Version: "2.2.1",
		Digest: fmt.Appendf(nil, "digest %d", id), Session: fmt.Sprint("session-", id), Token: fmt.Sprintf("token-%d/RFID", id),
		EVSE: fmt.Sprint("evse-", id), Meter: fmt.Sprint("meter-", id), Reference: fmt.Sprint("reference-", id),
		Started: 1000 * id, Ended: 1000*id + 500, Received: 1000*id + 600, Currency: "EUR", Net: 100 + id, Gross: 121 + id,
		Energy: 22_000_000_000 + id, Register: 1 << 50, HasRegister: true, CreditOf: fmt.Sprint("original-", id),
		CreditedBy: 9, Evidence: id, State: "valid", Held: true, Deadline: 77, Posted: 44, Latitude: 520_000_000, Longitude: -51_000_000, HasPlace: true, Mail: "none", Due: 88, MailSince: 66, Attempts: 5,
		Answer: []byte(`{"status":1000}`), Updated: 55,
	}
}

func insert(t testing.TB, s *store.Store, cdrs ...store.LedgerCDR) {
	t.Helper()
	write(t, s, func(tx *store.Tx) error {
		for i := range cdrs {
			if err := tx.InsertCDR(&cdrs[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func testCDR(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	want := someCDR(1)
	write(t, s, func(tx *store.Tx) error {
		if _, found, err := tx.CDR(cpo1, "cdr-1"); found || err != nil {
			t.Errorf("before it is stored: %v, %v", found, err)
		}
		if err := tx.InsertCDR(&want); err != nil {
			return err
		}
		for _, read := range []func() (store.LedgerCDR, bool, error){
			func() (store.LedgerCDR, bool, error) { return tx.CDR(cpo1, "cdr-1") },
			func() (store.LedgerCDR, bool, error) { return tx.CDRByID(1) },
		} {
			got, found, err := read()
			if !found || err != nil {
				t.Errorf("in the transaction: %v, %v", found, err)
			}
			same(t, got, want)
		}
		return nil
	})
	for _, read := range []func() (store.LedgerCDR, bool, error){
		func() (store.LedgerCDR, bool, error) { return s.CDR(ctx, cpo1, "cdr-1") },
		func() (store.LedgerCDR, bool, error) { return s.CDRByID(ctx, 1) },
	} {
		got, found, err := read()
		if !found || err != nil {
			t.Errorf("stored: %v, %v", found, err)
		}
		same(t, got, want)
	}
	for _, c := range []struct {
		owner ocpi.PartyID
		id    string
	}{{cpo2, "cdr-1"}, {cpo3, "cdr-1"}, {cpo1, "cdr-2"}, {cpo1, "CDR-1"}} {
		if _, found, err := s.CDR(ctx, c.owner, c.id); found || err != nil {
			t.Errorf("%v %s: %v, %v", c.owner, c.id, found, err)
		}
	}
	again := someCDR(2)
	again.CDRID = "cdr-1"
	if err := s.Write(ctx, func(tx *store.Tx) error { return tx.InsertCDR(&again) }); err == nil {
		t.Error("a second CDR with the same id: no error")
	}
	again.Owner = cpo2
	again.Evidence = 0
	insert(t, s, again)
	if got, _, err := s.CDRByID(ctx, 2); got.Evidence != 2 || err != nil {
		t.Errorf("evidence %d, %v; want the ID", got.Evidence, err)
	}
}

func testCDRChanges(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	c := someCDR(1)
	insert(t, s, c, someCDR(2))
	a := someCDR(3) // as if another had been received with the id of the first
	a.ID, a.Owner, a.CDRID = c.ID, c.Owner, c.CDRID
	progress := []func(c *store.LedgerCDR){
		func(*store.LedgerCDR) {},
		func(c *store.LedgerCDR) { c.CreditedBy = 4 },
		func(c *store.LedgerCDR) { c.State = "presented" },
		func(c *store.LedgerCDR) { c.Held = false },
		func(c *store.LedgerCDR) { c.Deadline = 0 },
		func(c *store.LedgerCDR) { c.Mail = "waiting" },
		func(c *store.LedgerCDR) { c.Due = 5 },
		func(c *store.LedgerCDR) { c.MailSince = 5 },
		func(c *store.LedgerCDR) { c.Attempts = 6 },
		func(c *store.LedgerCDR) { c.Answer = []byte{} },
		func(c *store.LedgerCDR) { c.Updated = 6 },
		func(c *store.LedgerCDR) { c.Posted = 0 },
	}
	facts := []func(c *store.LedgerCDR){
		func(c *store.LedgerCDR) { c.Latitude = 0 },
		func(c *store.LedgerCDR) { c.Longitude = 1 },
		func(c *store.LedgerCDR) { c.HasPlace = false },
		func(c *store.LedgerCDR) { c.Name = a.Name },
		func(c *store.LedgerCDR) { c.EMSP = cpo2 },
		func(c *store.LedgerCDR) { c.Version = "2.3.0" },
		func(c *store.LedgerCDR) { c.Digest = a.Digest },
		func(c *store.LedgerCDR) { c.Session = "" },
		func(c *store.LedgerCDR) { c.Token = "" },
		func(c *store.LedgerCDR) { c.EVSE = "" },
		func(c *store.LedgerCDR) { c.Meter = "" },
		func(c *store.LedgerCDR) { c.Reference = "" },
		func(c *store.LedgerCDR) { c.Started = 1 },
		func(c *store.LedgerCDR) { c.Ended = 2 },
		func(c *store.LedgerCDR) { c.Received = 3 },
		func(c *store.LedgerCDR) { c.Currency = "CHF" },
		func(c *store.LedgerCDR) { c.Net = -100 },
		func(c *store.LedgerCDR) { c.Gross = -121 },
		func(c *store.LedgerCDR) { c.Energy = 0 },
		func(c *store.LedgerCDR) { c.Register = 0 },
		func(c *store.LedgerCDR) { c.HasRegister = false },
		func(c *store.LedgerCDR) { c.CreditOf = "" },
		func(c *store.LedgerCDR) { c.Evidence = 700 },
		func(c *store.LedgerCDR) { *c = a },
	}
	for i, change := range append(progress, facts...) {
		before := c
		change(&c)
		write(t, s, func(tx *store.Tx) error {
			if i < len(progress) {
				return tx.UpdateCDR(&c)
			}
			return tx.ReplaceCDR(&c)
		})
		write(t, s, func(tx *store.Tx) error {
			found, err := tx.Refresh(&before)
			if err != nil || found != (before.Evidence == c.Evidence) {
				t.Errorf("refreshed after change %d: %v, %v", i, found, err)
			}
			return nil
		})
		if i < len(progress) {
			same(t, before, c)
		}
		got, _, err := s.CDRByID(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		if same(t, got, c); t.Failed() {
			t.Fatalf("after change %d", i)
		}
	}
	other, _, err := s.CDRByID(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	same(t, other, someCDR(2))
	missing, earlier := someCDR(4), c // of an earlier reception
	earlier.Evidence++
	for name, change := range map[string]func(tx *store.Tx) error{
		"missing":           func(tx *store.Tx) error { return tx.UpdateCDR(&missing) },
		"missing, replaced": func(tx *store.Tx) error { return tx.ReplaceCDR(&missing) },
		"earlier":           func(tx *store.Tx) error { return tx.UpdateCDR(&earlier) },
	} {
		if err := s.Write(ctx, change); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	c.Name, c.State = "not written", "approved"
	write(t, s, func(tx *store.Tx) error { return tx.UpdateCDR(&c) })
	c.Name = a.Name
	got, _, err := s.CDRByID(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, c)
}

// ids returns the IDs of the CDRs that the condition selects.
func ids(cdrs []store.LedgerCDR, is func(c *store.LedgerCDR) bool) []int64 {
	selected := []int64{}
	for i := range cdrs {
		if is(&cdrs[i]) {
			selected = append(selected, cdrs[i].ID)
		}
	}
	return selected
}

func all(*store.LedgerCDR) bool { return true }

// randomCDRs have few values each, so that queries select some of them.
func randomCDRs(n int) []store.LedgerCDR {
	r := rand.New(rand.NewPCG(1, 2))
	of := func(values ...string) string { return values[r.IntN(len(values))] }
	cdrs := make([]store.LedgerCDR, n)
	for i := range cdrs {
		c := someCDR(int64(i + 1))
		c.Owner = []ocpi.PartyID{cpo1, cpo2, cpo3}[r.IntN(3)]
		c.EMSP = []ocpi.PartyID{emsp, cpo2, cpo1}[r.IntN(3)]
		c.State = of("valid", "presented", "presented", "approved", "disputed", "refused")
		c.Mail = of("waiting", "delivered", "dead", "none")
		c.Currency = of("EUR", "CHF")
		c.Held = r.IntN(3) == 0
		c.Session, c.Token, c.EVSE, c.Meter = of("", "s1", "s2"), of("", "t1", "t2"), of("", "e1", "e2"), of("", "m1")
		c.HasRegister = c.Meter != "" && r.IntN(2) == 0
		c.Received = int64(i) + r.Int64N(7) // not in the order of IDs
		c.Started = r.Int64N(100)
		c.Ended = c.Started + r.Int64N(20)
		c.Due, c.Deadline, c.MailSince = r.Int64N(50), r.Int64N(20), r.Int64N(30)
		c.Answer = []byte(of("", "{}"))
		cdrs[i] = c
	}
	return cdrs
}

func testCDRQueries(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	cdrs := randomCDRs(300)
	insert(t, s, cdrs...)
	yes, no := true, false
	some := func(c *store.LedgerCDR) bool { return true }
	for i, c := range []struct {
		q  store.CDRQuery
		is func(c *store.LedgerCDR) bool
	}{
		{store.CDRQuery{}, some},
		{store.CDRQuery{CPO: &cpo1}, func(c *store.LedgerCDR) bool { return c.Owner == cpo1 }},
		{store.CDRQuery{EMSP: &cpo1}, func(c *store.LedgerCDR) bool { return c.EMSP == cpo1 }},
		{store.CDRQuery{CPO: &cpo3, EMSP: &emsp}, func(c *store.LedgerCDR) bool { return c.Owner == cpo3 && c.EMSP == emsp }},
		{store.CDRQuery{State: "disputed"}, func(c *store.LedgerCDR) bool { return c.State == "disputed" }},
		{store.CDRQuery{Mail: "waiting"}, func(c *store.LedgerCDR) bool { return c.Mail == "waiting" }},
		{store.CDRQuery{Mail: "dead"}, func(c *store.LedgerCDR) bool { return c.Mail == "dead" }},
		{store.CDRQuery{Mail: "delivered"}, func(c *store.LedgerCDR) bool { return c.Mail == "delivered" }},
		{store.CDRQuery{Mail: "' OR 1 = 1 --"}, func(*store.LedgerCDR) bool { return false }},
		{store.CDRQuery{Currency: "CHF"}, func(c *store.LedgerCDR) bool { return c.Currency == "CHF" }},
		{store.CDRQuery{Held: &yes}, func(c *store.LedgerCDR) bool { return c.Held }},
		{store.CDRQuery{Held: &no}, func(c *store.LedgerCDR) bool { return !c.Held }},
		{store.CDRQuery{Session: "s1", CPO: &cpo1}, func(c *store.LedgerCDR) bool { return c.Session == "s1" && c.Owner == cpo1 }},
		{store.CDRQuery{From: 100, To: 150}, func(c *store.LedgerCDR) bool { return c.Received >= 100 && c.Received < 150 }},
		{store.CDRQuery{From: 250}, func(c *store.LedgerCDR) bool { return c.Received >= 250 }},
		{store.CDRQuery{To: 50}, func(c *store.LedgerCDR) bool { return c.Received < 50 }},
		{store.CDRQuery{From: 5000}, func(*store.LedgerCDR) bool { return false }},
		{store.CDRQuery{From: 30, To: 280, CPO: &cpo2, State: "presented", Held: &no, Currency: "EUR"}, func(c *store.LedgerCDR) bool {
			return c.Received >= 30 && c.Received < 280 && c.Owner == cpo2 && c.State == "presented" && !c.Held && c.Currency == "EUR"
		}},
	} {
		want := ids(cdrs, c.is)
		got, err := s.CDRs(ctx, c.q)
		if err != nil {
			t.Fatal(err)
		}
		if same(t, ids(got, all), want); t.Failed() {
			t.Fatalf("query %d", i)
		}
		for _, g := range got {
			same(t, g, cdrs[g.ID-1])
		}
		paged := []int64{}
		for q := c.q; ; {
			q.Limit = 7
			page, err := s.CDRs(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			paged = append(paged, ids(page, all)...)
			q.AfterID = page[len(page)-1].ID
		}
		same(t, paged, want)
		each := []int64{}
		if err := s.EachCDR(ctx, c.q, func(c store.LedgerCDR) error { each = append(each, c.ID); return nil }); err != nil {
			t.Fatal(err)
		}
		same(t, each, want)
	}
}

// in returns the IDs in the order of the key, then of the ID.
func in(cdrs []store.LedgerCDR, key func(c *store.LedgerCDR) int64, is func(c *store.LedgerCDR) bool) []int64 {
	sorted := slices.Clone(cdrs)
	slices.SortStableFunc(sorted, func(a, b store.LedgerCDR) int { return int(key(&a) - key(&b)) })
	return ids(sorted, is)
}

func testCDRWork(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	cdrs := randomCDRs(300)
	if r, err := s.MailReceivers(ctx); len(r) != 0 || err != nil {
		t.Errorf("receivers %v, %v", r, err)
	}
	insert(t, s, cdrs...)
	check := func(got []store.LedgerCDR, err error, want []int64) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		same(t, ids(got, all), want)
	}
	for _, now := range []int64{-1, 0, 10, 100} {
		for _, limit := range []int{5, 1000} {
			for _, e := range []ocpi.PartyID{emsp, cpo2, cpo3} {
				want := in(cdrs, func(c *store.LedgerCDR) int64 { return c.Due },
					func(c *store.LedgerCDR) bool { return c.Mail == "waiting" && c.EMSP == e && c.Due <= now })
				got, err := s.DueMail(ctx, e, now, limit)
				check(got, err, want[:min(limit, len(want))])
			}
			want := in(cdrs, func(c *store.LedgerCDR) int64 { return c.Deadline }, func(c *store.LedgerCDR) bool {
				return c.State == "presented" && !c.Held && c.Deadline > 0 && c.Deadline <= now
			})
			got, err := s.DueApprovals(ctx, now, limit)
			check(got, err, want[:min(limit, len(want))])
		}
	}
	for before := range int64(120) {
		var want store.LedgerCDR
		for _, c := range cdrs {
			if c.Owner == cpo2 && c.Meter == "m1" && c.HasRegister && c.Ended <= before && c.State != "refused" && c.Ended >= want.Ended {
				want = c
			}
		}
		got, found, err := s.LastRegister(ctx, cpo2, "m1", before)
		if found != (want.ID != 0) || err != nil {
			t.Fatal(found, err)
		}
		same(t, got, want)
	}
	for before := range int64(120) {
		var want store.LedgerCDR
		for _, c := range cdrs {
			if c.Owner == cpo2 && c.EVSE == "e1" && c.Meter != "" && c.Ended <= before && c.State != "refused" && c.Ended >= want.Ended {
				want = c
			}
		}
		got, found, err := s.LastAtEVSE(ctx, cpo2, "e1", before)
		if found != (want.ID != 0) || err != nil {
			t.Fatal(found, err)
		}
		same(t, got, want)
	}
	r, err := s.MailReceivers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	same(t, r, []ocpi.PartyID{cpo2, emsp, cpo1}) // by country, then party
	write(t, s, func(tx *store.Tx) error {
		for i := range cdrs {
			if c := &cdrs[i]; c.EMSP == emsp {
				c.Mail, c.State = "delivered", "approved"
				if err := tx.UpdateCDR(c); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if r, err = s.MailReceivers(ctx); err != nil {
		t.Fatal(err)
	}
	same(t, r, []ocpi.PartyID{cpo2, cpo1})
}

func testRelatedCDRs(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	cdrs := randomCDRs(300)
	insert(t, s, cdrs...)
	some := 0
	for _, q := range []store.RelatedQuery{
		{Owner: cpo1, EMSP: emsp},
		{Owner: cpo1, EMSP: emsp, Session: "s1"},
		{Owner: cpo1, EMSP: emsp, Session: "none"},
		{Owner: cpo2, EMSP: emsp, Token: "t1", From: 40, To: 60},
		{Owner: cpo2, EMSP: cpo3, Token: "t1", From: 40, To: 60},
		{Owner: cpo2, EMSP: emsp, EVSE: "e2", From: 40, To: 60},
		{Owner: cpo2, EMSP: emsp, EVSE: "e2", From: 200, To: 300},
		{Owner: cpo1, EMSP: emsp, Session: "s2", Token: "t1", EVSE: "e1", From: 10, To: 15},
	} {
		q.Limit = 1000
		want := ids(cdrs, func(c *store.LedgerCDR) bool {
			during := c.Ended > q.From && c.Started < q.To
			return q.Session != "" && c.Owner == q.Owner && c.Session == q.Session ||
				q.Token != "" && c.EMSP == q.EMSP && c.Token == q.Token && during ||
				q.EVSE != "" && c.Owner == q.Owner && c.EVSE == q.EVSE && during
		})
		some += len(want)
		got, err := s.RelatedCDRs(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		whole := make([]store.RelatedCDR, len(want))
		for i, id := range want {
			c := &cdrs[id-1]
			whole[i] = store.RelatedCDR{
				ID: id, Owner: c.Owner, CDRID: c.CDRID, Name: c.Name, Session: c.Session, Token: c.Token, EVSE: c.EVSE, Started: c.Started, Ended: c.Ended,
				Currency: c.Currency, Net: c.Net, Gross: c.Gross, Energy: c.Energy, Latitude: c.Latitude, Longitude: c.Longitude, HasPlace: c.HasPlace,
				CreditOf: c.CreditOf, CreditedBy: c.CreditedBy, State: c.State,
			}
		}
		if len(got)+len(whole) > 0 {
			same(t, got, whole)
		}
		q.Limit = 2
		if got, err := s.RelatedCDRs(ctx, q); len(got) > 6 || len(want) > 0 && len(got) == 0 || err != nil {
			t.Errorf("at most 2 of each: %d of %d, %v", len(got), len(want), err)
		}
	}
	if some < 50 {
		t.Errorf("the queries select only %d", some)
	}
}

func testEvidence(t *testing.T, fresh func(testing.TB) store.Options) {
	o := fresh(t)
	s, ctx := Open(t, o), context.Background()
	bodies := [][]byte{{}, []byte("x"), fmt.Appendf(nil, "%01000d", 7), {0, 1, 2, 255}}
	write(t, s, func(tx *store.Tx) error {
		for i, b := range bodies {
			if err := errors.Join(tx.PutCDREvidence(int64(i), []byte("before")), tx.PutCDREvidence(int64(i), b)); err != nil {
				return err
			}
		}
		return nil
	})
	for i, b := range bodies {
		got, err := s.CDREvidence(ctx, int64(i))
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, b)
	}
	if got, err := s.CDREvidence(ctx, 99); got != nil || err != nil {
		t.Errorf("evidence that is not there: %q, %v", got, err)
	}
	seen := int64(0)
	if err := s.EachEvidence(ctx, func(event int64, body []byte) error {
		same(t, event, seen)
		same(t, body, bodies[event])
		seen++
		return nil
	}); err != nil || seen != 4 {
		t.Errorf("%d, %v", seen, err)
	}
	damage := "UPDATE cdr_evidence SET body = X'01000000000078' WHERE event = 2"
	if o.Database != "" {
		damage = `UPDATE cdr_evidence SET body = '\x01000000000078' WHERE event = 2`
	}
	Tamper(t, o, damage)
	if got, err := s.CDREvidence(ctx, 2); err == nil {
		t.Errorf("damaged evidence: %q, no error", got)
	}
}
