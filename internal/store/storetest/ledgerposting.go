package storetest

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/eroam/eroam/internal/store"
)

// transfer debits one account and credits another.
func transfer(debit, credit string, amount, event int64) []store.Posting {
	p := store.Posting{Event: event, CDR: 1, At: event, Account: debit, Currency: "EUR", Amount: amount}
	q := p
	q.Account, q.Amount = credit, -amount
	return []store.Posting{p, q}
}

func balance(account, currency string, amount int64) store.Balance {
	return store.Balance{Account: account, Currency: currency, Amount: amount}
}

func balances(t testing.TB, s *store.Store) []store.Balance {
	t.Helper()
	b, err := s.Balances(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testPost(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	journal := []store.Posting{
		{Event: 3, CDR: 2, At: 7, Account: "emsp:DE-EM1", Currency: "EUR", Amount: 121},
		{Event: 3, CDR: 2, At: 7, Account: "cpo:NL-CP1", Currency: "EUR", Amount: -100},
		{Event: 3, CDR: 2, At: 7, Account: "tax:NL-CP1", Currency: "EUR", Amount: -21},
		{Event: 3, CDR: 2, At: 7, Account: "emsp:DE-EM1", Currency: "CHF", Amount: 5},
		{Event: 3, CDR: 2, At: 7, Account: "cpo:NL-CP1", Currency: "CHF", Amount: -5},
		{Event: 3, CDR: 2, At: 7, Account: "cpo:NL-CP1", Currency: "CHF", Amount: 0},
	}
	write(t, s, func(tx *store.Tx) error { return tx.Post(journal) })
	for i, p := range journal {
		same(t, p.ID, int64(i+1))
	}
	got, err := s.Postings(ctx, store.PostingQuery{})
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, journal)
	want := []store.Balance{balance("cpo:NL-CP1", "CHF", -5), balance("cpo:NL-CP1", "EUR", -100), balance("emsp:DE-EM1", "CHF", 5),
		balance("emsp:DE-EM1", "EUR", 121), balance("tax:NL-CP1", "EUR", -21)}
	same(t, balances(t, s), want)
	write(t, s, func(tx *store.Tx) error { // twice in one transaction, and one account twice in a journal
		more := append(transfer("cpo:NL-CP1", "cpo:NL-CP1", 7, 4), transfer("emsp:DE-EM1", "cpo:NL-CP1", 1, 4)...)
		return errors.Join(tx.Post(more), tx.Post(transfer("cpo:NL-CP1", "emsp:DE-EM1", 122, 5)))
	})
	want[1].Amount, want[3].Amount = 21, 0
	same(t, balances(t, s), want)
}

func testPostRefuses(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	const most = math.MaxInt64
	write(t, s, func(tx *store.Tx) error { return tx.Post(transfer("a", "b", most, 1)) })
	write(t, s, func(tx *store.Tx) error { // as far as the other side goes
		return tx.Post([]store.Posting{{Account: "b", Currency: "EUR", Amount: -1}, {Account: "c", Currency: "EUR", Amount: 1}})
	})
	want := balances(t, s)
	same(t, want, []store.Balance{balance("a", "EUR", most), balance("b", "EUR", math.MinInt64), balance("c", "EUR", 1)})
	line := func(account, currency string, amount int64) store.Posting {
		return store.Posting{Account: account, Currency: currency, Amount: amount}
	}
	for i, c := range []struct {
		journal []store.Posting
		is      error // nil: any
	}{
		{nil, nil},
		{[]store.Posting{line("c", "EUR", 1)}, store.ErrUnbalanced},
		{[]store.Posting{line("c", "EUR", 1), line("d", "EUR", -2)}, store.ErrUnbalanced},
		{[]store.Posting{line("c", "EUR", 1), line("d", "CHF", -1)}, store.ErrUnbalanced},
		{[]store.Posting{line("c", "EUR", 1), line("d", "eur", -1)}, store.ErrUnbalanced},
		{[]store.Posting{line("", "EUR", 1), line("d", "EUR", -1)}, nil},
		{[]store.Posting{line("c", "", 1), line("d", "", -1)}, nil},
		{transfer("a", "c", 1, 1), store.ErrOverflow},    // above
		{transfer("c", "b", 1, 1), store.ErrOverflow},    // below
		{transfer("c", "d", most, 1), store.ErrOverflow}, // of c
		// Sums that would come back to 0 in 64 bits.
		{[]store.Posting{line("c", "EUR", math.MinInt64), line("d", "EUR", math.MinInt64)}, store.ErrOverflow},
		{[]store.Posting{line("c", "EUR", most), line("d", "EUR", most), line("e", "EUR", 2)}, store.ErrOverflow},
	} {
		err := s.Write(ctx, func(tx *store.Tx) error { _ = tx.Post(c.journal); return nil })
		if err == nil || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("journal %d: %v; want %v", i, err, c.is)
		}
		same(t, balances(t, s), want)
	}
	got, err := s.Postings(ctx, store.PostingQuery{})
	if len(got) != 4 || err != nil {
		t.Errorf("%d postings, %v", len(got), err)
	}
}

