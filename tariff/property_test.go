package tariff

import (
	"flag"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/eroam/eroam/ocpi"
)

var (
	rounds = flag.Int("tariff.rounds", 10_000, "random tariffs and sessions per property")
	seed   = flag.Uint64("tariff.seed", 1, "seed of the random tariffs")
)

// each runs fn with random inputs; a failure names the round, and
// -tariff.seed with the same number of rounds repeats it.
func each(t *testing.T, fn func(r random) bool) {
	t.Helper()
	used := 0
	for i := range *rounds {
		if fn(random{rand.New(rand.NewPCG(*seed, uint64(i)))}) {
			used++
		}
		if t.Failed() {
			t.Fatalf("in round %d of seed %d", i, *seed)
		}
	}
	if used < *rounds/20 {
		t.Errorf("only %d of %d rounds said something", used, *rounds)
	}
}

func compiledOrSkip(t *testing.T, r random) (Tariff, *PriceList) {
	t.Helper()
	tar := r.tariff()
	l, err := Compile(tar)
	if err != nil {
		t.Fatal(err)
	}
	return tar, l
}

// ratOfAmount is the exact value.
func ratOfAmount(a Amount) *big.Rat {
	if !a.Known() {
		return nil
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(unitDigits), nil)
	return new(big.Rat).SetFrac(a.x.big(), unit.Mul(unit, big.NewInt(3600)))
}

var tiny = ratOf("1/1000000000000000000000000000000")

func sameRat(a, b *big.Rat) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	d := new(big.Rat).Sub(a, b)
	return d.Abs(d).Cmp(tiny) < 0
}

func TestPriceEqualsOracle(t *testing.T) {
	limits := 0
	each(t, func(r random) bool {
		tar, l := compiledOrSkip(t, r)
		s := r.session()
		got, err := l.Price(&s, Policy{})
		if err != nil {
			t.Fatal(err)
		}
		o := oracle{t: &tar, s: &s}
		o.price()
		if !sameRat(ratOfAmount(got.TotalExcl), o.excl) || !sameRat(ratOfAmount(got.TotalIncl), o.incl) {
			t.Errorf("got %s / %s, want %s / %s", got.TotalExcl, got.TotalIncl, rounded(o.excl, 8), rounded(o.incl, 8))
		}
		d := CurrencyDecimals(tar.Currency)
		if got.Rounded.TotalExcl.String() != rounded(o.excl, d) || got.Rounded.TotalIncl.String() != rounded(o.incl, d) {
			t.Errorf("rounded %s / %s, want %s / %s", got.Rounded.TotalExcl, got.Rounded.TotalIncl, rounded(o.excl, d), rounded(o.incl, d))
		}
		limit := ""
		if got.LimitApplied != nil {
			limit = *got.LimitApplied
			limits++
		}
		if limit != o.limit {
			t.Errorf("limit %q, want %q", limit, o.limit)
		}
		return len(got.Lines) > 0
	})
	if limits < *rounds/100 {
		t.Errorf("only %d limits applied", limits)
	}
}

func TestTaxByRateSumsToTheTax(t *testing.T) {
	each(t, func(r random) bool {
		_, l := compiledOrSkip(t, r)
		s := r.session()
		got, err := l.Price(&s, Policy{})
		if err != nil {
			t.Fatal(err)
		}
		if !got.TotalExcl.Known() || !got.TotalIncl.Known() {
			return false
		}
		base, tax := zero, zero
		for _, g := range got.TaxByRate {
			base, tax = base.Add(g.Base), tax.Add(g.Tax)
		}
		if base.Cmp(got.TotalExcl) != 0 || tax.Cmp(got.TotalIncl.Sub(got.TotalExcl)) != 0 {
			t.Errorf("the rates sum to %s + %s, want %s and %s in all: %+v", base, tax, got.TotalExcl, got.TotalIncl, got.TaxByRate)
		}
		return len(got.TaxByRate) > 1
	})
}

// priceOf returns how each period and dimension was priced.
func priceOf(r *Result, period int) map[Dimension][2]int {
	m := make(map[Dimension][2]int)
	for _, l := range r.Lines {
		if l.Period == period && l.Type != Flat {
			m[l.Dimension] = [2]int{l.Element, l.Component}
		}
	}
	return m
}

func flats(r *Result) (list [][2]int) {
	for _, l := range r.Lines {
		if l.Type == Flat {
			list = append(list, [2]int{l.Element, l.Component})
		}
	}
	return list
}

