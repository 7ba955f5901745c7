package tariff

import (
	"fmt"

	"github.com/eroam/eroam/ocpi"
)

// Verdict says whether a CDR's own amounts agree with ours.
type Verdict struct {
	Verdict          string   `json:"verdict"` // match, mismatch or no_claim
	CompareTolerance string   `json:"compare_tolerance"`
	DifferingFields  []string `json:"differing_fields"`
	// Differences holds both amounts of each field that differs.
	Differences []Difference `json:"differences,omitempty"`
	// ExplainedBy names readings or roundings that reproduce the total that the
	// CDR claims.
	ExplainedBy []string `json:"explained_by,omitempty"`
}

// Difference is a field of a CDR that does not agree.
type Difference struct {
	Field   string `json:"field"`
	Claimed Amount `json:"claimed"`
	Ours    Amount `json:"ours"`
}

// The verdicts.
const (
	Match    = "match"
	Mismatch = "mismatch"
	NoClaim  = "no_claim"
)

// Verify compares a CDR with r, its price. A field agrees when it is within the
// policy's tolerance of our amount, rounded or not. What the CDR does not state,
// or we cannot know, is not compared. Where the total differs, known readings and
// roundings are tried to say where it comes from.
func (l *PriceList) Verify(c *CDR, r *Result) (Verdict, error) {
	v := Verdict{Verdict: NoClaim, CompareTolerance: r.Policy.Tolerance, DifferingFields: []string{}}
	if v.CompareTolerance == "" {
		v.CompareTolerance = "0.01"
	}
	tolerance, err := toleranceOf(v.CompareTolerance)
	if err != nil || tolerance.x.neg {
		return v, &Error{Code: "policy", Pointer: "/tolerance", Message: "must be a decimal number, not negative"}
	}
	cmp := comparison{verdict: &v, tolerance: tolerance, decimals: r.Policy.decimals(r.Currency), mode: r.Policy.Rounding.Mode}
	claim := c.Claim
	if claim.Credit {
		claim.takeBack()
	}
	cmp.total(&claim, r)
	wrong := len(v.DifferingFields) > 0
	cmp.parts(&claim, r)
	if len(v.DifferingFields) > 0 {
		v.Verdict = Mismatch
	}
	if wrong {
		v.ExplainedBy = l.explanations(&c.Session, &claim, r, tolerance)
	}
	return v, nil
}

func toleranceOf(text string) (Amount, error) {
	if text != "0.01" && !spellsNumber(text) { // the default is known to be one
		return Amount{}, fmt.Errorf("%q is no number", shorten(text))
	}
	return amountOf(text)
}

// takeBack turns the claim of a credit CDR into that of the CDR it credits. Only
// the total is to be negative; some turn the parts around too.
func (c *Claim) takeBack() {
	c.Total = Cost{c.Total.Excl.Neg(), c.Total.Incl.Neg()}
	for _, p := range [...]*Cost{&c.Energy, &c.Time, &c.Parking, &c.Fixed, &c.Reserved} {
		if p.Excl.x.neg || p.Incl.x.neg {
			*p = Cost{p.Excl.Neg(), p.Incl.Neg()}
		}
	}
}

type comparison struct {
	verdict   *Verdict
	tolerance Amount
	decimals  int
	mode      RoundingMode
}

// agree reports whether a claimed amount is near enough to ours.
func (c *comparison) agree(claimed, ours Amount) bool {
	return claimed.Sub(ours).Abs().Cmp(c.tolerance) <= 0 ||
		claimed.Sub(ours.Round(c.decimals, c.mode)).Abs().Cmp(c.tolerance) <= 0
}

// compare notes a field when it differs.
func (c *comparison) compare(field string, claimed, ours Amount) bool {
	if !claimed.Known() || !ours.Known() {
		return true
	}
	if c.verdict.Verdict == NoClaim {
		c.verdict.Verdict = Match
	}
	if c.agree(claimed, ours) {
		return true
	}
	c.verdict.DifferingFields = append(c.verdict.DifferingFields, field)
	c.verdict.Differences = append(c.verdict.Differences, Difference{field, claimed, ours})
	return false
}

