package tariff

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
)

type wireCDR struct {
	ID            string       `json:"id"`
	StartDateTime string       `json:"start_date_time"`
	EndDateTime   string       `json:"end_date_time"`
	StopDateTime  string       `json:"stop_date_time"` // 2.1.1
	SessionID     string       `json:"session_id"`
	BookingID     string       `json:"booking_id"` // 2.3.0 with bookings
	Credit        bool         `json:"credit"`
	Currency      string       `json:"currency"`
	Tariffs       []wireTariff `json:"tariffs"`
	Periods       []wirePeriod `json:"charging_periods"`
	CDRLocation   struct {
		Country string `json:"country"`
		EVSEUID string `json:"evse_uid"`
	} `json:"cdr_location"`
	Location struct { // 2.1.1
		Country  string `json:"country"`
		TimeZone string `json:"time_zone"`
	} `json:"location"`
	TotalCost        wireCost `json:"total_cost"`
	TotalFixed       wireCost `json:"total_fixed_cost"`
	TotalEnergyCost  wireCost `json:"total_energy_cost"`
	TotalTimeCost    wireCost `json:"total_time_cost"`
	TotalParkingCost wireCost `json:"total_parking_cost"`
	TotalReservation wireCost `json:"total_reservation_cost"`
	TotalEnergy      number   `json:"total_energy"`
	TotalTime        number   `json:"total_time"`
	TotalParking     number   `json:"total_parking_time"`
}

type wirePeriod struct {
	Start      string          `json:"start_date_time"`
	TariffID   string          `json:"tariff_id"`
	Dimensions []wireDimension `json:"dimensions"`
	Unknown    jsontext.Value  `json:",embed"`
}

type wireDimension struct {
	Type   string `json:"type"`
	Volume number `json:"volume"`
}

// wireCost is a number in 2.1.1 and an object later.
type wireCost struct {
	number number
	price  wirePrice
}

// UnmarshalJSONFrom reads the next value.
func (c *wireCost) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() == '{' {
		return json.UnmarshalDecode(d, &c.price)
	}
	return c.number.UnmarshalJSONFrom(d)
}

// ParseCDR reads a CDR. Zone is the location's time zone; nil takes the one that
// an OCPI 2.1.1 CDR carries, or that of a country with a single zone, and leaves
// Session.Zone nil where neither is known: [Price] then refuses. Volumes of time
// have four decimals of an hour, so they are rounded to whole seconds; energy is
// read to 10⁻⁹ kWh. The texts of the CDR share one copy of body. The error is an
// *[Error].
func ParseCDR(v ocpi.Version, body []byte, zone *time.Location) (CDR, []Finding, error) {
	return (*CDRReader)(nil).Parse(v, body, zone)
}

// Parse is [ParseCDR]. CDRs with the same tariffs share them: they must not be
// changed.
func (c *CDRReader) Parse(v ocpi.Version, body []byte, zone *time.Location) (out CDR, _ []Finding, err error) {
	w, r := new(wireCDR), reader{version: v}
	s := cdrScanner{reader: c, version: v}
	if !s.scan(body, w) { // json.Unmarshal takes more, and knows what is wrong
		*w, s.tariffs, s.known = wireCDR{}, nil, nil
		if err := unmarshal(body, w); err != nil {
			return CDR{}, nil, err
		}
	}
	out = CDR{ID: w.ID, Country: w.CDRLocation.Country, Tariffs: s.known}
	if v == v211 {
		out.Country = w.Location.Country
	}
	if s.known == nil {
		if out.Tariffs, err = r.tariffs(w.Tariffs, "/tariffs"); err != nil {
			return out, nil, err
		}
		if len(r.findings) == 0 {
			c.keep(v, s.tariffs, out.Tariffs)
		}
	}
	if out.Session, err = r.session(w, zone, out.Country); err != nil {
		return out, nil, err
	}
	if out.Claim, err = r.claim(w); err != nil {
		return out, nil, err
	}
	r.volumes(w, &out.Session)
	return out, r.findings, nil
}

