package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/eroam/eroam/internal/store"
)

// postings compares the journals with what the events say, and the balances with
// the postings.
func (v *verifying) postings(ctx context.Context) error {
	type account struct{ name, currency string }
	sums := make(map[account]int64)
	var entries []Entry
	event, rest, grew := int64(-1), v.journals, false
	finish := func() error {
		for len(rest) > 0 && rest[0].event < event {
			missing := rest[0].event
			rest = rest[1:]
			if err := v.fault("posting", fmt.Sprintf("of event %d", missing), "is missing"); err != nil {
				return err
			}
		}
		if event < 0 || len(entries) == 0 {
			return nil
		}
		if len(rest) == 0 || rest[0].event != event {
			return v.fault("posting", fmt.Sprintf("of event %d", event), "no event says so")
		}
		want := rest[0].sum
		rest = rest[1:]
		if sumOf(entries) != want {
			return v.fault("posting", fmt.Sprintf("of event %d", event), "is not what the event says")
		}
		return nil
	}
	err := v.EachPosting(ctx, store.PostingQuery{}, func(p store.Posting) error {
		if since, err := v.since(ctx, p.Event); err != nil || since {
			grew = grew || since
			return err
		}
		v.out.Postings++
		if p.Event != event {
			if err := finish(); err != nil {
				return err
			}
			event, entries = p.Event, entries[:0]
		}
		entries = append(entries, Entry{p.Account, p.Currency, p.Amount})
		sums[account{p.Account, p.Currency}] += p.Amount
		return nil
	})
	if err == nil {
		err = finish()
	}
	if err == nil {
		event, entries = max(event+1, v.size), nil
		err = finish()
	}
	if err != nil {
		return err
	}
	v.progress("postings", v.out.Postings, v.out.Postings)
	balances, err := v.Balances(ctx)
	if err != nil {
		return err
	}
	total := make(map[string]int64)
	for _, b := range balances {
		total[b.Currency] += b.Amount
		k := account{b.Account, b.Currency}
		if !grew && sums[k] != b.Amount {
			if now, err := v.LedgerSize(ctx); err != nil || now != v.size {
				grew = true
				continue
			}
			if err := v.fault("balance", b.Account+" "+b.Currency, "is %d; the postings add up to %d", b.Amount, sums[k]); err != nil {
				return err
			}
		}
		delete(sums, k)
	}
	for k, sum := range sums {
		if sum != 0 && !grew {
			if err := v.fault("balance", k.name+" "+k.currency, "is missing; the postings add up to %d", sum); err != nil {
				return err
			}
		}
	}
	for currency, sum := range total {
		if sum != 0 {
			if err := v.fault("balance", currency, "the balances add up to %d instead of 0", sum); err != nil {
				return err
			}
		}
	}
	return nil
}

// sumOf digests a journal.
func sumOf(entries []Entry) (sum [16]byte) {
	h := sha256.New()
	for _, e := range entries {
		fmt.Fprintf(h, "%q%q", e.Account, e.Currency)
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(e.Amount)))
	}
	copy(sum[:], h.Sum(nil))
	return sum
}
