//go:build linux

package cluster

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/app"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/store"
)

func cdrBody(id, to string) []byte {
	start := time.Now().UTC().Add(-2 * time.Hour)
	at := func(d time.Duration) string { return start.Add(d).Format(time.RFC3339) }
	return fmt.Appendf(nil, `{"country_code":"NL","party_id":"CP1","id":%q,"start_date_time":%q,"end_date_time":%q,"session_id":%q,`+
		`"cdr_token":{"country_code":"DE","party_id":%q,"uid":%q,"type":"RFID","contract_id":"C1"},"auth_method":"WHITELIST",`+
		`"cdr_location":{"id":"LOC1","address":"Kade 1","city":"Amsterdam","country":"NLD","coordinates":{"latitude":"52.370000","longitude":"4.900000"},`+
		`"evse_uid":%q,"evse_id":"NL*CP1*E1","connector_id":"1","connector_standard":"IEC_62196_T2","connector_format":"SOCKET","connector_power_type":"AC_3_PHASE"},`+
		`"currency":"EUR","charging_periods":[{"start_date_time":%q,"dimensions":[{"type":"ENERGY","volume":10.0},{"type":"TIME","volume":1.0}]}],`+
		`"total_cost":{"excl_vat":4.00,"incl_vat":4.84},"total_energy":10.0,"total_time":1.0,"last_updated":%q}`,
		id, at(0), at(time.Hour), "S-"+id, to[3:], "U-"+id, "E-"+id, at(0), at(time.Hour))
}

// CDRs that two processes take in, some of them the same ones at the same time,
// are in the ledger once, in one log. The one that takes CDRs over is killed: the
// other delivers what waits, and a process that comes later gives the answers of
// the one that was killed.
func TestCDRs(t *testing.T) {
	p := newPair(t, 2)
	to := p.receivers[0].id
	const n = 30
	bodies := make([][]byte, n)
	for i := range bodies {
		bodies[i] = cdrBody(fmt.Sprintf("CDR%d", i), to)
	}
	p.receivers[0].noCDRs.Store(true)
	var all sync.WaitGroup
	for i, body := range bodies {
		for _, node := range []*node{p.a, p.b} {
			if i%3 != 0 && (i%2 == 0) == (node == p.a) { // each third at both
				continue
			}
			all.Go(func() {
				if _, err := p.cpo.call(node, "POST", "/ocpi/2.2.1/receiver/cdrs", to, body); err != nil {
					t.Errorf("CDR %d: %v", i, err)
				}
			})
		}
	}
	all.Wait()
	p.a.kill()
	p.receivers[0].noCDRs.Store(false)
	read, err := store.OpenReader(t.Context(), store.Options{Database: p.database})
	must(t, err)
	defer func() { must(t, read.Close()) }()
	waiting := -1
	for end := time.Now().Add(time.Minute); waiting != 0; time.Sleep(200 * time.Millisecond) {
		list, err := read.CDRs(t.Context(), store.CDRQuery{Mail: ledger.MailWaiting})
		must(t, err)
		if waiting = len(list); waiting != 0 && time.Now().After(end) {
			t.Fatalf("%d CDRs wait", waiting)
		}
	}
	list, err := read.CDRs(t.Context(), store.CDRQuery{})
	must(t, err)
	if len(list) != n {
		t.Errorf("%d CDRs in the ledger, want %d", len(list), n)
	}
	taken := map[string]int{}
	for _, r := range p.receivers[0].all() {
		if strings.HasSuffix(r.path, "/cdrs") {
			taken[r.body]++
		}
	}
	if len(taken) != n {
		t.Errorf("the receiver was sent %d different CDRs, want %d", len(taken), n)
	}
	for i, body := range bodies {
		if _, err := p.cpo.call(p.b, "POST", "/ocpi/2.2.1/receiver/cdrs", to, body); err != nil {
			t.Errorf("CDR %d again: %v", i, err)
		}
	}
	size, err := read.LedgerSize(t.Context())
	must(t, err)
	next := int64(0)
	must(t, read.EachEvent(t.Context(), 0, size, func(e store.LedgerEvent) error {
		if e.Seq != next {
			t.Errorf("event %d follows %d", e.Seq, next-1)
		}
		next = e.Seq + 1
		return nil
	}))
	key, err := app.VerifierKey(t.Context(), read, p.b.data)
	must(t, err)
	v, err := ledger.Verify(t.Context(), read, key, nil)
	if err != nil || len(v.Faults) > 0 {
		t.Errorf("verification: %v, %v", v.Faults, err)
	}
}

// CDRs that overlap and reach two processes at the same time: of each pair one is
// found to overlap with the other.
func TestOverlappingCDRs(t *testing.T) {
	p := newPair(t, 1)
	to := p.receivers[0].id
	const n = 20
	var all sync.WaitGroup
	for i := range n {
		for j, node := range []*node{p.a, p.b} {
			body := strings.NewReplacer(fmt.Sprintf(`"U-%d-%d"`, i, j), fmt.Sprintf(`"U-%d"`, i), fmt.Sprintf(`"E-%d-%d"`, i, j), fmt.Sprintf(`"E-%d"`, i)).
				Replace(string(cdrBody(fmt.Sprintf("%d-%d", i, j), to)))
			all.Go(func() {
				if _, err := p.cpo.call(node, "POST", "/ocpi/2.2.1/receiver/cdrs", to, []byte(body)); err != nil {
					t.Errorf("CDR %d-%d: %v", i, j, err)
				}
			})
		}
	}
	all.Wait()
	read, err := store.OpenReader(t.Context(), store.Options{Database: p.database})
	must(t, err)
	defer func() { must(t, read.Close()) }()
	list, err := read.CDRs(t.Context(), store.CDRQuery{})
	must(t, err)
	found := map[string]int{}
	for _, c := range list {
		events, err := read.CDREvents(t.Context(), c.ID)
		must(t, err)
		if strings.Contains(string(events[0].Leaf), "C04 hold overlapping") {
			found[c.Token]++
		}
	}
	if len(list) != 2*n || len(found) != n {
		t.Errorf("%d CDRs; of %d pairs one was found to overlap, want %d and %d", len(list), len(found), 2*n, n)
	}
	for token, k := range found {
		if k != 1 {
			t.Errorf("both CDRs of %s were found to overlap", token)
		}
	}
}
