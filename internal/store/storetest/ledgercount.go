package storetest

import (
	"context"
	"testing"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

func testCountCDRs(t *testing.T, fresh func(testing.TB) store.Options) {
	s, ctx := Open(t, fresh(t)), context.Background()
	n, err := s.CountCDRs(ctx, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	same(t, n, store.CDRCounts{States: map[string]int64{}})
	cdrs := randomCDRs(300)
	insert(t, s, cdrs...)
	for _, sides := range [][2]*ocpi.PartyID{{nil, nil}, {&cpo1, nil}, {nil, &emsp}, {&cpo3, &emsp}, {&ocpi.PartyID{CountryCode: "XX", ID: "XXX"}, nil}} {
		want := store.CDRCounts{States: map[string]int64{}}
		for _, c := range cdrs {
			if sides[0] != nil && c.Owner != *sides[0] || sides[1] != nil && c.EMSP != *sides[1] {
				continue
			}
			want.States[c.State]++
			want.Held += count(c.Held)
			want.Waiting += count(c.Mail == store.MailWaiting)
			want.Dead += count(c.Mail == store.MailDead)
		}
		got, err := s.CountCDRs(ctx, sides[0], sides[1])
		if err != nil {
			t.Fatal(err)
		}
		same(t, got, want)
	}
}

func count(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
