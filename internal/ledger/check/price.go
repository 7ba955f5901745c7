package check

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

// Bounds of periods times price components, of which real CDRs have a few
// hundred: what is priced, and what is priced with the reason for each line, which
// may name every component for every period.
const (
	maxWork = 1 << 18
	maxWhy  = 1 << 14
)

// choice is the tariffs that a CDR is priced with.
type choice struct {
	tariffs []tariff.Tariff
	list    *tariff.PriceList // they, where that is known already
	basis   Basis
	used    []TariffUsed
	late    bool // the hub received them after the session started
}

// price computes the price, for C10, C17, C18 and C19.
func (r *run) price() {
	r.choice = r.choose()
	r.report.Basis, r.report.Tariffs = r.choice.basis, r.choice.used
	if r.choice.basis == BasisNone {
		r.report.NotPriced = "no tariff is known"
		return
	}
	if len(r.CDR.Tariff.Session.Periods) == 0 {
		r.report.NotPriced = "the CDR ends before it starts"
		return
	}
	result, list, err := r.priceWith(r.choice.tariffs, r.choice.list)
	if err != nil {
		r.report.NotPriced, r.priceErr = err.Error(), err
		return
	}
	cdr := r.CDR.Tariff
	cdr.Session.Zone = r.zone(r.choice.tariffs)
	verdict, err := list.Verify(&cdr, &result)
	if err != nil {
		r.report.NotPriced, r.priceErr = err.Error(), err
		return
	}
	r.report.Price, r.report.Claim = &result, &verdict
}

// choose takes the versions that the hub had when the session started, else the
// tariffs inside the CDR, else versions that the hub received later.
func (r *run) choose() choice {
	var before, after []*TariffVersion
	for i := range r.AtStart {
		if v := &r.AtStart[i]; !v.Deleted && !v.Received.After(r.CDR.Start) {
			before = append(before, v)
		}
	}
	for i := range r.Latest {
		if v := &r.Latest[i]; !v.Deleted && v.Received.After(r.CDR.Start) {
			after = append(after, v)
		}
	}
	if c, ok := r.complete(before); ok {
		return c
	}
	if own := r.CDR.Tariff.Tariffs; len(own) > 0 {
		c := choice{tariffs: own, basis: BasisCDR}
		for i := range own[:min(len(own), maxTariffIDs)] {
			c.used = append(c.used, TariffUsed{ID: own[i].ID})
		}
		return c
	}
	if c, ok := r.complete(after); ok {
		c.late = true
		return c
	}
	return choice{basis: BasisNone}
}

// complete returns the versions in the order in which the CDR names them; without
// names all of them, ad hoc tariffs last. False when one is missing.
func (r *run) complete(versions []*TariffVersion) (choice, bool) {
	c := choice{basis: BasisHub}
	add := func(v *TariffVersion) {
		c.tariffs = append(c.tariffs, v.Tariff)
		c.used = append(c.used, TariffUsed{ID: v.Tariff.ID, Received: v.Received, Hash: v.Hash})
		if c.list = nil; len(c.tariffs) == 1 {
			c.list = v.List
		}
	}
	if len(r.CDR.TariffIDs) == 0 {
		versions = slices.Clone(versions)
		slices.SortStableFunc(versions, func(a, b *TariffVersion) int {
			return cmp.Or(cmp.Compare(adHoc(a), adHoc(b)), strings.Compare(a.Tariff.ID, b.Tariff.ID), b.Received.Compare(a.Received))
		})
		for _, v := range versions {
			add(v)
		}
		return c, len(versions) > 0
	}
	for _, id := range r.CDR.TariffIDs {
		v := newest(versions, id)
		if v == nil {
			return choice{}, false
		}
		add(v)
	}
	return c, true
}

func adHoc(v *TariffVersion) int {
	if v.Tariff.Type == "AD_HOC_PAYMENT" {
		return 1
	}
	return 0
}

// newest returns the version of an id that was received last.
func newest(versions []*TariffVersion, id string) (found *TariffVersion) {
	for _, v := range versions {
		if ocpi.FoldID(v.Tariff.ID) == id && (found == nil || v.Received.After(found.Received)) {
			found = v
		}
	}
	return found
}

// errWork says that there is too much to price.
var errWork = errors.New("the CDR has too many periods, or its tariff too many elements, to be priced")

