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
	"github.com/eroam/eroam/ocpi/v221"
	"github.com/eroam/eroam/tariff"
)

// wire is what is read here besides what package tariff reads.
type wire struct {
	CountryCode string `json:"country_code"`
	PartyID     string `json:"party_id"`
	ID          string `json:"id"`
	Start       string `json:"start_date_time"`
	End         string `json:"end_date_time"`
	SessionID   string `json:"session_id"`
	Token       struct {
		CountryCode string `json:"country_code"`
		PartyID     string `json:"party_id"`
		UID         string `json:"uid"`
		Type        string `json:"type"`
		Contract    string `json:"contract_id"`
	} `json:"cdr_token"`
	AuthMethod string           `json:"auth_method"`
	Reference  string           `json:"authorization_reference"`
	Location   v221.CdrLocation `json:"cdr_location"`
	MeterID    string           `json:"meter_id"`
	BookingID  string           `json:"booking_id"`
	Currency   string           `json:"currency"`
	Signed     *v221.SignedData `json:"signed_data"`
	TotalCost  struct {
		BeforeTaxes ocpi.Number `json:"before_taxes"`
		Taxes       []tax       `json:"taxes"`
	} `json:"total_cost"`
	Energy   ocpi.Number `json:"total_energy"`
	Time     ocpi.Number `json:"total_time"`
	Parking  ocpi.Number `json:"total_parking_time"`
	Credit   bool        `json:"credit"`
	CreditOf string      `json:"credit_reference_id"`
	Home     bool        `json:"home_charging_compensation"`
	Updated  string      `json:"last_updated"`
}

func (c *CDR) read(zone *time.Location) (err error) {
	if c.Version != ocpi.V221 && c.Version != ocpi.V230 {
		return ocpi.Invalid("body", "is a CDR of a version that is not known here")
	}
	if !ocpi.IsObject(c.Body) {
		return ocpi.Invalid("body", "must be an object")
	}
	var w wire
	if err := json.Unmarshal(c.Body, &w); err != nil {
		return unreadable(err)
	}
	if c.Party, err = ocpi.ParsePartyID(w.CountryCode, w.PartyID); err != nil {
		return err
	}
	if c.Token.Party, err = ocpi.ParsePartyID(w.Token.CountryCode, w.Token.PartyID); err != nil {
		return ocpi.Invalid("cdr_token", ocpi.AsError(err).Message)
	}
	if w.ID == "" || len(w.ID) > ocpi.MaxSegment {
		return ocpi.Invalid("id", "must have 1 to 255 characters")
	}
	c.ids(&w)
	if err := c.times(&w); err != nil {
		return err
	}
	if err := c.volumes(&w); err != nil {
		return err
	}
	if c.End.Before(c.Start) {
		return c.unpriced()
	}
	if c.Tariff, _, err = tariff.ParseCDR(c.Version, c.Body, zone); err != nil {
		return unreadable(err)
	}
	c.periods()
	return c.amounts()
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

func (c *CDR) ids(w *wire) {
	c.ID, c.Key = w.ID, ocpi.FoldID(w.ID)
	c.Session, c.SessionID = w.SessionID, ocpi.FoldID(w.SessionID)
	c.Token.UID, c.Token.Type, c.Token.Contract = w.Token.UID, w.Token.Type, w.Token.Contract
	c.Token.Key = ocpi.TokenKey(w.Token.UID, w.Token.Type)
	c.Method, c.Reference, c.Meter, c.Booking = w.AuthMethod, w.Reference, w.MeterID, w.BookingID
	c.Credit, c.CreditOf, c.CreditKey = w.Credit, w.CreditOf, ocpi.FoldID(w.CreditOf)
	c.Home, c.Signed, c.taxes = w.Home, w.Signed, w.TotalCost.Taxes
	c.beforeTaxes = w.TotalCost.BeforeTaxes
	c.Currency = strings.ToUpper(w.Currency)
	l := &w.Location
	c.Place = Place{
		Location: l.ID, LocationKey: ocpi.FoldID(l.ID), Name: l.Name, Address: l.Address, City: l.City, PostalCode: l.PostalCode, State: l.State,
		Country: l.Country, EVSE: l.EVSEUID, EVSEKey: ocpi.FoldID(l.EVSEUID), EVSEID: l.EVSEID, Connector: l.ConnectorID,
		Standard: string(l.ConnectorStandard), Format: string(l.ConnectorFormat), PowerType: string(l.ConnectorPowerType),
	}
	c.Place.Latitude, c.Place.Longitude = degrees(l.Coordinates.Latitude, l.Coordinates.Longitude)
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
	}{{"start_date_time", w.Start, &c.Start}, {"end_date_time", w.End, &c.End}, {"last_updated", w.Updated, &c.Updated}} {
		t, err := ocpi.ParseTime(f.text)
		if err != nil {
			return ocpi.Invalid(f.name, err.Error())
		}
		*f.into = t
	}
	return nil
}

func (c *CDR) volumes(w *wire) (err error) {
	if c.Energy, err = energyOf(w.Energy, "total_energy"); err != nil {
		return err
	}
	if c.Time, err = hoursOf(w.Time, "total_time"); err != nil {
		return err
	}
	c.HasParking = w.Parking.IsSet()
	c.Parking, err = hoursOf(w.Parking, "total_parking_time")
	return err
}

// energyOf returns kWh as 10⁻⁹ kWh.
func energyOf(n ocpi.Number, field string) (int64, error) {
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
	h, err := tariff.ParseEnergy(n.String()) // 10⁻⁹ h: the same scale
	if err != nil || h > maxHours*1e9 || h < -maxHours*1e9 {
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

// span returns seconds as a duration, a hundred years where it is more, so that a
// few of them can be added.
func span(seconds int64) time.Duration {
	const most = 100 * 365 * 24 * 3600
	return time.Duration(max(-most, min(most, seconds))) * time.Second
}

func (c *CDR) amounts() error { return c.cost(c.Tariff.Claim.Total) }

// unpriced reads the total of a CDR that package tariff refuses because of its
// times.
func (c *CDR) unpriced() error {
	var w struct {
		TotalCost struct {
			ExclVAT     ocpi.Number `json:"excl_vat"`
			InclVAT     ocpi.Number `json:"incl_vat"`
			BeforeTaxes ocpi.Number `json:"before_taxes"`
			Taxes       []tax       `json:"taxes"`
		} `json:"total_cost"`
	}
	if err := json.Unmarshal(c.Body, &w); err != nil {
		return unreadable(err)
	}
	var total tariff.Cost
	var err error
	amount := func(n ocpi.Number, into *tariff.Amount) {
		if n.IsSet() && err == nil {
			*into, err = tariff.AmountOf(n)
		}
	}
	amount(w.TotalCost.ExclVAT, &total.Excl)
	amount(w.TotalCost.InclVAT, &total.Incl)
	amount(w.TotalCost.BeforeTaxes, &total.Excl)
	for i, t := range w.TotalCost.Taxes {
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
