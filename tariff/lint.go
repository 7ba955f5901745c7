package tariff

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// LintOptions say what a tariff is looked at for.
type LintOptions struct {
	// Now tells expired from valid; zero leaves that out.
	Now time.Time
	// AFIR applies the rules for ad hoc prices of the European Union (Regulation
	// 2023/1804, article 5) to tariffs of type AD_HOC_PAYMENT.
	AFIR bool
}

// LintJSON reads one tariff or a list of them and returns everything that a person
// should look at, errors first, in the order of the document. Pointers lead into
// the body. What cannot be read at all is an *[Error]; what is only missing is a
// finding.
func LintJSON(v ocpi.Version, body []byte, o LintOptions) ([]Finding, error) {
	r := reader{version: v, lenient: true}
	var list []wireTariff
	body = bytes.TrimSpace(body)
	single := len(body) == 0 || body[0] != '['
	if single {
		list = make([]wireTariff, 1)
		if err := unmarshal(body, &list[0]); err != nil {
			return nil, err
		}
	} else if err := unmarshal(body, &list); err != nil {
		return nil, err
	}
	findings := []Finding{}
	for i := range list {
		pointer := ""
		if !single {
			pointer = "/" + strconv.Itoa(i)
		}
		r.findings = nil
		t, err := r.tariff(&list[i], pointer)
		if err != nil {
			return nil, err
		}
		findings = append(findings, r.findings...)
		l := linter{version: v, tariff: &t, options: o, root: pointer}
		l.required(&list[i])
		l.run()
		findings = append(findings, l.findings...)
	}
	rank := map[Severity]int{SeverityError: 0, SeverityWarning: 1, SeverityInfo: 2}
	slices.SortStableFunc(findings, func(a, b Finding) int { return rank[a.Severity] - rank[b.Severity] })
	return findings, nil
}

// Lint is LintJSON for a tariff that was read before; what reading it found is
// not repeated.
func Lint(v ocpi.Version, t *Tariff, o LintOptions) []Finding {
	l := linter{version: v, tariff: t, options: o}
	l.run()
	return l.findings
}

// linter looks at one tariff.
type linter struct {
	version  ocpi.Version
	tariff   *Tariff
	options  LintOptions
	root     string // pointer of the tariff
	findings []Finding
	rules    []*restrictions // of each element
	effort   effort          // that is left
}

func (l *linter) note(rule, code string, s Severity, pointer, format string, args ...any) *Finding {
	l.findings = append(l.findings, Finding{
		Code: code, Rule: rule, Severity: s, Pointer: l.root + pointer, Message: fmt.Sprintf(format, args...),
	})
	return &l.findings[len(l.findings)-1]
}

func element(i int) string { return "/elements/" + strconv.Itoa(i) }

func component(i, j int) string { return element(i) + "/price_components/" + strconv.Itoa(j) }

func (l *linter) run() {
	t := l.tariff
	l.effort = maxEffort
	for i := range t.Elements {
		r, err := compileRestrictions(t.Elements[i].Restrictions, element(i)+"/restrictions")
		if e, ok := errors.AsType[*Error](err); ok {
			l.note("L01", "invalid_value", SeverityError, e.Pointer, "%s", e.Message)
			r = &restrictions{source: t.Elements[i].Restrictions, never: true}
		}
		l.rules = append(l.rules, r)
	}
	l.limits()
	l.validity()
	for i := range t.Elements {
		l.restrictions(i)
		l.components(i)
	}
	l.reservations()
	l.steps()
	l.rates()
	l.reach()
	l.gaps()
	l.wholes()
	if l.options.AFIR && t.Type == "AD_HOC_PAYMENT" {
		l.afir()
	}
}

// required reports fields that a version requires and pricing does not (L01).
func (l *linter) required(w *wireTariff) {
	missing := func(name, value string) {
		if value == "" {
			l.note("L01", "missing_required", SeverityError, "/"+name, "is missing")
		}
	}
	missing("last_updated", w.LastUpdated)
	if l.version != v211 {
		missing("country_code", w.CountryCode)
		missing("party_id", w.PartyID)
	}
	if c := w.CountryCode; c != "" && !isCountry(strings.ToUpper(c)) {
		l.note("L01", "invalid_country_code", SeverityError, "/country_code", "%q is not an ISO 3166 alpha-2 code", shorten(c))
	}
	if len(w.ID) > 36 {
		l.note("L01", "too_long", SeverityError, "/id", "has more than 36 characters")
	}
	if len(w.PartyID) > 3 {
		l.note("L01", "too_long", SeverityError, "/party_id", "has more than 3 characters")
	}
}

// limits looks at min_price and max_price (L10).
func (l *linter) limits() {
	t := l.tariff
	low, err := compileLimit(t.MinPrice, "")
	high, herr := compileLimit(t.MaxPrice, "")
	if err != nil || herr != nil {
		return // pricing refuses it
	}
	for _, one := range []struct {
		l    *limits
		name string
	}{{low, "/min_price"}, {high, "/max_price"}} {
		if one.l == nil {
			continue
		}
		if one.l.after.Known() && one.l.after.Cmp(one.l.before) < 0 {
			l.note("L10", "limit_after_tax_below_before", SeverityError, one.name, "is lower after tax than before")
		}
		if one.l.before.x.neg {
			l.note("L10", "negative_price", SeverityError, one.name, "is negative")
		}
	}
	if low != nil && high != nil {
		if low.before.Cmp(high.before) > 0 || low.after.Known() && high.after.Known() && low.after.Cmp(high.after) > 0 {
			l.note("L10", "price_limits_cross", SeverityError, "/min_price", "is above max_price")
		}
	}
	if low != nil && !low.before.x.neg && low.before.Cmp(whole50) > 0 && CurrencyDecimals(t.Currency) == 2 && western(t.Currency) {
		l.note("L10", "high_min_price", SeverityWarning, "/min_price", "is above what most sessions cost")
	}
}

