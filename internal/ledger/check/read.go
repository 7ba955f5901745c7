package check

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

// wire are the members that are kept as they come until they are understood.
type wire struct {
	country, party, start, end, updated, total string
	tokenCountry, tokenParty                   string
	latitude, longitude                        string
	energy, time, parking                      ocpi.Number
}

func (c *CDR) read(from *tariff.CDRReader, zone *time.Location) error {
	if c.Version != ocpi.V221 && c.Version != ocpi.V230 {
		return ocpi.Invalid("body", "is a CDR of a version that is not known here")
	}
	if !ocpi.IsObject(c.Body) {
		return ocpi.Invalid("body", "must be an object")
	}
	look := zone
	if look == nil {
		look = time.UTC // else it looks for the zone of the country, in files, for each CDR
	}
	priced, _, err := from.Parse(c.Version, c.Body, look)
	if e, ok := errors.AsType[*tariff.Error](err); err != nil && !(ok && e.Pointer == "/end_date_time") { // see below
		return unreadable(err)
	}
	var w wire
	if err := c.members(&w); err != nil { // by now the body is known to be JSON
		return err
	}
	if err := c.parties(&w); err != nil {
		return err
	}
	if err := c.times(&w); err != nil {
		return err
	}
	if err := c.volumes(&w); err != nil {
		return err
	}
	if err != nil && !c.End.Before(c.Start) {
		return unreadable(err)
	}
	if err != nil { // nothing can be priced, but what it costs is known
		return c.unpriced(w.total)
	}
	c.Tariff = priced
	c.Tariff.Session.Zone = zone
	c.periods()
	return c.cost(c.Tariff.Claim.Total)
}

func (c *CDR) parties(w *wire) (err error) {
	if c.Party, err = ocpi.ParsePartyID(w.country, w.party); err != nil {
		return err
	}
	if c.Token.Party, err = ocpi.ParsePartyID(w.tokenCountry, w.tokenParty); err != nil {
		return ocpi.Invalid("cdr_token", ocpi.AsError(err).Message)
	}
	if c.ID == "" || len(c.ID) > ocpi.MaxSegment {
		return ocpi.Invalid("id", "must have 1 to 255 characters")
	}
	c.Key, c.SessionID, c.CreditKey = ocpi.FoldID(c.ID), ocpi.FoldID(c.Session), ocpi.FoldID(c.CreditOf)
	c.Token.Key = ocpi.TokenKey(c.Token.UID, c.Token.Type)
	c.Currency = strings.ToUpper(c.Currency)
	p := &c.Place
	p.LocationKey, p.EVSEKey = ocpi.FoldID(p.Location), ocpi.FoldID(p.EVSE)
	p.Latitude, p.Longitude = degrees(w.latitude, w.longitude)
	return nil
}