func testPostingQueries(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	r := rand.New(rand.NewPCG(3, 4))
	var all []store.Posting
	for range 3 {
		write(t, s, func(tx *store.Tx) error {
			for range 40 {
				p := transfer("a", []string{"b", "c"}[r.IntN(2)], r.Int64N(100), r.Int64N(50))
				currency, cdr := []string{"EUR", "CHF"}[r.IntN(2)], 1+r.Int64N(3)
				for i := range p {
					p[i].Currency, p[i].CDR = currency, cdr
				}
				if err := tx.Post(p); err != nil {
					return err
				}
				all = append(all, p...)
			}
			return nil
		})
	}
	sums := map[[2]string]int64{}
	for _, p := range all {
		sums[[2]string{p.Account, p.Currency}] += p.Amount
	}
	for _, b := range balances(t, s) {
		same(t, b.Amount, sums[[2]string{b.Account, b.Currency}])
	}
	for i, c := range []struct {
		q  store.PostingQuery
		is func(p store.Posting) bool
	}{
		{store.PostingQuery{}, func(store.Posting) bool { return true }},
		{store.PostingQuery{Account: "b"}, func(p store.Posting) bool { return p.Account == "b" }},
		{store.PostingQuery{Account: "b", Currency: "CHF"}, func(p store.Posting) bool { return p.Account == "b" && p.Currency == "CHF" }},
		{store.PostingQuery{CDR: 2}, func(p store.Posting) bool { return p.CDR == 2 }},
		{store.PostingQuery{From: 10, To: 20}, func(p store.Posting) bool { return p.At >= 10 && p.At < 20 }},
		{store.PostingQuery{From: 40, Account: "a"}, func(p store.Posting) bool { return p.At >= 40 && p.Account == "a" }},
		{store.PostingQuery{To: 5}, func(p store.Posting) bool { return p.At < 5 }},
		{store.PostingQuery{From: 1000}, func(store.Posting) bool { return false }},
	} {
		var want []store.Posting
		for _, p := range all {
			if c.is(p) {
				want = append(want, p)
			}
		}
		got, err := s.Postings(ctx, c.q)
		if err != nil {
			t.Fatal(err)
		}
		if same(t, got, want); t.Failed() {
			t.Fatalf("query %d", i)
		}
		var each []store.Posting
		if err := s.EachPosting(ctx, c.q, func(p store.Posting) error { each = append(each, p); return nil }); err != nil {
			t.Fatal(err)
		}
		same(t, each, want)
		if len(want) > 3 {
			c.q.AfterID, c.q.Limit = want[1].ID, 2
			if got, err = s.Postings(ctx, c.q); err != nil {
				t.Fatal(err)
			}
			same(t, got, want[2:4])
		}
	}
}
