package tariff

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Price says what a session costs. Volumes that no component prices cost nothing.
// The error is an *[Error]. The steps are those of docs/pricing.md.
func (l *PriceList) Price(s *Session, p Policy) (Result, error) { return l.price(s, p, false) }

// Explain is Price, with the reason for each line.
func (l *PriceList) Explain(s *Session, p Policy) (Result, error) { return l.price(s, p, true) }

func (l *PriceList) price(s *Session, p Policy, why bool) (Result, error) {
	if err := l.usable(s, &p); err != nil {
		return Result{}, err
	}
	r := Result{Currency: l.Currency(), Policy: p, Engine: Engine, TariffHash: l.hash, zone: s.Zone.String(), Findings: []Finding{}}
	w := walk{list: l, session: s, policy: &p, result: &r, why: why, zone: s.Zone}
	if p.InUTC {
		w.zone = time.UTC
	}
	r.Lines = make([]Line, 0, 2*len(s.Periods)+2)
	if err := w.run(); err != nil {
		return Result{}, err
	}
	w.steps()
	if err := r.amounts(l, &p); err != nil {
		return Result{}, err
	}
	r.limit(l, &p)
	r.round(&p)
	return r, nil
}

// usable refuses what cannot be priced.
func (l *PriceList) usable(s *Session, p *Policy) error {
	if err := p.check(); err != nil {
		return err
	}
	switch {
	case s.Zone == nil:
		return &Error{Code: "time_zone", Message: "the time zone of the location is not known; times of day cannot be read without it"}
	case s.Currency != "" && s.Currency != l.Currency():
		return &Error{Code: "currency_mismatch", Pointer: "/currency", Message: fmt.Sprintf("is %s, the tariff has %s", s.Currency, l.Currency())}
	case len(s.Periods) == 0:
		return &Error{Code: "no_periods", Pointer: "/charging_periods", Message: "must have at least one period"}
	}
	return nil
}

// walk goes through the periods in order of time and finds the components that
// price them.
type walk struct {
	list    *PriceList
	session *Session
	policy  *Policy
	result  *Result
	zone    *time.Location
	why     bool

	start     time.Time // from which durations count
	energy    int64     // of the session so far
	flat      bool      // the FLAT of the charging part is charged
	resFlat   bool      // … of the reservation
	flats     []*candidate
	uncounted [2]int64 // energy and seconds without a component
}

func (w *walk) run() error {
	periods := w.inOrder()
	w.start = w.session.Start
	if !w.policy.DurationFromReservation {
		for i := range periods {
			if !periods[i].reserved() {
				break
			}
			if i+1 < len(periods) {
				w.start = periods[i+1].Start
			}
		}
	}
	for i := range periods {
		p := &periods[i]
		end := w.session.End
		if i+1 < len(periods) {
			end = periods[i+1].Start
		}
		t := w.list.pick(p.TariffID, w.session.Start)
		if t == nil {
			return w.noTariff(p)
		}
		if p.Start.Before(w.session.Start) {
			w.note("period_before_session_start", p, "begins before the session")
		}
		w.period(p, t, end)
		w.energy += p.Energy
	}
	return nil
}

// inOrder returns the periods in order of time.
func (w *walk) inOrder() []Period {
	byStart := func(a, b Period) int { return a.Start.Compare(b.Start) }
	if slices.IsSortedFunc(w.session.Periods, byStart) {
		return w.session.Periods
	}
	w.result.Findings = append(w.result.Findings, Finding{
		Code: "periods_unsorted", Severity: SeverityWarning, Pointer: "/charging_periods", Message: "are not in order of time; priced as if they were",
	})
	periods := slices.Clone(w.session.Periods)
	slices.SortStableFunc(periods, byStart)
	return periods
}

func (w *walk) noTariff(p *Period) error {
	if p.TariffID != "" {
		return &Error{Code: "unknown_tariff", Pointer: pointerOf(p) + "/tariff_id", Message: fmt.Sprintf("no tariff %q is given", shorten(p.TariffID))}
	}
	return &Error{Code: "no_valid_tariff", Message: "no tariff is valid at the start of the session, " + w.session.Start.UTC().Format(time.RFC3339)}
}

func pointerOf(p *Period) string { return "/charging_periods/" + strconv.Itoa(p.Index) }

