package sim

import (
	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
)

// wire221 is OCPI 2.2.1.
type wire221 struct{}

func (wire221) check(m ocpi.Module, body []byte) error { return v221.Check(m, 0, body) }

func (wire221) credentials(token, url string, parties []Party) any {
	c := v221.Credentials{Token: token, URL: url}
	for _, p := range parties {
		c.Roles = append(c.Roles, v221.CredentialsRole{
			Role: v221.Role(p.Role), CountryCode: p.ID.CountryCode, PartyID: p.ID.ID, BusinessDetails: v221.BusinessDetails{Name: p.Name},
		})
	}
	return c
}

func (wire221) readCredentials(body []byte) (peerIdentity, error) {
	var c v221.Credentials
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
		if r.Role == v221.Role(ocpi.RoleHub) {
			id.hub = p
		}
	}
	return id, id.check()
}

// plug knows no NACS, and writes the older name of the same shape.
func (wire221) plug(p Plug) v221.ConnectorType {
	if p == PlugNACS {
		return "TESLA_S"
	}
	return v221.ConnectorType(p)
}

func (wire221) tariff(op ocpi.PartyID, t Tariff) any { return tariff221(op, t) }

func tariff221(op ocpi.PartyID, t Tariff) v221.Tariff {
	return v221.Tariff{
		CountryCode: op.CountryCode, PartyID: op.ID, ID: t.ID, Currency: t.Currency, TariffAltText: textOf(t.Text),
		Elements: []v221.TariffElement{{PriceComponents: componentsOf(t)}}, LastUpdated: ocpi.NewDateTime(t.Updated),
	}
}

func (wire221) readTariff(body []byte) (Tariff, error) {
	var t v221.Tariff
	if err := unmarshal(body, &t); err != nil {
		return Tariff{}, err
	}
	return readTariff221(t)
}

func readTariff221(t v221.Tariff) (Tariff, error) {
	var r reader
	out := Tariff{ID: t.ID, Currency: t.Currency, Updated: r.time("last_updated", t.LastUpdated)}
	if r.err != nil {
		return out, r.err
	}
	if len(t.Elements) != 1 || t.Elements[0].Restrictions != nil {
		return out, ocpi.Invalid("elements", "more than one, or with restrictions")
	}
	return out, out.addComponents(t.Elements[0].PriceComponents)
}

func (wire221) price(a Amount) any { return price221(a) }

func price221(a Amount) v221.Price {
	p := v221.Price{ExclVAT: ocpi.NumberOf(a.Net)}
	if a.Taxed {
		p.InclVAT = ocpi.NumberOf(a.Gross)
	}
	return p
}

func pricePointer221(a Amount) *v221.Price {
	if a == (Amount{}) {
		return nil
	}
	p := price221(a)
	return &p
}

func (r *reader) price221(name string, p *v221.Price) Amount {
	if p == nil {
		return Amount{}
	}
	net := r.number(name, p.ExclVAT)
	a := Amount{Net: net, Gross: net}
	if p.InclVAT.IsSet() {
		a.Gross, a.Taxed = r.number(name, p.InclVAT), true
	}
	return a
}

func (wire221) session(s Session) any {
	out := v221.Session{
		CountryCode: s.Operator.CountryCode, PartyID: s.Operator.ID, ID: s.ID,
		StartDateTime: ocpi.NewDateTime(s.Start), EndDateTime: optionalTime(s.End), KWh: ocpi.NumberOf(s.Energy),
		CdrToken: cdrTokenOf(s.Token), AuthMethod: v221.AuthMethod(s.AuthMethod), AuthorizationReference: s.AuthorizationReference,
		LocationID: s.LocationID, EVSEUID: s.EVSEUID, ConnectorID: s.ConnectorID, Currency: s.Currency,
		ChargingPeriods: periodsOf(s.Periods), Status: v221.SessionStatus(s.Status), LastUpdated: ocpi.NewDateTime(s.Updated),
	}
	if s.Cost != nil {
		p := price221(*s.Cost)
		out.TotalCost = &p
	}
	return out
}

func (wire221) readSession(body []byte) (Session, error) {
	var s v221.Session
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
		a := r.price221("total_cost", s.TotalCost)
		out.Cost = &a
	}
	return out, r.err
}

func (w wire221) cdr(c CDR) any {
	out := v221.CDR{
		CountryCode: c.Operator.CountryCode, PartyID: c.Operator.ID, ID: c.ID, SessionID: c.SessionID,
		StartDateTime: ocpi.NewDateTime(c.Start), EndDateTime: ocpi.NewDateTime(c.End),
		CdrToken: cdrTokenOf(c.Token), AuthMethod: v221.AuthMethod(c.AuthMethod), AuthorizationReference: c.AuthorizationReference,
		CdrLocation: cdrLocationOf(w, c.Site), Currency: c.Currency, ChargingPeriods: periodsOf(c.Periods),
		TotalCost: price221(c.Cost.Total), TotalEnergy: ocpi.NumberOf(c.Usage.Energy),
		TotalTime: ocpi.NumberOf(connected(c.Usage)), TotalParkingTime: ocpi.NumberOf(c.Usage.Parking),
		TotalFixedCost: pricePointer221(c.Cost.Flat), TotalEnergyCost: pricePointer221(c.Cost.Energy),
		TotalTimeCost: pricePointer221(c.Cost.Time), TotalParkingCost: pricePointer221(c.Cost.Parking),
		LastUpdated: ocpi.NewDateTime(c.Updated),
	}
	for _, t := range c.Tariffs {
		out.Tariffs = append(out.Tariffs, tariff221(c.Operator, t))
	}
	return out
}

func (wire221) readCDR(body []byte) (CDR, error) {
	var c v221.CDR
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
			Total: r.price221("total_cost", &c.TotalCost), Flat: r.price221("total_fixed_cost", c.TotalFixedCost),
			Energy: r.price221("total_energy_cost", c.TotalEnergyCost), Time: r.price221("total_time_cost", c.TotalTimeCost),
			Parking: r.price221("total_parking_cost", c.TotalParkingCost),
		},
		Updated: r.time("last_updated", c.LastUpdated),
	}
	for _, t := range c.Tariffs {
		nt, err := readTariff221(t)
		if err != nil {
			return out, err
		}
		out.Tariffs = append(out.Tariffs, nt)
	}
	return out, r.err
}

// connected is the whole time of a session, in hours.
func connected(u Usage) decimal.Decimal {
	d, err := u.Charging.Add(u.Parking)
	if err != nil {
		return u.Charging // hours of a session are far from 19 digits
	}
	return d
}

// usage reads the totals of a CDR; charging is what is not parking.
func (r *reader) usage(energy, total, parking ocpi.Number) Usage {
	u := Usage{Energy: r.number("total_energy", energy), Parking: r.number("total_parking_time", parking)}
	var err error
	if u.Charging, err = r.number("total_time", total).Sub(u.Parking); err != nil && r.err == nil {
		r.err = ocpi.Invalid("total_time", err.Error())
	}
	return u
}
