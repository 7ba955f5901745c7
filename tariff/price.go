package tariff

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// Price says what a session costs. Volumes that no component prices cost nothing.
// The error is an *[Error]. The steps are those of docs/pricing.md.
func (l *PriceList) Price(s *Session, p Policy) (Result, error) { return l.price(s, p, false) }

// Explain is Price, with the reason for each line.
func (l *PriceList) Explain(s *Session, p Policy) (Result, error) { return l.price(s, p, true) }

func (l *PriceList) price(s *Session, p Policy, why bool) (r Result, err error) {
	if err := l.usable(s, &p); err != nil {
		return Result{}, err
	}
	r = Result{Currency: l.Currency(), Policy: p, Engine: Engine, TariffHash: l.hash, zone: s.Zone.String(), Findings: []Finding{}}
	w := walk{list: l, session: s, policy: &p, result: &r, why: why}
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
	sum := 0.0 // only to see that no total leaves its integer
	for i := range s.Periods {
		q := &s.Periods[i]
		if q.Time < 0 || q.Parking < 0 || q.Reservation < 0 || q.Overtime < 0 {
			return &Error{Code: "field", Pointer: pointerOf(q), Message: "has a negative time"}
		}
		sum += math.Abs(float64(q.Energy)) + float64(q.Time) + float64(q.Parking) + float64(q.Reservation) + float64(q.Overtime)
	}
	if sum > 1<<61 {
		return &Error{Code: "overflow", Pointer: "/charging_periods", Message: "the volumes are out of range"}
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
	why     bool

	start     time.Time           // of the charging, from which durations count
	energy    int64               // of the session so far
	flat      [parts]bool         // the FLAT of the part is charged
	flats     map[*candidate]bool // charged, where the policy wants that of each element
	tariff    int                 // of the period
	uncounted [2]int64            // energy and seconds without a component
}

// zone is the one to read clock and calendar in.
func (w *walk) zone() *time.Location {
	if w.policy.InUTC {
		return time.UTC
	}
	return w.session.Zone
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
		if i == 0 || p.TariffID != periods[i-1].TariffID {
			if w.tariff = w.list.pick(p.TariffID, w.session.Start); w.tariff < 0 {
				return w.noTariff(p)
			}
			w.result.touch(w.tariff, w.list)
		}
		t := &w.list.tariffs[w.tariff]
		if p.Start.Before(w.session.Start) {
			w.note("period_before_session_start", p, "begins before the session")
		} else if p.Start.After(w.session.End) {
			w.note("period_after_session_end", p, "begins after the session")
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
	since := w.start
	if p.reserved() {
		since = w.session.Start // a reservation has its own time
	}
	now := state{energy: w.energy, duration: max(0, int64(p.Start.Sub(since)/time.Second)), period: p}
	now.at(p.Start.In(w.zone()))
	last := state{energy: w.energy + p.Energy, duration: max(0, int64(end.Sub(since)/time.Second)-1), period: p}
	if p.Energy > 0 {
		last.energy--
	}
	last.at(end.Add(-time.Second).In(w.zone()))
	spans := false
	price := func(list []candidate, of part, d Dimension, volume int64, u unit) {
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
			w.add(c, list, of, p, d, Volume{volume, u}, &now)
		}
		if after := w.find(list, &last); end.After(p.Start) && !sameprice(c, after) {
			spans = true
		}
	}
	price(t.energy, charging, Energy, p.Energy, energy)
	price(t.time, charging, Time, p.Time, span)
	price(t.parking, charging, ParkingTime, p.Parking, span)
	held := w.held(p)
	price(t.reserved[held].time, held, Reservation, p.Reservation, span)
	price(t.reserved[overtime].time, overtime, Reservation, p.Overtime, span)
	if spans {
		w.note("period_spans_price_change", p, "goes on beyond a change of price; priced as at its start")
	}
	if w.session.Cancelled {
		w.addFlat(t.reserved[cancellation].flat, cancellation, p, Reservation, &now)
		return
	}
	if !p.reserved() {
		w.addFlat(t.flat, charging, p, Flat, &now)
	}
	if p.Has&HasReservation != 0 {
		w.addFlat(t.reserved[held].flat, held, p, Reservation, &now)
	}
	if p.Has&HasOvertime != 0 {
		w.addFlat(t.reserved[overtime].flat, overtime, p, Reservation, &now)
	}
}

// held returns the part that the reservation of a period belongs to.
func (w *walk) held(p *Period) part {
	unused := w.session.Expired || p.Has&HasExpired != 0
	switch {
	case w.session.Booked && unused:
		return bookExpired
	case w.session.Booked:
		return booking
	case unused:
		return expired
	}
	return reservation
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
		if r := list[i].restrictions; r != nil && r.otherDay(s) {
			continue // most elements of a day-ahead tariff end here
		}
		if failed, _ := list[i].restrictions.fails(s, w.policy); failed == 0 {
			return &list[i]
		}
	}
	return nil
}

func (w *walk) addFlat(list []candidate, of part, p *Period, d Dimension, s *state) {
	if w.flat[of] && !w.policy.FlatPerElement {
		return
	}
	c := w.find(list, s)
	if c == nil || w.flats[c] {
		return
	}
	w.flat[of] = true
	if w.policy.FlatPerElement {
		if w.flats == nil {
			w.flats = make(map[*candidate]bool)
		}
		w.flats[c] = true
	}
	w.add(c, list, of, p, d, Volume{1, count}, s)
}

func (w *walk) add(c *candidate, list []candidate, of part, p *Period, d Dimension, v Volume, s *state) {
	w.missing(list, c, p, s)
	w.result.Lines = append(w.result.Lines, Line{})
	l := &w.result.Lines[len(w.result.Lines)-1] // a line is large: filled in place
	l.Period, l.TariffID, l.Element, l.Component = p.Index, w.list.tariffs[w.tariff].ID, c.element, c.component
	l.Dimension, l.Type, l.UnitPrice, l.VAT = d, c.source.Type, c.source.Price, c.source.VAT
	l.Volume, l.Billed = v, v
	l.from, l.part, l.tariff = c, of, w.tariff
	if w.why {
		l.Why = w.reason(list, c, s)
	}
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