// TestSplittingAPeriod cuts a period in two: where the same components price both
// parts, nothing changes.
func TestSplittingAPeriod(t *testing.T) {
	each(t, func(r random) bool {
		_, l := compiledOrSkip(t, r)
		s := r.session()
		whole, err := l.Price(&s, Policy{})
		if err != nil {
			t.Fatal(err)
		}
		i := r.IntN(len(s.Periods))
		p := s.Periods[i]
		length := p.Time + p.Parking + p.Reservation
		if length < 2 {
			return false
		}
		part := 1 + r.Int64N(length-1)
		a, b := p, p
		cutTo := func(x, y *int64, n int64) {
			if *x > 0 {
				*x, *y = n, *y-n
			}
		}
		cutTo(&a.Time, &b.Time, part)
		cutTo(&a.Parking, &b.Parking, part)
		cutTo(&a.Reservation, &b.Reservation, part)
		cutTo(&a.Energy, &b.Energy, r.Int64N(p.Energy+1))
		b.Start = p.Start.Add(secondsOf(part))
		b.Index = 1000
		split := s
		split.Periods = slices.Insert(slices.Clone(s.Periods), i, a)
		split.Periods[i+1] = b
		got, err := l.Price(&split, Policy{})
		if err != nil {
			t.Fatal(err)
		}
		want, second := priceOf(&whole, p.Index), priceOf(&got, 1000)
		if b.Energy == 0 {
			delete(want, Energy)
		}
		if !maps.Equal(want, second) || !slices.Equal(flats(&whole), flats(&got)) {
			return false // a price changes within
		}
		if got.TotalExcl.Cmp(whole.TotalExcl) != 0 || got.TotalIncl.Cmp(whole.TotalIncl) != 0 {
			t.Errorf("in two parts %s / %s, in one %s / %s", got.TotalExcl, got.TotalIncl, whole.TotalExcl, whole.TotalIncl)
		}
		return true
	})
}

// TestGeneratePriceVerify makes periods from meter values, prices them, and claims
// that price: no period may span a change of price, and the claim must hold.
func TestGeneratePriceVerify(t *testing.T) {
	each(t, func(r random) bool {
		tar, l := compiledOrSkip(t, r)
		m := r.metering()
		g, err := l.Generate(&m)
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.Price(&g.Session, Policy{})
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(got.Findings, func(f Finding) bool { return f.Code != "power_missing" }); i >= 0 {
			t.Errorf("finding %+v with %d periods", got.Findings[i], len(g.Session.Periods))
		}
		sum := int64(0)
		for _, p := range g.Session.Periods {
			sum += p.Energy
		}
		if want := m.Readings[len(m.Readings)-1].Energy - m.Readings[0].Energy; sum != want {
			t.Errorf("the periods hold %d, the meter says %d", sum, want)
		}
		d := CurrencyDecimals(tar.Currency)
		c := CDR{Session: g.Session, Claim: Claim{Version: ocpi.V221, Total: Cost{
			got.TotalExcl.Round(d, HalfAwayFromZero), got.TotalIncl.Round(d, HalfAwayFromZero),
		}}}
		v, err := l.Verify(&c, &got)
		if err != nil {
			t.Fatal(err)
		}
		if v.Verdict == Mismatch {
			t.Errorf("the claim of our own price differs in %v", v.DifferingFields)
		}
		return len(g.Session.Periods) > 1
	})
}

// TestUnreachableComponentsHaveNoEffect removes what lint calls unreachable.
func TestUnreachableComponentsHaveNoEffect(t *testing.T) {
	each(t, func(r random) bool {
		tar, l := compiledOrSkip(t, r)
		findings := Lint(ocpi.V221, &tar, LintOptions{})
		dead := make(map[string]bool)
		for _, f := range findings {
			if f.Code == "unreachable" {
				dead[f.Pointer] = true
			}
		}
		if len(dead) == 0 {
			return false
		}
		rest := tar
		rest.Elements = nil
		for i, e := range tar.Elements {
			kept := Element{Restrictions: e.Restrictions}
			var gone []Dimension
			for j, c := range e.Components {
				// A second component of a dimension must not come to life.
				if dead[component(i, j)] {
					gone = append(gone, c.Type)
				}
				if !slices.Contains(gone, c.Type) {
					kept.Components = append(kept.Components, c)
				}
			}
			rest.Elements = append(rest.Elements, kept)
		}
		without, err := Compile(rest)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			s := r.session()
			a, err := l.Price(&s, Policy{})
			if err != nil {
				t.Fatal(err)
			}
			b, err := without.Price(&s, Policy{})
			if err != nil {
				t.Fatal(err)
			}
			if a.TotalExcl != b.TotalExcl || a.TotalIncl != b.TotalIncl {
				t.Errorf("with them %s / %s, without %s / %s: %v", a.TotalExcl, a.TotalIncl, b.TotalExcl, b.TotalIncl, dead)
			}
		}
		return true
	})
}
