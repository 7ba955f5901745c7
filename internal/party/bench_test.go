package party

import (
	"context"
	"fmt"
	"testing"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
	"github.com/eroam/eroam/ocpi"
)

// BenchmarkChange makes one change among many platforms, the write to the database
// included.
func BenchmarkChange(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, err := store.Open(context.Background(), storetest.SQLite(b))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			r, err := Open(context.Background(), Options{Store: s, Hub: testHub, SealKey: make([]byte, 32)})
			if err != nil {
				b.Fatal(err)
			}
			at := func(i int) ocpi.PartyID {
				return ocpi.PartyID{CountryCode: "NL", ID: fmt.Sprintf("%03X", i%4096)}
			}
			roles := []ocpi.Role{ocpi.RoleCPO, ocpi.RoleEMSP, ocpi.RoleNSP}
			for i := range n {
				id := at(i)
				if _, err := r.Invite(context.Background(), Invitation{Name: "x", Parties: []Grant{{id.CountryCode, id.ID, roles[i/4096], ""}}}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i = (i + 1) % n
				if err := r.SetDelivery(context.Background(), at(i), roles[i/4096], DeliverySettings{InFlight: 1 + i%9}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
