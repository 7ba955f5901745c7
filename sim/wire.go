package sim

import (
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
)

// wire writes and reads the objects of one OCPI version. What both versions
// spell alike is in this file, what differs in wire221.go and wire230.go.
type wire interface {
	// check checks a whole object against its specification.
	check(m ocpi.Module, body []byte) error
	credentials(token, url string, parties []Party) any
	readCredentials(body []byte) (peerIdentity, error)
	plug(p Plug) v221.ConnectorType
	tariff(op ocpi.PartyID, t Tariff) any
	readTariff(body []byte) (Tariff, error)
	session(s Session) any
	readSession(body []byte) (Session, error)
	price(a Amount) any
	cdr(c CDR) any
	readCDR(body []byte) (CDR, error)
}

func wireOf(v ocpi.Version) wire {
	if v == ocpi.V230 {
		return wire230{}
	}
	return wire221{}
}

// encode writes what one of the wires made; its values always can be written.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("sim: writing %T: %v", v, err))
	}
	return b
}

func locationOf(w wire, op Operator, s Site) v221.Location {
	l := v221.Location{
		CountryCode: op.Party.CountryCode, PartyID: op.Party.ID, ID: s.ID, Publish: s.Public,
		Name: s.Name, Address: s.Address, City: s.City, State: s.State, PostalCode: s.PostalCode, Country: s.Country,
		Coordinates: pointOf(s), ParkingType: v221.ParkingType(s.Kind), TimeZone: s.TimeZone,
		Operator: &v221.BusinessDetails{Name: op.Name}, LastUpdated: ocpi.NewDateTime(s.Updated),
	}
	for _, f := range s.Facilities {
		l.Facilities = append(l.Facilities, v221.Facility(f))
	}
	if s.Opening.Always || s.Opening.Hours != nil {
		l.OpeningTimes = &v221.Hours{TwentyFourSeven: s.Opening.Always}
		for _, h := range s.Opening.Hours {
			l.OpeningTimes.RegularHours = append(l.OpeningTimes.RegularHours,
				v221.RegularHours{Weekday: h.Weekday, PeriodBegin: h.Begin, PeriodEnd: h.End})
		}
	}
	for _, e := range s.EVSEs {
		l.EVSEs = append(l.EVSEs, evseOf(w, e))
	}
	return l
}

func pointOf(s Site) v221.GeoLocation {
	return v221.GeoLocation{Latitude: strconv.FormatFloat(s.Lat, 'f', 6, 64), Longitude: strconv.FormatFloat(s.Lon, 'f', 6, 64)}
}

func evseOf(w wire, e EVSE) v221.EVSE {
	out := v221.EVSE{UID: e.UID, EVSEID: e.EVSEID, Status: v221.Status(e.Status), LastUpdated: ocpi.NewDateTime(e.Updated)}
	if e.RFID {
		out.Capabilities = append(out.Capabilities, "RFID_READER")
	}
	if e.Remote {
		out.Capabilities = append(out.Capabilities, "REMOTE_START_STOP_CAPABLE", "RESERVABLE", "UNLOCK_CAPABLE")
	}
	if e.CreditCard {
		out.Capabilities = append(out.Capabilities, "CREDIT_CARD_PAYABLE")
	}
	for _, c := range e.Connectors {
		out.Connectors = append(out.Connectors, connectorOf(w, c))
	}
	return out
}

func connectorOf(w wire, c Connector) v221.Connector {
	out := v221.Connector{
		ID: c.ID, Standard: w.plug(c.Plug), Format: v221.Cable, PowerType: v221.AC1Phase,
		MaxVoltage: c.Volts, MaxAmperage: c.Amps, MaxElectricPower: c.Watts, LastUpdated: ocpi.NewDateTime(c.Updated),
	}
	if c.Socket {
		out.Format = v221.Socket
	}
	if c.DC {
		out.PowerType = v221.DC
	}
	if c.TariffID != "" {
		out.TariffIDs = []string{c.TariffID}
	}
	return out
}

func cdrLocationOf(w wire, s Site) v221.CdrLocation {
	e := s.EVSEs[0]
	c := connectorOf(w, e.Connectors[0])
	return v221.CdrLocation{
		ID: s.ID, Name: s.Name, Address: s.Address, City: s.City, PostalCode: s.PostalCode, State: s.State, Country: s.Country,
		Coordinates: pointOf(s), EVSEUID: e.UID, EVSEID: e.EVSEID, ConnectorID: c.ID,
		ConnectorStandard: c.Standard, ConnectorFormat: c.Format, ConnectorPowerType: c.PowerType,
	}
}

func readCdrLocation(l v221.CdrLocation) Site {
	return Site{
		ID: l.ID, Name: l.Name, Address: l.Address, City: l.City, State: l.State, PostalCode: l.PostalCode, Country: l.Country,
		EVSEs: []EVSE{{UID: l.EVSEUID, EVSEID: l.EVSEID, Connectors: []Connector{{
			ID: l.ConnectorID, Socket: l.ConnectorFormat == v221.Socket, DC: l.ConnectorPowerType == v221.DC,
		}}}},
	}
}

func tokenOf(t Token) v221.Token {
	return v221.Token{
		CountryCode: t.Issuer.CountryCode, PartyID: t.Issuer.ID, UID: t.UID, Type: v221.TokenType(t.Type),
		ContractID: t.ContractID, Issuer: t.IssuerName, Valid: t.Valid, Whitelist: v221.WhitelistNever,
		LastUpdated: ocpi.NewDateTime(t.Updated),
	}
}