func (c *comparison) total(claim *Claim, r *Result) {
	switch claim.Version {
	case v211:
		c.compare("total_cost", claim.Total.Excl, r.TotalExcl)
	case ocpi.V230:
		c.compare("total_cost.before_taxes", claim.Total.Excl, r.TotalExcl)
		c.compare("total_cost.taxes", claim.Total.Incl.Sub(claim.Total.Excl), r.TotalIncl.Sub(r.TotalExcl))
	default:
		c.compare("total_cost.excl_vat", claim.Total.Excl, r.TotalExcl)
		c.compare("total_cost.incl_vat", claim.Total.Incl, r.TotalIncl)
	}
}

// parts compares the cost of the dimensions. A FLAT may have been counted to the
// fixed cost, to parking or to a reservation (OCPI 2.2.1 §10.3.1), so where there
// is one and these occur their sum is compared.
func (c *comparison) parts(claim *Claim, r *Result) {
	of := func(d Dimension) Cost {
		s, there := r.ByDimension.Get(d)
		if !there {
			return Cost{zero, zero}
		}
		return Cost{s.Excl, s.Incl}
	}
	c.part("total_energy_cost", claim.Energy, of(Energy))
	c.part("total_time_cost", claim.Time, of(Time))
	_, flat := r.ByDimension.Get(Flat)
	_, parking := r.ByDimension.Get(ParkingTime)
	_, reserved := r.ByDimension.Get(Reservation)
	if !flat || !parking && !reserved {
		c.part("total_fixed_cost", claim.Fixed, of(Flat))
		c.part("total_parking_cost", claim.Parking, of(ParkingTime))
		c.part("total_reservation_cost", claim.Reserved, of(Reservation))
		return
	}
	ours, stated := Cost{zero, zero}, Cost{zero, zero}
	names := ""
	for _, f := range []struct {
		name  string
		there bool
		claim Cost
		d     Dimension
	}{
		{"total_fixed_cost", flat, claim.Fixed, Flat}, {"total_parking_cost", parking, claim.Parking, ParkingTime},
		{"total_reservation_cost", reserved, claim.Reserved, Reservation},
	} {
		if !f.there {
			continue
		}
		if !f.claim.Excl.Known() {
			return // not all of them are stated
		}
		if names != "" {
			names += "+"
		}
		names += f.name
		stated = Cost{stated.Excl.Add(f.claim.Excl), stated.Incl.Add(f.claim.Incl)}
		ours = Cost{ours.Excl.Add(of(f.d).Excl), ours.Incl.Add(of(f.d).Incl)}
	}
	c.part(names, stated, ours)
}

func (c *comparison) part(name string, claimed, ours Cost) {
	if c.compare(name, claimed.Excl, ours.Excl) {
		c.compare(name, claimed.Incl, ours.Incl)
	}
}

// explanations returns the names of known readings, roundings and mistakes under
// which the total is what the CDR claims.
func (l *PriceList) explanations(s *Session, claim *Claim, r *Result, tolerance Amount) []string {
	half := tolerance.Round(9, HalfAwayFromZero)
	half.x.div(2)
	same := func(claimed, ours Amount) bool {
		return !claimed.Known() || !ours.Known() || claimed.Sub(ours).Abs().Cmp(half) <= 0
	}
	var names []string
	for _, alt := range alternatives(r.Policy) {
		other, err := l.Price(s, alt.policy)
		if err != nil {
			continue
		}
		excl, incl := other.TotalExcl, other.TotalIncl
		if alt.rounded {
			excl, incl = other.Rounded.TotalExcl.Amount, other.Rounded.TotalIncl.Amount
		}
		if same(claim.Total.Excl, excl) && same(claim.Total.Incl, incl) {
			names = append(names, alt.name)
		}
	}
	return append(names, mistakes(claim, r, same)...)
}

type alternative struct {
	name    string
	policy  Policy
	rounded bool
}

