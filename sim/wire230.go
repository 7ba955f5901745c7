package sim

import (
	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
	"github.com/eroam/eroam/ocpi/v230"
)

// wire230 is OCPI 2.3.0.
type wire230 struct{}

func (wire230) check(m ocpi.Module, body []byte) error { return v230.Check(m, 0, body) }

func (wire230) credentials(token, url string, parties []Party) any {
	c := v230.Credentials{Token: token, URL: url}
	for _, p := range parties {
		c.Roles = append(c.Roles, v230.CredentialsRole{
			Role: v230.Role(p.Role), CountryCode: p.ID.CountryCode, PartyID: p.ID.ID, BusinessDetails: v230.BusinessDetails{Name: p.Name},
		})
	}
	return c
}

func (wire230) readCredentials(body []byte) (peerIdentity, error) {
	var c v230.Credentials
	if err := unmarshal(body, &c); err != nil {
		return peerIdentity{}, err
	}
	id := peerIdentity{token: c.Token, url: c.URL}
	for _, r := range c.Roles {
		p, err := r.ID()
		if err != nil {
			return id, err
		}
		id.parties = append(id.parties, p)
	}
	if c.HubPartyID != "" {
		p, err := ocpi.ParsePartyString(c.HubPartyID)
		if err != nil {
			return id, err
		}
		id.hub = p
	}
	return id, id.check()
}

func (wire230) plug(p Plug) v221.ConnectorType { return v221.ConnectorType(p) }

func (wire230) tariff(op ocpi.PartyID, t Tariff) any { return tariff230(op, t) }

func tariff230(op ocpi.PartyID, t Tariff) v230.Tariff {
	return v230.Tariff{
		CountryCode: op.CountryCode, PartyID: op.ID, ID: t.ID, Currency: t.Currency, TariffAltText: textOf(t.Text),
		Elements:    []v230.TariffElement{{PriceComponents: componentsOf(t)}},
		TaxIncluded: v230.TaxesNotIncluded, LastUpdated: ocpi.NewDateTime(t.Updated),
	}
}

func (wire230) readTariff(body []byte) (Tariff, error) {
	var t v230.Tariff
	if err := unmarshal(body, &t); err != nil {
		return Tariff{}, err
	}
	return readTariff230(t)
}

func readTariff230(t v230.Tariff) (Tariff, error) {
	var r reader
	out := Tariff{ID: t.ID, Currency: t.Currency, Updated: r.time("last_updated", t.LastUpdated)}
	if r.err != nil {
		return out, r.err
	}
	if t.TaxIncluded == v230.TaxesIncluded {
		return out, ocpi.Invalid("tax_included", "YES is not simulated")
	}
	if len(t.Elements) != 1 || t.Elements[0].Restrictions != nil {
		return out, ocpi.Invalid("elements", "more than one, or with restrictions")
	}
	return out, out.addComponents(t.Elements[0].PriceComponents)
}

func (wire230) price(a Amount) any { return price230(a) }

// taxName is what the one simulated tax is called.
const taxName = "Sales tax"

func price230(a Amount) v230.Price {
	p := v230.Price{BeforeTaxes: ocpi.NumberOf(a.Net)}
	if a.Taxed {
		tax, err := a.Gross.Sub(a.Net)
		if err != nil {
			tax = decimal.Zero // the difference of two amounts of a session has few digits
		}
		p.Taxes = []v230.TaxAmount{{Name: taxName, Amount: ocpi.NumberOf(tax)}}
	}
	return p
}

func pricePointer230(a Amount) *v230.Price {
	if a == (Amount{}) {
		return nil
	}
	p := price230(a)
	return &p
}

func (r *reader) price230(name string, p *v230.Price) Amount {
	if p == nil {
		return Amount{}
	}
	net := r.number(name, p.BeforeTaxes)
	a := Amount{Net: net, Gross: net}
	for _, t := range p.Taxes {
		a.Taxed = true
		sum, err := a.Gross.Add(r.number(name, t.Amount))
		if err != nil && r.err == nil {
			r.err = ocpi.Invalid(name, err.Error())
		}
		a.Gross = sum
	}
	return a
}