func (w *walk) note(code string, p *Period, message string) {
	w.result.Findings = append(w.result.Findings, Finding{Code: code, Severity: SeverityWarning, Pointer: pointerOf(p), Message: message})
}

// period prices one period.
func (w *walk) period(p *Period, t *compiled, end time.Time) {
	now := state{energy: w.energy, duration: int64(p.Start.Sub(w.start) / time.Second), period: p}
	now.at(p.Start.In(w.zone))
	last := state{energy: w.energy + p.Energy, duration: int64(end.Sub(w.start)/time.Second) - 1, period: p}
	if p.Energy > 0 {
		last.energy--
	}
	last.at(end.Add(-time.Second).In(w.zone))
	spans := false
	price := func(list []candidate, d Dimension, volume int64, u unit) {
		if volume == 0 {
			return
		}
		c := w.find(list, &now)
		if c == nil {
			if u == energy {
				w.uncounted[0] += volume
			} else {
				w.uncounted[1] += volume
			}
		} else {
			w.add(c, list, p, t, d, Volume{volume, u}, &now)
		}
		if after := w.find(list, &last); end.After(p.Start) && !sameprice(c, after) {
			spans = true
		}
	}
	price(t.energy, Energy, p.Energy, energy)
	price(t.time, Time, p.Time, span)
	price(t.parking, ParkingTime, p.Parking, span)
	reserved, once := t.resTime, t.resFlat
	if w.session.Expired {
		reserved, once = t.expiredTime, t.expiredFlat
	}
	price(reserved, Reservation, p.Reservation, span)
	if spans {
		w.note("period_spans_price_change", p, "goes on beyond a change of price; priced as at its start")
	}
	if !p.reserved() {
		w.addFlat(t.flat, p, t, Flat, &w.flat, &now)
	}
	if p.Has&HasReservation != 0 {
		w.addFlat(once, p, t, Reservation, &w.resFlat, &now)
	}
}

func sameprice(a, b *candidate) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a == b || a.price == b.price && a.vat == b.vat && a.hasVAT == b.hasVAT
}

// find returns the first component whose restrictions are met.
func (w *walk) find(list []candidate, s *state) *candidate {
	for i := range list {
		if failed, _ := list[i].restrictions.fails(s, w.policy); failed == 0 {
			return &list[i]
		}
	}
	return nil
}

func (w *walk) addFlat(list []candidate, p *Period, t *compiled, d Dimension, done *bool, s *state) {
	if *done && !w.policy.FlatPerElement {
		return
	}
	c := w.find(list, s)
	if c == nil || slices.Contains(w.flats, c) {
		return
	}
	*done = true
	w.flats = append(w.flats, c)
	w.add(c, list, p, t, d, Volume{1, count}, s)
}

func (w *walk) add(c *candidate, list []candidate, p *Period, t *compiled, d Dimension, v Volume, s *state) {
	line := Line{
		Period: p.Index, TariffID: t.ID, Element: c.element, Component: c.component, Dimension: d, Type: c.source.Type,
		Volume: v, Billed: v, UnitPrice: c.source.Price, VAT: c.source.VAT, from: c,
	}
	for i := range w.list.tariffs {
		if &w.list.tariffs[i] == t {
			line.tariff = i
		}
	}
	w.missing(list, c, p, s)
	if w.why {
		line.Why = w.reason(list, c, s)
	}
	w.result.Lines = append(w.result.Lines, line)
}

// missing reports that a component was passed over because the period does not
// say how much power or current there was.
func (w *walk) missing(list []candidate, c *candidate, p *Period, s *state) {
	for i := range list {
		if &list[i] == c {
			return
		}
		if failed, unknown := list[i].restrictions.fails(s, w.policy); unknown {
			w.note("power_missing", p, "has no dimension to compare "+failed.name()+" with; read as not met")
			return
		}
	}
}

func (w *walk) reason(list []candidate, c *candidate, s *state) *Why {
	why := &Why{}
	for i := range list {
		if &list[i] == c {
			break
		}
		failed, unknown := list[i].restrictions.fails(s, w.policy)
		why.Passed = append(why.Passed, Passed{list[i].element, list[i].component, failed.name(), unknown})
	}
	if c.restrictions != nil {
		for on := onTime; on <= onMaxCurrent; on <<= 1 {
			if c.restrictions.has&on != 0 {
				why.Matched = append(why.Matched, on.name())
			}
		}
	}
	return why
}