// priceWith prices the session. The list is the tariffs, compiled, or nil.
func (r *run) priceWith(tariffs []tariff.Tariff, list *tariff.PriceList) (tariff.Result, *tariff.PriceList, error) {
	work := 0
	for i := range tariffs {
		for j := range tariffs[i].Elements {
			work += len(tariffs[i].Elements[j].Components)
		}
	}
	if work *= len(r.CDR.Tariff.Session.Periods); work > maxWork {
		return tariff.Result{}, nil, errWork
	}
	if list == nil {
		var err error
		if list, err = tariff.Compile(tariffs...); err != nil {
			return tariff.Result{}, nil, err
		}
	}
	session := r.CDR.Tariff.Session
	session.Zone = r.zone(tariffs)
	policy := r.settings.Pricing
	policy.Tolerance = r.settings.PriceTolerance.String()
	if work > maxWhy {
		result, err := list.Price(&session, policy)
		return result, list, err
	}
	result, err := list.Explain(&session, policy)
	return result, list, err
}

// zone returns the zone of the location. Where it is not known and no price
// depends on it, any will do.
func (r *run) zone(tariffs []tariff.Tariff) *time.Location {
	switch {
	case r.Zone != nil:
		return r.Zone
	case r.CDR.Tariff.Session.Zone != nil:
		return r.CDR.Tariff.Session.Zone
	}
	for i := range tariffs {
		for j := range tariffs[i].Elements {
			e := tariffs[i].Elements[j].Restrictions
			if e != nil && (e.StartTime != "" || e.EndTime != "" || e.StartDate != "" || e.EndDate != "" || len(e.DayOfWeek) > 0) {
				return r.countryZone()
			}
		}
	}
	return time.UTC
}

// countryZone returns the zone of a country that has only one, else nil.
func (r *run) countryZone() *time.Location {
	if !r.askedZone {
		r.askedZone = true
		if c, _, err := tariff.ParseCDR(r.CDR.Version, r.CDR.Body, nil); err == nil {
			r.lonelyZone = c.Session.Zone
		}
	}
	return r.lonelyZone
}

// claim is C18.
func (r *run) claim() {
	if r.report.Price == nil {
		if r.priceErr != nil && !r.badCurrency {
			r.found("C18", "not_priced", "/tariffs", details{"reason": r.report.NotPriced}, "The price cannot be computed: %s.", r.report.NotPriced)
		}
		return
	}
	v := r.report.Claim
	if r.unitsSlip() || r.badTimes || len(v.Differences) == 0 {
		return
	}
	first := v.Differences[0]
	d := details{"claimed": first.Claimed.String(), "computed": first.Ours.String(), "basis": string(r.report.Basis), "fields": strings.Join(v.DifferingFields, " ")}
	if len(v.ExplainedBy) > 0 {
		d["explained_by"] = strings.Join(v.ExplainedBy, " ")
	}
	explained := ""
	if len(v.ExplainedBy) > 0 {
		explained = "; explained by " + strings.Join(v.ExplainedBy, ", ")
	}
	difference := first.Claimed.Sub(first.Ours)
	pointer := "/" + strings.ReplaceAll(first.Field, ".", "/")
	code := "undercharged"
	switch {
	case !strings.HasPrefix(first.Field, "total_cost"):
		if _, _, off := r.partsOff(); off {
			return // C19
		}
		code = "parts_differ"
		pointer, _, _ = strings.Cut(pointer, "+")
	case r.rounding(v.ExplainedBy, first.Ours, difference):
		code = "rounded"
	case !negative(difference):
		code = "overcharged"
	}
	r.found("C18", code, pointer, d, "%s is %s; by %s it is %s, a difference of %s %s%s.",
		first.Field, first.Claimed, r.basis(), first.Ours, difference, r.CDR.Currency, explained)
}

// basis says in words what was priced with.
func (r *run) basis() string {
	switch {
	case r.report.Basis == BasisCDR:
		return "the tariff inside the CDR"
	case r.choice.late:
		return "the tariff that the hub received after the session started"
	}
	return "the tariff that the hub had when the session started"
}

// rounding reports whether a difference is small and explained by a way of
// rounding.
func (r *run) rounding(explained []string, ours, difference tariff.Amount) bool {
	if !slices.ContainsFunc(explained, func(s string) bool { return strings.HasPrefix(s, "rounded_") }) {
		return false
	}
	percent, err := r.settings.PriceTolerancePercent.Decimal()
	total, err2 := ours.Decimal(9, tariff.Truncate)
	off, err3 := difference.Abs().Decimal(9, tariff.AwayFromZero)
	if errors.Join(err, err2, err3) != nil {
		return false
	}
	most, err := total.Abs().Mul(percent)
	if err != nil {
		return false
	}
	hundredfold, err := off.Mul(hundred)
	return err == nil && hundredfold.Cmp(most) <= 0
}

// negative reports whether a known amount is below zero.
func negative(a tariff.Amount) bool { return a.Known() && a.Cmp(a.Abs()) != 0 }