func (r *reader) session(w *wireCDR, zone *time.Location, country string) (s Session, err error) {
	if s.Start, err = moment(w.StartDateTime, "/start_date_time"); err != nil {
		return s, err
	}
	end, name := w.EndDateTime, "/end_date_time"
	if end == "" {
		end, name = w.StopDateTime, "/stop_date_time"
		if r.version != v211 {
			name = "/end_date_time"
		}
	}
	if s.End, err = moment(end, name); err != nil {
		return s, err
	}
	if s.End.Before(s.Start) {
		return s, bad(name, "lies before the start")
	}
	if s.Currency = strings.ToUpper(w.Currency); len(s.Currency) != 3 {
		return s, bad("/currency", "must be three letters")
	}
	if s.Zone, err = findZone(zone, w.Location.TimeZone, country); err != nil {
		return s, err
	}
	if len(w.Periods) == 0 {
		return s, &Error{Code: "no_periods", Pointer: "/charging_periods", Message: "must have at least one period"}
	}
	if len(w.Periods) > maxPeriods {
		return s, &Error{Code: "too_large", Pointer: "/charging_periods", Message: fmt.Sprintf("has more than %d periods", maxPeriods)}
	}
	s.Periods = make([]Period, len(w.Periods))
	onlyReserved := true
	for i := range w.Periods {
		p := &s.Periods[i]
		if err = r.period(p, &w.Periods[i], i); err != nil {
			return s, err
		}
		onlyReserved = onlyReserved && p.reserved()
	}
	alone := w.SessionID == "" && (w.CDRLocation.EVSEUID == "" || strings.EqualFold(w.CDRLocation.EVSEUID, "#NA"))
	s.Booked = w.BookingID != ""
	s.Cancelled = s.Booked && w.SessionID == "" && !slices.ContainsFunc(s.Periods, func(p Period) bool {
		return p.Energy != 0 || p.Time+p.Parking+p.Reservation+p.Overtime != 0
	})
	s.Expired = onlyReserved && alone && !s.Cancelled
	return s, nil
}

func findZone(zone *time.Location, own, country string) (*time.Location, error) {
	if zone != nil {
		return zone, nil
	}
	pointer := "/location/time_zone"
	if own == "" {
		own, pointer = singleZone(country), ""
	}
	if own == "" {
		return nil, nil
	}
	zone, err := time.LoadLocation(own)
	if err != nil || strings.EqualFold(own, "local") { // not the zone of this machine
		return nil, &Error{Code: "time_zone", Pointer: pointer, Message: fmt.Sprintf("the time zone %q is unknown", shorten(own))}
	}
	return zone, nil
}

func moment(text, pointer string) (time.Time, error) {
	if text == "" {
		return time.Time{}, bad(pointer, "is missing")
	}
	t, err := ocpi.ParseTime(text)
	if err != nil {
		return t, bad(pointer, "%v", err)
	}
	return t, nil
}

// period reads the period at a place of the list into p. Pointers are put
// together only where something is wrong.
func (r *reader) period(p *Period, w *wirePeriod, place int) (err error) {
	pointer := func() string { return "/charging_periods/" + strconv.Itoa(place) }
	p.TariffID, p.Index = w.TariffID, place
	if p.Start, err = moment(w.Start, ""); err != nil {
		_, err = moment(w.Start, pointer()+"/start_date_time")
		return err
	}
	for i := range w.Dimensions {
		d := &w.Dimensions[i]
		at := func() string { return pointer() + "/dimensions/" + strconv.Itoa(i) }
		if !d.Volume.isSet() {
			return bad(at()+"/volume", "is missing")
		}
		if d.Volume.quoted && r.version != v211 {
			r.note("number_as_string", SeverityWarning, at()+"/volume", "is a string; OCPI %s wants a number", r.version)
		}
		known, err := p.take(d.Type, d.Volume.text)
		if err != nil {
			return bad(at()+"/volume", "%v", err)
		}
		if !known {
			r.note("unknown_dimension", SeverityWarning, at()+"/type", "%q is not a dimension that is priced or known", shorten(d.Type))
		}
	}
	if len(w.Dimensions) == 0 {
		r.note("missing_required", SeverityWarning, pointer()+"/dimensions", "has no dimensions")
	}
	if len(w.Unknown) > 0 {
		r.unknown(w.Unknown, pointer())
	}
	return nil
}

// take adds the volume of a dimension, a JSON number. Dimensions that no price
// depends on are passed over; known is false for those that no version of OCPI has.
func (p *Period) take(dimension, volume string) (known bool, err error) {
	add := func(into *int64, has Has, n int64, err error) (bool, error) {
		p.Has |= has
		if *into += n; *into > 1<<53 || *into < -1<<53 {
			return true, errOverflow
		}
		return true, err
	}
	set := func(into *int64, has Has) (bool, error) {
		n, err := fixed(volume, 6)
		p.Has |= has
		*into = n
		return true, err
	}
	switch dimension {
	case "ENERGY":
		n, err := fixed(volume, 9)
		return add(&p.Energy, HasEnergy, n, err)
	case "TIME":
		n, err := seconds(volume)
		return add(&p.Time, HasTime, n, err)
	case "PARKING_TIME":
		n, err := seconds(volume)
		return add(&p.Parking, HasParking, n, err)
	case "RESERVATION_TIME":
		n, err := seconds(volume)
		return add(&p.Reservation, HasReservation, n, err)
	case "MIN_POWER":
		return set(&p.MinPower, HasMinPower)
	case "MAX_POWER":
		return set(&p.MaxPower, HasMaxPower)
	case "MIN_CURRENT":
		return set(&p.MinCurrent, HasMinCurrent)
	case "MAX_CURRENT":
		return set(&p.MaxCurrent, HasMaxCurrent)
	case "RESERVATION_EXPIRES":
		n, err := seconds(volume)
		return add(&p.Reservation, HasReservation|HasExpired, n, err)
	case "RESERVATION_OVERTIME":
		n, err := seconds(volume)
		return add(&p.Overtime, HasOvertime, n, err)
	case "CURRENT", "ENERGY_EXPORT", "ENERGY_IMPORT", "POWER", "STATE_OF_CHARGE", "FLAT":
		return true, nil
	}
	return false, nil
}