var (
	whole50, _ = AmountOf(ocpi.MustNumber("50"))
	whole60, _ = AmountOf(ocpi.MustNumber("60"))
	whole5, _  = AmountOf(ocpi.MustNumber("5"))
)

// western reports whether prices in a currency are of the size of those in euro.
func western(currency string) bool {
	return slices.Contains([]string{"EUR", "USD", "CAD", "GBP", "CHF", "AUD", "NZD", "BGN"}, currency)
}

// validity looks at the time that a tariff is valid for (L11).
func (l *linter) validity() {
	t := l.tariff
	if !t.End.IsZero() && !t.End.After(t.Start) {
		l.note("L11", "never_active", SeverityError, "/end_date_time", "does not lie after start_date_time")
	}
	if now := l.options.Now; !now.IsZero() && !t.End.IsZero() && !t.End.After(now) {
		l.note("L11", "expired", SeverityInfo, "/end_date_time", "lies in the past")
	}
}

// dates returns the days on which the tariff may be valid, in any time zone.
func (l *linter) dates() interval {
	r := everything().ranges[axisDate]
	if !l.tariff.Start.IsZero() {
		r.from = l.tariff.Start.Unix()/86400 - 1
	}
	if !l.tariff.End.IsZero() {
		r.to = l.tariff.End.Unix()/86400 + 2
	}
	return r
}

// restrictions looks at the condition of one element (L05, L06, L11, L13).
func (l *linter) restrictions(i int) {
	w, r := l.tariff.Elements[i].Restrictions, l.rules[i]
	if w == nil || r.never {
		return
	}
	at := element(i) + "/restrictions"
	if r.has == 0 && l.tariff.Elements[i].kind() == "" {
		if w.StartTime == "" && w.EndTime == "" {
			l.note("L06", "empty_restrictions", SeverityInfo, at, "are empty; the element always applies")
		}
	}
	boxes := r.boxes()
	if len(boxes) == 0 {
		l.note("L05", "impossible_restriction", SeverityError, at, "can never hold")
		return
	}
	space := everything()
	space.ranges[axisDate] = l.dates()
	if !slices.ContainsFunc(boxes, func(b box) bool { return b.meets(&space) }) {
		l.note("L11", "never_active", SeverityWarning, at, "lie outside the validity of the tariff")
	}
	if now := l.options.Now; !now.IsZero() && r.has&onEndDate != 0 && int64(r.toDay) < now.Unix()/86400 {
		l.note("L11", "expired", SeverityInfo, at, "end_date lies in the past")
	}
	l.clock(w, r, at)
	if r.has&(onMinDuration|onMaxDuration) != 0 && l.prices(i, ParkingTime) {
		l.note("L13", "duration_on_parking", SeverityWarning, at, "durations count from the start of the session, not of the parking")
	}
}

func (l *linter) clock(w *Restrictions, r *restrictions, at string) {
	switch {
	case w.StartTime != "" && w.StartTime == w.EndTime:
		l.note("L06", "same_start_and_end_time", SeverityWarning, at, "start_time and end_time are the same; read as the whole day")
	case w.StartTime == "" && (w.EndTime == "00:00" || w.EndTime == "24:00"):
		l.note("L06", "end_time_midnight_only", SeverityInfo, at, "end_time 00:00 alone is the end of the day, so there is no restriction; others read it as never")
	}
	if r.has&onTime != 0 && r.from > r.to && r.has&onDay != 0 && r.days != allDays {
		l.note("L06", "wrapping_window_with_days", SeverityWarning, at, "the window goes over midnight; the part after it counts by its own day of the week")
	}
	if w.DayOfWeek != nil && len(w.DayOfWeek) == 0 {
		l.note("L05", "empty_day_of_week", SeverityWarning, at, "day_of_week is an empty list; read as no restriction")
	}
}

// prices reports whether an element has a component of a dimension.
func (l *linter) prices(i int, d Dimension) bool {
	return slices.ContainsFunc(l.tariff.Elements[i].Components, func(c Component) bool { return c.Type == d })
}

// components looks at the prices of one element (L03, L10).
func (l *linter) components(i int) {
	var seen []Dimension
	for j := range l.tariff.Elements[i].Components {
		c := &l.tariff.Elements[i].Components[j]
		at := component(i, j)
		if slices.Contains(seen, c.Type) {
			l.note("L03", "duplicate_dimension", SeverityWarning, at, "the element has another component for %s before; this one has no effect", c.Type)
		}
		seen = append(seen, c.Type)
		a, err := AmountOf(c.Price)
		switch {
		case err != nil:
			l.note("L10", "price_out_of_range", SeverityError, at, "%v", err)
		case a.x.neg:
			l.note("L10", "negative_price", SeverityError, at, "the price is negative")
		case western(l.tariff.Currency) && (c.Type == Energy && a.Cmp(whole5) > 0 || (c.Type == Time || c.Type == ParkingTime) && a.Cmp(whole60) > 0):
			l.note("L10", "absurd_price", SeverityWarning, at, "%s %s is far above what is usual; check the unit (per kWh, per hour)", c.Price, l.tariff.Currency)
		}
	}
}
