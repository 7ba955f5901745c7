package tariff

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
)

type wireCDR struct {
	ID            string       `json:"id"`
	StartDateTime string       `json:"start_date_time"`
	EndDateTime   string       `json:"end_date_time"`
	StopDateTime  string       `json:"stop_date_time"` // 2.1.1
	SessionID     string       `json:"session_id"`
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
	TotalCost        *wireCost `json:"total_cost"`
	TotalFixed       *wireCost `json:"total_fixed_cost"`
	TotalEnergy      number    `json:"total_energy"`
	TotalEnergyCost  *wireCost `json:"total_energy_cost"`
	TotalTimeCost    *wireCost `json:"total_time_cost"`
	TotalParkingCost *wireCost `json:"total_parking_cost"`
	TotalReservation *wireCost `json:"total_reservation_cost"`
}

type wirePeriod struct {
	Start      string          `json:"start_date_time"`
	TariffID   string          `json:"tariff_id"`
	Dimensions []wireDimension `json:"dimensions"`
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

func (c *wireCost) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		return unmarshal(b, &c.price)
	}
	return c.number.UnmarshalJSON(b)
}

// ParseCDR reads a CDR. Zone is the location's time zone; nil takes the one that
// an OCPI 2.1.1 CDR carries, or that of a country with a single zone, and leaves
// Session.Zone nil where neither is known: [Price] then refuses. Volumes of time
// have four decimals of an hour, so they are rounded to whole seconds; energy is
// read to 10⁻⁹ kWh. The error is an *[Error].
func ParseCDR(v ocpi.Version, body []byte, zone *time.Location) (CDR, []Finding, error) {
	var w wireCDR
	if err := unmarshal(body, &w); err != nil {
		return CDR{}, nil, err
	}
	r := reader{version: v}
	c := CDR{ID: w.ID, Country: w.CDRLocation.Country}
	if v == v211 {
		c.Country = w.Location.Country
	}
	var err error
	if c.Tariffs, err = r.tariffs(w.Tariffs, "/tariffs"); err != nil {
		return c, nil, err
	}
	if c.Session, err = r.session(&w, zone, c.Country); err != nil {
		return c, nil, err
	}
	if c.Claim, err = r.claim(&w); err != nil {
		return c, nil, err
	}
	return c, r.findings, nil
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
		if *p, err = r.period(&w.Periods[i], "/charging_periods/"+strconv.Itoa(i)); err != nil {
			return s, err
		}
		p.Index = i
		onlyReserved = onlyReserved && p.reserved()
	}
	s.Expired = onlyReserved && w.SessionID == "" && (w.CDRLocation.EVSEUID == "" || strings.EqualFold(w.CDRLocation.EVSEUID, "#NA"))
	return s, nil
}

func findZone(zone *time.Location, own, country string) (*time.Location, error) {
	if zone != nil {
		return zone, nil
	}
	if own == "" {
		own = singleZone(country)
	}
	if own == "" {
		return nil, nil
	}
	zone, err := time.LoadLocation(own)
	if err != nil {
		return nil, &Error{Code: "time_zone", Message: fmt.Sprintf("the time zone %q is unknown", shorten(own))}
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

func (r *reader) period(w *wirePeriod, pointer string) (p Period, err error) {
	p.TariffID = w.TariffID
	if p.Start, err = moment(w.Start, pointer+"/start_date_time"); err != nil {
		return p, err
	}
	for i := range w.Dimensions {
		d := &w.Dimensions[i]
		at := pointer + "/dimensions/" + strconv.Itoa(i)
		if !d.Volume.IsSet() {
			return p, bad(at+"/volume", "is missing")
		}
		if d.Volume.quoted && r.version != v211 {
			r.note("number_as_string", SeverityWarning, at+"/volume", "is a string; OCPI %s wants a number", r.version)
		}
		if err := p.take(d.Type, d.Volume.Number); err != nil {
			return p, bad(at+"/volume", "%v", err)
		}
	}
	return p, nil
}

// take adds the volume of a dimension. Dimensions that no price depends on are
// passed over.
func (p *Period) take(dimension string, volume ocpi.Number) error {
	add := func(into *int64, has Has, n int64, err error) error {
		p.Has |= has
		*into += n
		return err
	}
	set := func(into *int64, has Has) error {
		n, err := fixed(volume, 6)
		p.Has |= has
		*into = n
		return err
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
	}
	return nil
}

// fixed returns n in units of 10⁻ˢᶜᵃˡᵉ, rounded half to even.
func fixed(n ocpi.Number, scale int) (int64, error) {
	d, err := n.Decimal()
	if err == nil {
		d = d.Round(scale)
		if int(d.Scale()) < scale {
			d = d.Pad(scale)
		}
		if c := d.Coef(); d.Scale() == scale && c < 1<<53 {
			if d.IsNeg() {
				return -int64(c), nil
			}
			return int64(c), nil
		}
	}
	return 0, fmt.Errorf("%s is out of range", shorten(n.String()))
}

var hour = decimal.MustNew(3600, 0)

// seconds returns hours as whole seconds.
func seconds(n ocpi.Number) (int64, error) {
	d, err := n.Decimal()
	if err == nil {
		d, err = d.Mul(hour)
	}
	if err != nil || d.IsNeg() {
		return 0, fmt.Errorf("%s is not a number of hours", shorten(n.String()))
	}
	half := decimal.MustNew(5, 1)
	if d, err = d.Add(half); err != nil {
		return 0, fmt.Errorf("%s is out of range", shorten(n.String()))
	}
	s, _, ok := d.Floor(0).Int64(0)
	if !ok || s > 1<<40 {
		return 0, fmt.Errorf("%s is out of range", shorten(n.String()))
	}
	return s, nil
}

func (r *reader) claim(w *wireCDR) (c Claim, err error) {
	c.Version, c.TotalEnergy = r.version, w.TotalEnergy.Number
	for _, f := range []struct {
		from *wireCost
		into *Cost
		name string
	}{
		{w.TotalCost, &c.Total, "total_cost"}, {w.TotalEnergyCost, &c.Energy, "total_energy_cost"},
		{w.TotalTimeCost, &c.Time, "total_time_cost"}, {w.TotalParkingCost, &c.Parking, "total_parking_cost"},
		{w.TotalFixed, &c.Fixed, "total_fixed_cost"}, {w.TotalReservation, &c.Reserved, "total_reservation_cost"},
	} {
		if f.from == nil {
			continue
		}
		if *f.into, err = f.from.cost(); err != nil {
			return c, bad("/"+f.name, "%v", err)
		}
	}
	return c, nil
}

// cost returns the amounts that are stated.
func (c *wireCost) cost() (out Cost, err error) {
	read := func(n number, into *Amount) {
		if n.IsSet() && err == nil {
			*into, err = AmountOf(n.Number)
		}
	}
	read(c.number, &out.Excl)
	read(c.price.ExclVAT, &out.Excl)
	read(c.price.InclVAT, &out.Incl)
	read(c.price.BeforeTaxes, &out.Excl)
	if !c.price.BeforeTaxes.IsSet() || c.price.Taxes == nil {
		return out, err
	}
	out.Incl = out.Excl
	for _, t := range c.price.Taxes {
		var tax Amount
		if read(t.Amount, &tax); tax.Known() {
			out.Incl = out.Incl.Add(tax)
		}
	}
	return out, err
}