func alternatives(p Policy) []alternative {
	var out []alternative
	add := func(name string, rounded bool, change func(p *Policy)) {
		q := p
		change(&q)
		out = append(out, alternative{name, q, rounded})
	}
	for _, mode := range []RoundingMode{HalfAwayFromZero, HalfEven, Truncate, AwayFromZero} {
		add("rounded_per_line_"+string(mode), false, func(q *Policy) { q.Rounding.Where, q.Rounding.Mode = AtLine, mode })
		add("rounded_"+string(mode), true, func(q *Policy) { q.Rounding.Mode = mode })
	}
	add("step_per_period", false, func(q *Policy) { q.StepSize = StepPerPeriod })
	add("no_step_size", false, func(q *Policy) { q.StepSize = StepOff })
	add("step_counts_unpriced", false, func(q *Policy) { q.StepCountsUnpriced = true })
	add("flat_per_element", false, func(q *Policy) { q.FlatPerElement = true })
	add("power_at_some_moment", false, func(q *Policy) { q.Power = PowerSomeMoment })
	add("missing_power_matches", false, func(q *Policy) { q.MissingPowerMatches = true })
	add("duration_from_reservation", false, func(q *Policy) { q.DurationFromReservation = true })
	add("no_price_limits", false, func(q *Policy) { q.IgnoreLimits = true })
	add("priced_in_utc", false, func(q *Policy) { q.InUTC = true })
	return out
}

// mistakes recognises what no policy would do.
func mistakes(c *Claim, r *Result, same func(a, b Amount) bool) []string {
	var names []string
	excl, incl := r.TotalExcl, r.TotalIncl
	if !excl.Known() || !incl.Known() || excl == incl || excl.IsZero() {
		return nil
	}
	if twice := proportion(Totals{excl, incl}, incl); c.Total.Incl.Known() && same(c.Total.Excl, excl) && same(c.Total.Incl, twice) {
		names = append(names, "tax_added_twice")
	}
	if c.Total.Excl.Known() && same(c.Total.Excl, incl) {
		names = append(names, "tax_in_the_amount_before_tax")
	}
	if c.Total.Incl.Known() && same(c.Total.Incl, excl) {
		names = append(names, "no_tax_in_the_amount_with_tax")
	}
	return names
}

// ExternalTax is a tax that the tariff does not tell: a percentage of the total
// before tax, or an amount per billed kWh. One of them must be set.
type ExternalTax struct {
	Name       string      `json:"name"`
	Percentage ocpi.Number `json:"percentage,omitzero"`
	PerKWh     ocpi.Number `json:"per_kwh,omitzero"`
}

// AppliedTax is an external tax with its amount, rounded to the currency.
type AppliedTax struct {
	Name   string      `json:"name"`
	Amount roundAmount `json:"amount"`
}

// AddTaxes computes taxes from outside: each on the total before tax, none on
// another, each rounded, and the total after them. Without a total before tax it
// is an error.
func (r *Result) AddTaxes(taxes []ExternalTax) ([]AppliedTax, Amount, error) {
	if !r.TotalExcl.Known() {
		return nil, Amount{}, &Error{Code: "policy", Message: "the total before tax is unknown, so taxes on it are too"}
	}
	d, mode := r.Rounded.Decimals, r.Rounded.Mode
	total := r.Rounded.TotalExcl.Amount
	out := make([]AppliedTax, 0, len(taxes))
	for i, t := range taxes {
		amount, err := r.tax(t)
		if err != nil {
			return nil, Amount{}, &Error{Code: "field", Pointer: fmt.Sprintf("/%d", i), Message: err.Error()}
		}
		amount = amount.Round(d, mode)
		total = total.Add(amount)
		out = append(out, AppliedTax{t.Name, roundAmount{amount, d}})
	}
	return out, total, nil
}

func (r *Result) tax(t ExternalTax) (Amount, error) {
	if t.Percentage.IsSet() == t.PerKWh.IsSet() {
		return Amount{}, fmt.Errorf("must have percentage or per_kwh")
	}
	if t.PerKWh.IsSet() {
		p, err := scaledOf(t.PerKWh.String())
		if err != nil {
			return Amount{}, err
		}
		s, _ := r.ByDimension.Get(Energy)
		x, err := p.money(s.Billed.n, 9, false)
		return Amount{known: true, x: x}, err
	}
	c, err := compileComponent(&Component{VAT: t.Percentage}, "")
	if err != nil {
		return Amount{}, err
	}
	return c.with(r.TotalExcl).Sub(r.TotalExcl), nil
}
