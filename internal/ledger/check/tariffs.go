package check

import (
	"strings"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

var hundred = decimal.MustNew(100, 0)

// tariffs is C17.
func (r *run) tariffs() {
	c := r.CDR
	own := c.Tariff.Tariffs
	switch {
	case r.choice.basis == BasisNone:
		r.found("C17", "no_tariff", "/tariffs", nil, "The CDR holds no tariff, and the hub knows none for it: the price was not checked.")
		return
	case r.choice.late:
		r.found("C17", "not_published", "/tariffs", details{"tariffs": ids(r.choice.tariffs), "received": clock(r.choice.used[0].Received)},
			"The hub received the tariff at %s, after the session had started.", clock(r.choice.used[0].Received))
		return
	case len(own) == 0:
		return
	}
	valid := false
	for i := range own {
		valid = valid || !c.Start.Before(own[i].Start) && (own[i].End.IsZero() || c.Start.Before(own[i].End))
	}
	if !valid {
		r.found("C17", "not_valid_at_start", "/tariffs", details{"tariffs": ids(own), "start": clock(c.Start)}, "None of the tariffs (%s) is valid at %s.", ids(own), clock(c.Start))
	}
	var unknown, other []tariff.Tariff
	for i := range own {
		switch v := r.version(own[i].ID); {
		case v == nil:
			unknown = append(unknown, own[i])
		case !sameTariff(&own[i], &v.Tariff):
			other = append(other, own[i])
		}
	}
	if len(unknown) > 0 {
		r.found("C17", "not_published", "/tariffs", details{"tariffs": ids(unknown)}, "The hub did not have %s of %s before the session started.", ids(unknown), c.Party)
	}
	if len(other) > 0 {
		r.otherVersion(other)
	}
}

// version returns what the hub had of a tariff when the session started.
func (r *run) version(id string) (found *TariffVersion) {
	for i := range r.AtStart {
		v := &r.AtStart[i]
		if !v.Deleted && !v.Received.After(r.CDR.Start) && ocpi.FoldID(v.Tariff.ID) == ocpi.FoldID(id) && (found == nil || v.Received.After(found.Received)) {
			found = v
		}
	}
	return found
}

// otherVersion reports tariffs that are not what the hub had, and whether the
// session costs more under them.
func (r *run) otherVersion(other []tariff.Tariff) {
	code, difference := "other_version", ""
	d := details{"tariffs": ids(other)}
	if r.report.Price != nil && r.choice.basis == BasisHub {
		if own, _, err := r.priceWith(r.CDR.Tariff.Tariffs, nil); err == nil {
			now, then := own.TotalExcl, r.report.Price.TotalExcl
			if !now.Known() || !then.Known() {
				now, then = own.TotalIncl, r.report.Price.TotalIncl
			}
			if tolerance, err := tariff.AmountOf(r.settings.PriceTolerance); err == nil && now.Known() && then.Known() && now.Sub(then).Cmp(tolerance) > 0 {
				code = "dearer_version"
				d["by_cdr"], d["by_hub"] = now.String(), then.String()
				difference = " The session costs " + now.String() + " " + r.CDR.Currency + " under it, and " + then.String() + " under the one that the hub had."
			}
		}
	}
	since := ""
	for i := range r.Latest {
		v := &r.Latest[i]
		if v.Received.After(r.CDR.Start) && strings.EqualFold(v.Tariff.ID, other[0].ID) && sameTariff(&v.Tariff, &other[0]) {
			since = " It is the version that the hub received at " + clock(v.Received) + "."
			d["received"] = clock(v.Received)
		}
	}
	r.found("C17", code, "/tariffs", d, "Tariff %s is not the version that the hub had when the session started.%s%s", ids(other), since, difference)
}

// ids lists the ids of tariffs, at most ten.
func ids(list []tariff.Tariff) string {
	var b strings.Builder
	for i := range list[:min(len(list), 10)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(list[i].ID)
	}
	return b.String()
}

// sameTariff reports whether two tariffs give the same prices under the same
// conditions. Texts, types and times of update do not count, nor how a number is
// spelled.
func sameTariff(a, b *tariff.Tariff) bool {
	if a.Currency != b.Currency || !sameTax(a.Tax, b.Tax) || !a.Start.Equal(b.Start) || !a.End.Equal(b.End) || len(a.Elements) != len(b.Elements) ||
		!sameLimit(a.MinPrice, b.MinPrice) || !sameLimit(a.MaxPrice, b.MaxPrice) {
		return false
	}
	for i := range a.Elements {
		x, y := &a.Elements[i], &b.Elements[i]
		if len(x.Components) != len(y.Components) || !sameRestrictions(x.Restrictions, y.Restrictions) {
			return false
		}
		for j := range x.Components {
			p, q := &x.Components[j], &y.Components[j]
			if p.Type != q.Type || p.StepSize != q.StepSize || p.VAT.IsSet() != q.VAT.IsSet() || !sameNumber(p.VAT, q.VAT) || !sameNumber(p.Price, q.Price) {
				return false
			}
		}
	}
	return true
}

// sameTax compares what is said about tax. The tariff in a CDR of OCPI 2.3.0 may
// leave it out, and 2.2.1 prices are always without.
func sameTax(a, b tariff.Tax) bool {
	return a == b || a == tariff.TaxAddedOutside || b == tariff.TaxAddedOutside
}

func sameLimit(a, b *tariff.Limit) bool {
	if a == nil || b == nil {
		return a == b
	}
	return sameNumber(a.Before, b.Before) && a.After.IsSet() == b.After.IsSet() && sameNumber(a.After, b.After)
}

func sameNumber(a, b ocpi.Number) bool {
	if a == b {
		return true
	}
	x, err := a.Decimal()
	y, err2 := b.Decimal()
	return err == nil && err2 == nil && x.Cmp(y) == 0
}

func sameRestrictions(a, b *tariff.Restrictions) bool {
	var none tariff.Restrictions
	if a == nil {
		a = &none
	}
	if b == nil {
		b = &none
	}
	numbers := [...][2]ocpi.Number{
		{a.MinKWh, b.MinKWh}, {a.MaxKWh, b.MaxKWh}, {a.MinCurrent, b.MinCurrent}, {a.MaxCurrent, b.MaxCurrent}, {a.MinPower, b.MinPower}, {a.MaxPower, b.MaxPower},
	}
	for _, n := range numbers {
		if n[0].IsSet() != n[1].IsSet() || !sameNumber(n[0], n[1]) {
			return false
		}
	}
	return a.StartTime == b.StartTime && a.EndTime == b.EndTime && a.StartDate == b.StartDate && a.EndDate == b.EndDate &&
		sameSeconds(a.MinDuration, b.MinDuration) && sameSeconds(a.MaxDuration, b.MaxDuration) &&
		strings.Join(a.DayOfWeek, " ") == strings.Join(b.DayOfWeek, " ") && a.Reservation == b.Reservation && a.Booking == b.Booking
}

func sameSeconds(a, b *int64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
