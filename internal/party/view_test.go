package party

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
)

// describe says everything that v says, with pointers where they must agree.
func describe(t *testing.T, v *view) string {
	t.Helper()
	var b strings.Builder
	s := v.snapshot
	fmt.Fprintln(&b, s.Hub, s.OpenAgreements, s.Revision)
	ids := map[ocpi.PartyID]bool{}
	for i, p := range s.Platforms() {
		if i > 0 && orderOfPlatforms(s.Platforms()[i-1], p) >= 0 {
			t.Errorf("platform %s is out of order", p.ID)
		}
		if s.Platform(p.ID) != p {
			t.Errorf("platform %s is found as another", p.ID)
		}
		fmt.Fprintln(&b, p.ID, p.Name, p.State, p.Offline, p.Hub, p.Encoding, p.Limits, micros(p.Created), micros(p.Updated))
		for _, q := range p.Parties {
			if q.Platform != p {
				t.Errorf("party %s of platform %s is of another", q.ID, p.ID)
			}
			fmt.Fprintln(&b, " ", q.ID, q.Role, q.Name, q.Confirmed, q.Status, micros(q.LastUpdated), q.Delivery)
			ids[q.ID] = true
		}
	}
	n := 0
	for id := range s.parties.all() {
		n++
		if !ids[id] {
			t.Errorf("party %s is on no platform", id)
		}
	}
	if n != len(ids) {
		t.Errorf("%d parties, want %d", n, len(ids))
	}
	for _, id := range slices.SortedFunc(maps.Keys(ids), func(a, b ocpi.PartyID) int { return strings.Compare(a.Joined(), b.Joined()) }) {
		for _, q := range s.Parties(id) {
			if s.Platform(q.Platform.ID) != q.Platform || !slices.Contains(q.Platform.Parties, q) {
				t.Errorf("party %s is on a platform that is not there", id)
			}
			fmt.Fprintln(&b, id, "on", q.Platform.ID, q.Role)
		}
	}
	var tokens []string
	for hash, c := range v.tokens.all() {
		if s.Platform(c.platform.ID) != c.platform || c.hash != hash {
			t.Errorf("a token of platform %s leads elsewhere", c.platform.ID)
		}
		tokens = append(tokens, fmt.Sprintf("%x %s %s %v", hash, c.platform.ID, c.kind, c.supersedes))
	}
	slices.Sort(tokens)
	fmt.Fprintln(&b, strings.Join(tokens, "\n"))
	for _, a := range s.Agreements() {
		fmt.Fprintln(&b, a.ID, a.CPO, a.EMSP, slices.Contains(s.agreements[pair{a.CPO, a.EMSP}], a))
	}
	return b.String()
}

// TestViewsOfChanges makes random changes. After each the view says what one that
// is built from the database says, and none of the views before has changed.
func TestViewsOfChanges(t *testing.T) {
	r := newRig(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	type kept struct {
		view *view
		text string
	}
	var views []kept
	for range 400 {
		change(t, r, rnd)
		v := r.view.Load()
		text := describe(t, v)
		r.mu.Lock()
		if whole := describe(t, r.state.view(testHub, false)); text != whole {
			t.Fatalf("the view says\n%s\nwant\n%s", text, whole)
		}
		r.mu.Unlock()
		views = append(views, kept{v, text})
	}
	for i, k := range views {
		if text := describe(t, k.view); text != k.text {
			t.Fatalf("view %d has changed to\n%s\nit was\n%s", i, text, k.text)
		}
	}
	last := views[len(views)-1].text
	r.reopen()
	if text := describe(t, r.view.Load()); text != last {
		t.Errorf("after a restart the view says\n%s\nwant\n%s", text, last)
	}
}

// change makes one random change; one that is refused is none.
func change(t *testing.T, r *rig, rnd *rand.Rand) {
	t.Helper()
	ctx := t.Context()
	roles := []ocpi.Role{ocpi.RoleCPO, ocpi.RoleEMSP}
	grants := func() (out []Grant) {
		for range 1 + rnd.IntN(3) {
			out = append(out, Grant{CountryCode: "NL", PartyID: fmt.Sprintf("P%02d", rnd.IntN(30)), Role: roles[rnd.IntN(2)]})
		}
		return out
	}
	id := "none"
	var parties []*Party
	if all := r.Snapshot().Platforms(); len(all) > 0 {
		p := all[rnd.IntN(len(all))]
		id, parties = p.ID, p.Parties
	}
	agreement := Agreement{ID: fmt.Sprint("a", rnd.IntN(10)), CPO: ocpi.PartyID{CountryCode: "NL", ID: "P01"}, EMSP: ocpi.PartyID{CountryCode: "NL", ID: "P02"}}
	switch rnd.IntN(10) {
	case 0, 1, 2:
		_, _ = r.Invite(ctx, Invitation{Name: "x", Parties: grants(), Encoding: ocpi.EncodingBase64})
	case 3:
		list := grants()
		_ = r.Update(ctx, id, Update{Parties: &list})
	case 4:
		stop := rnd.IntN(2) == 0
		_ = r.Update(ctx, id, Update{Suspended: &stop, Limits: &Limits{Burst: rnd.IntN(100)}})
	case 5:
		_, _ = r.Reinvite(ctx, id)
	case 6:
		if len(r.Snapshot().Platforms()) > 12 {
			_ = r.Remove(ctx, id)
		}
	case 7:
		if len(parties) > 0 {
			q := parties[rnd.IntN(len(parties))]
			if err := r.SetDelivery(ctx, q.ID, q.Role, DeliverySettings{InFlight: 1 + rnd.IntN(9)}); err != nil {
				t.Fatal(err)
			}
		}
	case 8:
		if err := r.PutAgreement(ctx, agreement); err != nil {
			t.Fatal(err)
		}
	case 9:
		_ = r.DeleteAgreement(ctx, agreement.ID)
	}
}

// TestTable compares a table with a map, over many versions, each of which stays as
// it was.
func TestTable(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var now table[int, int]
	want := map[int]int{}
	type version struct {
		table table[int, int]
		want  map[int]int
	}
	var all []version
	for i := range 3000 {
		now = now.next()
		for range 1 + rnd.IntN(3) {
			if k := rnd.IntN(300); rnd.IntN(3) > 0 {
				now.set(k, i)
				want[k] = i
			} else {
				now.drop(k)
				delete(want, k)
			}
		}
		if n := len(now.over); n*n > 2*len(now.base)+1000 {
			t.Fatalf("%d of %d entries are copied with each change", n, len(want))
		}
		all = append(all, version{now, maps.Clone(want)})
	}
	for i, v := range all {
		if got := maps.Collect(v.table.all()); !maps.Equal(got, v.want) {
			t.Fatalf("version %d has %v, want %v", i, got, v.want)
		}
		for k := range 300 {
			if v.table.get(k) != v.want[k] {
				t.Fatalf("version %d has %d at %d, want %d", i, v.table.get(k), k, v.want[k])
			}
		}
	}
}