func (wire230) session(s Session) any {
	out := v230.Session{
		CountryCode: s.Operator.CountryCode, PartyID: s.Operator.ID, ID: s.ID,
		StartDateTime: ocpi.NewDateTime(s.Start), EndDateTime: optionalTime(s.End), KWh: ocpi.NumberOf(s.Energy),
		CdrToken: cdrTokenOf(s.Token), AuthMethod: v230.AuthMethod(s.AuthMethod), AuthorizationReference: s.AuthorizationReference,
		LocationID: s.LocationID, EVSEUID: s.EVSEUID, ConnectorID: s.ConnectorID, Currency: s.Currency,
		ChargingPeriods: periodsOf(s.Periods), Status: v230.SessionStatus(s.Status), LastUpdated: ocpi.NewDateTime(s.Updated),
	}
	if s.Cost != nil {
		p := price230(*s.Cost)
		out.TotalCost = &p
	}
	return out
}

func (wire230) readSession(body []byte) (Session, error) {
	var s v230.Session
	if err := unmarshal(body, &s); err != nil {
		return Session{}, err
	}
	var r reader
	out := Session{
		Operator: r.party(s.CountryCode, s.PartyID), ID: s.ID,
		Start: r.time("start_date_time", s.StartDateTime), End: r.time("end_date_time", s.EndDateTime), Energy: r.number("kwh", s.KWh),
		Token: r.token(s.CdrToken), AuthMethod: string(s.AuthMethod), AuthorizationReference: s.AuthorizationReference,
		LocationID: s.LocationID, EVSEUID: s.EVSEUID, ConnectorID: s.ConnectorID, Currency: s.Currency,
		Periods: r.periods(s.ChargingPeriods), Status: string(s.Status), Updated: r.time("last_updated", s.LastUpdated),
	}
	if s.TotalCost != nil {
		a := r.price230("total_cost", s.TotalCost)
		out.Cost = &a
	}
	return out, r.err
}

func (w wire230) cdr(c CDR) any {
	out := v230.CDR{
		CountryCode: c.Operator.CountryCode, PartyID: c.Operator.ID, ID: c.ID, SessionID: c.SessionID,
		StartDateTime: ocpi.NewDateTime(c.Start), EndDateTime: ocpi.NewDateTime(c.End),
		CdrToken: cdrTokenOf(c.Token), AuthMethod: v230.AuthMethod(c.AuthMethod), AuthorizationReference: c.AuthorizationReference,
		CdrLocation: cdrLocationOf(w, c.Site), Currency: c.Currency, ChargingPeriods: periodsOf(c.Periods),
		TotalCost: price230(c.Cost.Total), TotalEnergy: ocpi.NumberOf(c.Usage.Energy),
		TotalTime: ocpi.NumberOf(connected(c.Usage)), TotalParkingTime: ocpi.NumberOf(c.Usage.Parking),
		TotalFixedCost: pricePointer230(c.Cost.Flat), TotalEnergyCost: pricePointer230(c.Cost.Energy),
		TotalTimeCost: pricePointer230(c.Cost.Time), TotalParkingCost: pricePointer230(c.Cost.Parking),
		LastUpdated: ocpi.NewDateTime(c.Updated),
	}
	for _, t := range c.Tariffs {
		out.Tariffs = append(out.Tariffs, tariff230(c.Operator, t))
	}
	return out
}

func (wire230) readCDR(body []byte) (CDR, error) {
	var c v230.CDR
	if err := unmarshal(body, &c); err != nil {
		return CDR{}, err
	}
	var r reader
	out := CDR{
		Operator: r.party(c.CountryCode, c.PartyID), ID: c.ID, SessionID: c.SessionID,
		Start: r.time("start_date_time", c.StartDateTime), End: r.time("end_date_time", c.EndDateTime),
		Token: r.token(c.CdrToken), AuthMethod: string(c.AuthMethod), AuthorizationReference: c.AuthorizationReference,
		Site: readCdrLocation(c.CdrLocation), Currency: c.Currency, Periods: r.periods(c.ChargingPeriods),
		Usage: r.usage(c.TotalEnergy, c.TotalTime, c.TotalParkingTime),
		Cost: Cost{
			Total: r.price230("total_cost", &c.TotalCost), Flat: r.price230("total_fixed_cost", c.TotalFixedCost),
			Energy: r.price230("total_energy_cost", c.TotalEnergyCost), Time: r.price230("total_time_cost", c.TotalTimeCost),
			Parking: r.price230("total_parking_cost", c.TotalParkingCost),
		},
		Updated: r.time("last_updated", c.LastUpdated),
	}
	for _, t := range c.Tariffs {
		nt, err := readTariff230(t)
		if err != nil {
			return out, err
		}
		out.Tariffs = append(out.Tariffs, nt)
	}
	return out, r.err
}
