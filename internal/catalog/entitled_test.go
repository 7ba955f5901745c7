package catalog

import (
	"fmt"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// network makes n CPOs and n eMSPs; the eMSP 0 has agreements with every CPO.
func network(n int, from, to time.Time) (*party.Snapshot, *party.Party) {
	var platforms []*party.Platform
	var agreements []*party.Agreement
	add := func(country string, i int, role ocpi.Role) *party.Party {
		pl := &party.Platform{ID: fmt.Sprint(country, i)}
		p := &party.Party{ID: ocpi.PartyID{CountryCode: country, ID: fmt.Sprintf("%03d", i)}, Role: role, Platform: pl, Confirmed: true}
		pl.Parties = []*party.Party{p}
		platforms = append(platforms, pl)
		return p
	}
	viewer := add("DE", 0, ocpi.RoleEMSP)
	for i := range n {
		cpo := add("NL", i, ocpi.RoleCPO)
		agreements = append(agreements, &party.Agreement{ID: cpo.ID.ID, CPO: cpo.ID, EMSP: viewer.ID, ValidFrom: from, ValidTo: to})
	}
	return party.NewSnapshot(ocpi.PartyID{CountryCode: "DE", ID: "HUB"}, false, platforms, agreements), viewer
}

// What is remembered ends when an agreement begins or ends, and with the
// snapshot.
func TestEntitledEndsInTime(t *testing.T) {
	c := New(Options{SignKey: []byte("key")})
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s, viewer := network(3, day, day.Add(time.Hour))
	for _, tt := range []struct {
		at   time.Duration
		want int
	}{{-time.Second, 0}, {-1, 0}, {0, 3}, {time.Minute, 3}, {time.Hour - 1, 3}, {time.Hour, 0}} {
		for range 2 {
			if got := len(c.ownersFor(s, ocpi.Locations, viewer, day.Add(tt.at))); got != tt.want {
				t.Errorf("at %s: %d owners, want %d", tt.at, got, tt.want)
			}
		}
	}
	more, viewer := network(5, time.Time{}, time.Time{})
	if got := len(c.ownersFor(more, ocpi.Locations, viewer, day)); got != 5 {
		t.Errorf("under another snapshot: %d owners, want 5", got)
	}
}

// With 2,750 platforms a repeated question costs a look-up.
func BenchmarkOwnersFor(b *testing.B) {
	s, viewer := network(2750, time.Time{}, time.Time{})
	c := New(Options{SignKey: []byte("key")})
	b.ReportAllocs()
	for b.Loop() {
		c.ownersFor(s, ocpi.Locations, viewer, time.Now())
	}
}