func readToken(t v221.Token) (Token, error) {
	issuer, err := ocpi.ParsePartyID(t.CountryCode, t.PartyID)
	if err != nil {
		return Token{}, err
	}
	updated, err := t.LastUpdated.Time()
	return Token{
		Issuer: issuer, UID: t.UID, Type: string(t.Type), ContractID: t.ContractID, Valid: t.Valid,
		IssuerName: t.Issuer, Updated: updated,
	}, err
}

func (t Token) ref() TokenRef {
	return TokenRef{Issuer: t.Issuer, UID: t.UID, Type: t.Type, ContractID: t.ContractID}
}

func cdrTokenOf(t TokenRef) v221.CdrToken {
	return v221.CdrToken{CountryCode: t.Issuer.CountryCode, PartyID: t.Issuer.ID, UID: t.UID, Type: v221.TokenType(t.Type), ContractID: t.ContractID}
}

func readCdrToken(t v221.CdrToken) (TokenRef, error) {
	issuer, err := ocpi.ParsePartyID(t.CountryCode, t.PartyID)
	return TokenRef{Issuer: issuer, UID: t.UID, Type: string(t.Type), ContractID: t.ContractID}, err
}

func componentsOf(t Tariff) []v221.PriceComponent {
	var out []v221.PriceComponent
	for _, c := range t.Components {
		p := v221.PriceComponent{Type: v221.TariffDimensionType(c.Dimension), Price: ocpi.NumberOf(c.Price), StepSize: c.StepSize}
		if !t.TaxPercent.IsZero() {
			p.VAT = ocpi.NumberOf(t.TaxPercent)
		}
		out = append(out, p)
	}
	return out
}

// addComponents adds the components of an element to t. The simulators know
// tariffs of one element with one tax; others are refused, since their price
// could not be checked.
func (t *Tariff) addComponents(list []v221.PriceComponent) error {
	for i, c := range list {
		price, err := c.Price.Decimal()
		if err != nil {
			return ocpi.Invalid("price", err.Error())
		}
		tax, err := c.VAT.Decimal()
		if err != nil {
			return ocpi.Invalid("vat", err.Error())
		}
		if i > 0 && tax.Cmp(t.TaxPercent) != 0 {
			return ocpi.Invalid("vat", "differs between components")
		}
		t.TaxPercent = tax
		t.Components = append(t.Components, Component{Dimension: Dimension(c.Type), Price: price, StepSize: c.StepSize})
	}
	return nil
}

func textOf(s string) []v221.DisplayText {
	if s == "" {
		return nil
	}
	return []v221.DisplayText{{Language: "en", Text: s}}
}

func periodsOf(list []Period) []v221.ChargingPeriod {
	var out []v221.ChargingPeriod
	for _, p := range list {
		c := v221.ChargingPeriod{StartDateTime: ocpi.NewDateTime(p.Start), TariffID: p.TariffID}
		add := func(t v221.CdrDimensionType, v decimal.Decimal, always bool) {
			if always || !v.IsZero() {
				c.Dimensions = append(c.Dimensions, v221.CdrDimension{Type: t, Volume: ocpi.NumberOf(v)})
			}
		}
		add(v221.DimensionEnergy, p.Usage.Energy, p.Usage.Parking.IsZero())
		add(v221.DimensionTime, p.Usage.Charging, false)
		add(v221.DimensionParkingTime, p.Usage.Parking, false)
		out = append(out, c)
	}
	return out
}

func readPeriods(list []v221.ChargingPeriod) ([]Period, error) {
	var out []Period
	for _, c := range list {
		start, err := c.StartDateTime.Time()
		if err != nil {
			return nil, ocpi.Invalid("charging_periods.start_date_time", err.Error())
		}
		p := Period{Start: start, TariffID: c.TariffID}
		for _, d := range c.Dimensions {
			v, err := d.Volume.Decimal()
			if err != nil {
				return nil, ocpi.Invalid("charging_periods.volume", err.Error())
			}
			switch d.Type {
			case v221.DimensionEnergy:
				p.Usage.Energy = v
			case v221.DimensionTime:
				p.Usage.Charging = v
			case v221.DimensionParkingTime:
				p.Usage.Parking = v
			}
		}
		out = append(out, p)
	}
	return out, nil
}

func optionalTime(t time.Time) ocpi.DateTime {
	if t.IsZero() {
		return ""
	}
	return ocpi.NewDateTime(t)
}

func readOptionalTime(d ocpi.DateTime) (time.Time, error) {
	if d == "" {
		return time.Time{}, nil
	}
	return d.Time()
}

// reader reads numbers and times and keeps the first error.
type reader struct{ err error }

func (r *reader) number(name string, n ocpi.Number) decimal.Decimal {
	d, err := n.Decimal()
	if err != nil && r.err == nil {
		r.err = ocpi.Invalid(name, err.Error())
	}
	return d
}

func (r *reader) time(name string, d ocpi.DateTime) time.Time {
	t, err := readOptionalTime(d)
	if err != nil && r.err == nil {
		r.err = ocpi.Invalid(name, err.Error())
	}
	return t
}

func (r *reader) party(countryCode, id string) ocpi.PartyID {
	p, err := ocpi.ParsePartyID(countryCode, id)
	if err != nil && r.err == nil {
		r.err = err
	}
	return p
}

func (r *reader) token(t v221.CdrToken) TokenRef {
	ref, err := readCdrToken(t)
	if err != nil && r.err == nil {
		r.err = err
	}
	return ref
}

func (r *reader) periods(list []v221.ChargingPeriod) []Period {
	out, err := readPeriods(list)
	if err != nil && r.err == nil {
		r.err = err
	}
	return out
}

func unmarshal(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return &ocpi.Error{Status: ocpi.StatusInvalidParameters, Message: "body: not an object of this module", Err: err}
	}
	return nil
}