// unreadable says which field cannot be read.
func unreadable(err error) error {
	if e, ok := errors.AsType[*tariff.Error](err); ok {
		if e.Pointer == "" {
			return ocpi.Invalid("body", e.Message)
		}
		return ocpi.Invalid(path(e.Pointer), e.Message)
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok && e.JSONPointer != "" {
		return ocpi.Invalid(path(string(e.JSONPointer)), "cannot be read")
	}
	return ocpi.Malformed("body: not valid JSON")
}

// degrees reads coordinates; 0, 0 where they cannot be read.
func degrees(latitude, longitude string) (lat, lon float64) {
	lat, err := strconv.ParseFloat(latitude, 64)
	if err == nil {
		lon, err = strconv.ParseFloat(longitude, 64)
	}
	if err != nil || !(math.Abs(lat) <= 90 && math.Abs(lon) <= 180) {
		return 0, 0
	}
	return lat, lon
}

func (c *CDR) times(w *wire) error {
	for _, f := range [...]struct {
		name, text string
		into       *time.Time
	}{{"start_date_time", w.start, &c.Start}, {"end_date_time", w.end, &c.End}, {"last_updated", w.updated, &c.Updated}} {
		t, err := ocpi.ParseTime(f.text)
		if err != nil {
			return ocpi.Invalid(f.name, err.Error())
		}
		*f.into = t
	}
	return nil
}

func (c *CDR) volumes(w *wire) (err error) {
	if c.Energy, err = energyOf(w.energy, "total_energy"); err != nil {
		return err
	}
	if c.Time, err = hoursOf(w.time, "total_time"); err != nil {
		return err
	}
	c.HasParking = w.parking.IsSet()
	c.Parking, err = hoursOf(w.parking, "total_parking_time")
	return err
}

// energyOf returns kWh as 10⁻⁹ kWh.
func energyOf(n ocpi.Number, field string) (int64, error) {
	if _, err := tariff.AmountOf(n); err != nil { // more digits than are computed with
		return 0, ocpi.Invalid(field, err.Error())
	}
	e, err := tariff.ParseEnergy(n.String())
	if err != nil {
		return 0, ocpi.Invalid(field, "is out of range")
	}
	return e, nil
}

// maxHours bounds durations, far below what a Duration holds.
const maxHours = 1_000_000

// hoursOf returns hours as a duration, to the nearest nanosecond.
func hoursOf(n ocpi.Number, field string) (time.Duration, error) {
	h, err := energyOf(n, field) // 10⁻⁹ h: the same scale
	if err != nil {
		return 0, err
	}
	if h > maxHours*1e9 || h < -maxHours*1e9 {
		return 0, ocpi.Invalid(field, "is out of range")
	}
	return time.Duration(h) * 3600, nil
}

// periods sums up what the periods hold, and lists the tariffs.
func (c *CDR) periods() {
	add := func(id string) {
		if id = ocpi.FoldID(id); id != "" && len(c.TariffIDs) < maxTariffIDs && !slices.Contains(c.TariffIDs, id) {
			c.TariffIDs = append(c.TariffIDs, id)
		}
	}
	for i := range c.Tariff.Tariffs {
		add(c.Tariff.Tariffs[i].ID)
	}
	var seconds [3]int64
	for i := range c.Tariff.Session.Periods {
		p := &c.Tariff.Session.Periods[i]
		add(p.TariffID)
		c.SumEnergy = sum(c.SumEnergy, p.Energy)
		seconds[0], seconds[1] = sum(seconds[0], p.Time), sum(seconds[1], p.Parking)
		seconds[2] = sum(sum(seconds[2], p.Reservation), p.Overtime)
		c.hasEnergy = c.hasEnergy || p.Has&tariff.HasEnergy != 0
		c.hasTime = c.hasTime || p.Has&tariff.HasTime != 0
		c.hasParking = c.hasParking || p.Has&tariff.HasParking != 0
		c.hasHeld = c.hasHeld || p.Has&(tariff.HasReservation|tariff.HasOvertime) != 0
	}
	c.SumTime, c.SumParking, c.SumReservation = span(seconds[0]), span(seconds[1]), span(seconds[2])
}

// maxTariffIDs bounds the ids that are looked up for one CDR.
const maxTariffIDs = 100

// sum adds up, and stops at the bounds of what is computed with.
func sum(a, b int64) int64 {
	const most = 1 << 56
	return max(-most, min(most, max(-most, min(most, a))+max(-most, min(most, b))))
}

// span returns seconds as a duration, fifty years where it is more, so that a few
// of them can be added.
func span(seconds int64) time.Duration {
	const most = 50 * 365 * 24 * 3600
	return time.Duration(max(-most, min(most, seconds))) * time.Second
}

// unpriced reads the total of a CDR that package tariff refuses because of its
// times.
func (c *CDR) unpriced(cost string) error {
	var w struct {
		ExclVAT     ocpi.Number `json:"excl_vat"`
		InclVAT     ocpi.Number `json:"incl_vat"`
		BeforeTaxes ocpi.Number `json:"before_taxes"`
		Taxes       []tax       `json:"taxes"`
	}
	if err := json.Unmarshal([]byte(cost), &w); err != nil {
		return ocpi.Invalid("total_cost", "cannot be read")
	}
	var total tariff.Cost
	var err error
	amount := func(n ocpi.Number, into *tariff.Amount) {
		if n.IsSet() && err == nil {
			*into, err = tariff.AmountOf(n)
		}
	}
	amount(w.ExclVAT, &total.Excl)
	amount(w.InclVAT, &total.Incl)
	amount(w.BeforeTaxes, &total.Excl)
	for i, t := range w.Taxes {
		var tax tariff.Amount
		amount(t.Amount, &tax)
		if i == 0 {
			total.Incl = total.Excl
		}
		total.Incl = total.Incl.Add(tax)
	}
	if err != nil {
		return ocpi.Invalid("total_cost", err.Error())
	}
	return c.cost(total)
}

// cost keeps the total in minor units.
func (c *CDR) cost(total tariff.Cost) error {
	if !total.Excl.Known() {
		return ocpi.Invalid("total_cost", "has no amount before tax")
	}
	var ok bool
	if c.Net, ok = minor(total.Excl, c.Currency); !ok {
		return ocpi.Invalid("total_cost", "is out of range")
	}
	c.Gross = c.Net
	if c.TaxKnown = total.Incl.Known(); !c.TaxKnown {
		return nil
	}
	if c.Gross, ok = minor(total.Incl, c.Currency); !ok {
		return ocpi.Invalid("total_cost", "is out of range")
	}
	return nil
}

// maxMinor bounds amounts, so that the sum of very many fits.
const maxMinor = 1_000_000_000_000_000

// minor returns a known amount in minor units, rounded half away from zero.
func minor(a tariff.Amount, currency string) (int64, bool) {
	n, err := strconv.ParseInt(strings.Replace(a.Text(tariff.CurrencyDecimals(currency)), ".", "", 1), 10, 64)
	return n, err == nil && n <= maxMinor && n >= -maxMinor
}
