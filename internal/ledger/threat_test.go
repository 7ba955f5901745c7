package ledger_test

import (
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// holds fails unless a CDR is held for a finding.
func (r *rig) holds(id, finding string) {
	r.t.Helper()
	if c := r.cdr(id); !c.Held || !slices.ContainsFunc(r.found(id), func(f string) bool { return strings.HasPrefix(f, finding) }) {
		r.t.Errorf("CDR %s: held %v, found %v, want %s", id, c.Held, r.found(id), finding)
	}
}

// T24: a second CDR for what was charged is accepted and held, whether it names
// the session or only overlaps; many at a time as well.
func TestEconomicDuplicate(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	first := cdr("C1")
	r.accept(first)
	r.accept(strings.Replace(first, `"id":"C1"`, `"id":"C2"`, 1))
	r.holds("C2", "C04 hold second_for_session")
	r.accept(strings.Replace(strings.Replace(first, `"id":"C1"`, `"id":"C3"`, 1), `"session_id":"S-C1",`, ``, 1))
	r.holds("C3", "C04 hold overlapping")
	if r.cdr("C1").Held {
		t.Error("the first one is held")
	}
	base := cdr("D0")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			body := strings.Replace(base, `"id":"D0"`, fmt.Sprintf(`"id":"D%d"`, i), 1)
			if a, err := r.ledger.Intake(t.Context(), r.submission(body)); err != nil || !a.Accepted {
				t.Errorf("answer %+v, %v", a, err)
			}
		})
	}
	all.Wait()
	free := 0
	for i := range 20 {
		if !r.cdr(fmt.Sprintf("D%d", i)).Held {
			free++
		}
	}
	if free != 1 {
		t.Errorf("%d of 20 CDRs of one session are not held", free)
	}
	r.sound()
}

// T26: what was never charged is not settled by itself.
func TestFabricated(t *testing.T) {
	r := newRig(t)
	at := time.Duration(0)
	r.agree(func(a *party.Agreement) {
		a.ApproveAfter = &at
		a.CDRChecks = []byte(`{"severity":{"C15":"off","C17":"off"}}`)
	})
	r.refuse(cdr("F1", `"party_id":"EM1"`, `"party_id":"EM9"`), ocpi.StatusInvalidParameters, "C02")
	for id, c := range map[string]struct {
		finding string
		changes []string
	}{
		"F2": {"C16 hold", nil}, // no authorisation
		"F3": {"C16 hold reference_unknown", []string{`"auth_method":"WHITELIST"`, `"auth_method":"AUTH_REQUEST","authorization_reference":"NEVER"`}},
		"F4": {"C07 hold", []string{`"end_date_time":"`, `"end_date_time":"2020-01-01T00:00:00Z","x":"`}},
		"F5": {"C12 hold", []string{`"volume":10.0`, `"volume":390.0`, `"total_energy":10.0`, `"total_energy":390.0`}},
		"F6": {"C10 hold", []string{`"total_energy":10.0`, `"total_energy":20.0`}},
	} {
		r.accept(cdr(id, c.changes...))
		r.holds(id, c.finding)
		r.is(id, ledger.StatePresented, ledger.MailDelivered)
	}
	if b := r.balances(); len(b) != 0 {
		t.Errorf("posted %v", b)
	}
	r.sound()
}

// T28: sums are exact, whatever the amounts are; numbers that are none are
// refused. EROAM_TEST_SUMS is of how many CDRs; the default is 300.
func TestExactSums(t *testing.T) {
	r := newRig(t)
	at := time.Duration(0)
	r.agree(func(a *party.Agreement) {
		a.ApproveAfter = &at
		a.CDRChecks = []byte(`{"severity":{"C04":"off","C10":"off","C12":"off","C13":"off","C15":"off","C16":"off","C17":"off","C18":"off","C19":"off","C20":"off","C27":"off"}}`)
	})
	for i, bad := range []string{`1e400`, `"NaN"`, `NaN`, `"4.00"`, `0x4`, `4.` + strings.Repeat("1", 60)} {
		r.refuse(cdr(fmt.Sprintf("B%d", i), `"excl_vat":4.00`, `"excl_vat":`+bad), ocpi.StatusInvalidParameters, "")
	}
	want := map[string]*big.Rat{"net": {}, "gross": {}}
	random := rand.New(rand.NewPCG(1, 2))
	parts := []string{"0.1", "0.2", "0.005", "0.0049", "0.015", "1.005", "2.675", "0.01", "123456.789"}
	n := 300
	if m, err := strconv.Atoi(os.Getenv("EROAM_TEST_SUMS")); err == nil {
		n = m
	}
	var all sync.WaitGroup
	places := make(chan struct{}, 8)
	for i := range n {
		net, tax := parts[random.IntN(len(parts))], parts[random.IntN(5)]
		gross := new(big.Rat).Add(rat(net), rat(tax)).FloatString(4)
		s := r.submission(cdr(fmt.Sprintf("C%d", i), `"excl_vat":4.00,"incl_vat":4.84`, `"excl_vat":`+net+`,"incl_vat":`+gross))
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			if a, err := r.ledger.Intake(t.Context(), s); err != nil || !a.Accepted {
				t.Errorf("CDR %d: %+v, %v", i, a, err)
			}
		})
		want["net"].Add(want["net"], cents(net))
		want["gross"].Add(want["gross"], cents(gross))
	}
	all.Wait()
	b := r.balances()
	if got := big.NewRat(b["emsp:DE-EM1 EUR"], 1); got.Cmp(want["gross"]) != 0 {
		t.Errorf("gross %v, want %v", got, want["gross"])
	}
	if got := big.NewRat(-b["cpo:NL-CP1 EUR"], 1); got.Cmp(want["net"]) != 0 {
		t.Errorf("net %v, want %v", got, want["net"])
	}
	r.sound()
}

func rat(s string) *big.Rat {
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic(s)
	}
	return r
}

// cents rounds half away from zero.
func cents(s string) *big.Rat {
	r := new(big.Rat).Mul(rat(s), big.NewRat(100, 1))
	half := new(big.Rat).Add(r, big.NewRat(1, 2))
	return new(big.Rat).SetInt(new(big.Int).Div(half.Num(), half.Denom()))
}

// T31: approval by time that runs several times at once, in several processes,
// posts once.
func TestApprovalTwice(t *testing.T) {
	r := newRig(t)
	soon := time.Second
	r.agree(func(a *party.Agreement) { normal(a); a.ApproveAfter = &soon })
	const n = 40
	for i := range n {
		r.accept(cdr(fmt.Sprintf("C%d", i)))
	}
	one := r.ledger
	r.start() // another one on the same database
	late := func() time.Time { return time.Now().Add(time.Hour) }
	var all sync.WaitGroup
	for _, l := range []*ledger.Ledger{one, r.ledger, one, r.ledger} {
		l.SetClock(late)
	}
	for _, l := range []*ledger.Ledger{one, r.ledger, one, r.ledger} {
		all.Go(func() {
			if err := l.ApproveDue(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range n {
		all.Go(func() { _ = r.ledger.Approve(context.Background(), key(fmt.Sprintf("C%d", i)), byEMSP) })
	}
	all.Wait()
	if b := r.balances(); b["emsp:DE-EM1 EUR"] != n*484 {
		t.Errorf("balances %v", b)
	}
	if p, err := r.Store.Postings(t.Context(), store.PostingQuery{}); err != nil || len(p) != 3*n {
		t.Errorf("%d postings, want %d; %v", len(p), 3*n, err)
	}
	r.sound()
}