// volumes compares the totals that a CDR states with the sums of its periods.
func (r *reader) volumes(w *wireCDR, s *Session) {
	totals := s.Totals()
	for _, f := range []struct {
		stated number
		sum    Volume
		near   int64 // of its unit
		name   string
	}{
		{w.TotalEnergy, totals.Energy, 1_000_000, "total_energy"}, {w.TotalTime, totals.Time, 4, "total_time"},
		{w.TotalParking, totals.Parking, 4, "total_parking_time"},
	} {
		if !f.stated.isSet() {
			continue
		}
		n, err := fixed(f.stated.text, 9)
		if f.sum.unit == span {
			n, err = seconds(f.stated.text)
		}
		if d := n - f.sum.n; err != nil || d > f.near || d < -f.near {
			r.note(f.name+"_differs", SeverityWarning, "/"+f.name, "is %s; the periods say %s %s", shorten(f.stated.String()), f.sum, f.sum.Unit())
		}
	}
}

// fixed returns a JSON number in units of 10⁻ˢᶜᵃˡᵉ, rounded half to even.
func fixed(text string, scale int) (int64, error) {
	d, err := decimal.Parse(text)
	if err == nil {
		d = d.Round(scale)
		if d.Scale() < scale {
			d = d.Pad(scale)
		}
		if c := d.Coef(); d.Scale() == scale && c < 1<<53 {
			if d.IsNeg() {
				return -int64(c), nil
			}
			return int64(c), nil
		}
	}
	return 0, fmt.Errorf("%s is out of range", shorten(text))
}

var hour = decimal.MustNew(3600, 0)

// seconds returns hours, a JSON number, as whole seconds.
func seconds(text string) (int64, error) {
	d, err := decimal.Parse(text)
	if err == nil {
		d, err = d.Mul(hour)
	}
	if err != nil || d.IsNeg() {
		return 0, fmt.Errorf("%s is not a number of hours", shorten(text))
	}
	half := decimal.MustNew(5, 1)
	if d, err = d.Add(half); err != nil {
		return 0, fmt.Errorf("%s is out of range", shorten(text))
	}
	s, _, ok := d.Floor(0).Int64(0)
	if !ok || s > 1<<40 {
		return 0, fmt.Errorf("%s is out of range", shorten(text))
	}
	return s, nil
}

func (r *reader) claim(w *wireCDR) (c Claim, err error) {
	c.Version, c.Credit = r.version, w.Credit
	for _, f := range []struct {
		from *wireCost
		into *Cost
		name string
	}{
		{&w.TotalCost, &c.Total, "total_cost"}, {&w.TotalEnergyCost, &c.Energy, "total_energy_cost"},
		{&w.TotalTimeCost, &c.Time, "total_time_cost"}, {&w.TotalParkingCost, &c.Parking, "total_parking_cost"},
		{&w.TotalFixed, &c.Fixed, "total_fixed_cost"}, {&w.TotalReservation, &c.Reserved, "total_reservation_cost"},
	} {
		if *f.into, err = f.from.cost(); err != nil {
			return c, bad("/"+f.name, "%v", err)
		}
	}
	return c, nil
}

// cost returns the amounts that are stated.
func (c *wireCost) cost() (out Cost, err error) {
	read := func(n number, into *Amount) {
		if n.isSet() && err == nil {
			*into, err = amountOf(n.text)
		}
	}
	read(c.number, &out.Excl)
	read(c.price.ExclVAT, &out.Excl)
	read(c.price.InclVAT, &out.Incl)
	read(c.price.BeforeTaxes, &out.Excl)
	if !c.price.BeforeTaxes.isSet() || c.price.Taxes == nil {
		return out, err
	}
	out.Incl = out.Excl
	for _, t := range c.price.Taxes {
		var tax Amount // a tax without an amount makes the sum unknown
		read(t.Amount, &tax)
		out.Incl = out.Incl.Add(tax)
	}
	return out, err
}
