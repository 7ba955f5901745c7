package check

import (
	"github.com/go-json-experiment/json"
	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
)

// members looks at the members of one JSON object, of which it is known that it is
// valid. It is several times faster than decoding all of a document. The first
// member of another kind than is wanted stays in err.
type members struct {
	path string // before the names in errors
	name string // of the member that is looked at
	err  error
}

// each calls a function for the members of an object; it is an error when value is
// none. A null is one without members.
func (m *members) each(value gjson.Result, do func(name string, v gjson.Result)) {
	switch {
	case value.Type == gjson.Null:
		return
	case !value.IsObject():
		m.wrong("must be an object")
		return
	}
	value.ForEach(func(key, v gjson.Result) bool {
		m.name = key.Str
		do(key.Str, v)
		return m.err == nil
	})
}

func (m *members) wrong(problem string) {
	if m.err == nil {
		m.err = ocpi.Invalid(m.path+m.name, problem)
	}
}

// text reads a string; a null leaves it empty.
func (m *members) text(v gjson.Result, into *string) {
	switch v.Type {
	case gjson.String:
		*into = v.Str
	case gjson.Null:
	default:
		m.wrong("must be a string")
	}
}

// number reads a number; a null leaves it absent.
func (m *members) number(v gjson.Result, into *ocpi.Number) {
	switch v.Type {
	case gjson.Number:
		n, err := ocpi.ParseNumber(v.Raw)
		if err != nil {
			m.wrong("must be a number")
		}
		*into = n
	case gjson.Null:
	default:
		m.wrong("must be a number")
	}
}

// flag reads a boolean; a null leaves it false.
func (m *members) flag(v gjson.Result, into *bool) {
	switch v.Type {
	case gjson.True:
		*into = true
	case gjson.False, gjson.Null:
	default:
		m.wrong("must be true or false")
	}
}

// members reads what package tariff does not.
func (c *CDR) members(w *wire) error {
	var m members
	m.each(gjson.ParseBytes(c.Body), func(name string, v gjson.Result) {
		switch name {
		case "country_code":
			m.text(v, &w.country)
		case "party_id":
			m.text(v, &w.party)
		case "id":
			m.text(v, &c.ID)
		case "start_date_time":
			m.text(v, &w.start)
		case "end_date_time":
			m.text(v, &w.end)
		case "session_id":
			m.text(v, &c.Session)
		case "cdr_token":
			c.token(&m, w, v)
		case "auth_method":
			m.text(v, &c.Method)
		case "authorization_reference":
			m.text(v, &c.Reference)
		case "cdr_location":
			c.location(&m, w, v)
		case "meter_id":
			m.text(v, &c.Meter)
		case "booking_id":
			m.text(v, &c.Booking)
		case "currency":
			m.text(v, &c.Currency)
		case "signed_data":
			c.signed(&m, v)
		case "total_cost":
			w.total = v.Raw
			c.costTaxes(&m, v)
		default:
			c.totals(&m, w, name, v)
		}
	})
	return m.err
}

func (c *CDR) totals(m *members, w *wire, name string, v gjson.Result) {
	switch name {
	case "total_energy":
		m.number(v, &w.energy)
	case "total_time":
		m.number(v, &w.time)
	case "total_parking_time":
		m.number(v, &w.parking)
	case "credit":
		m.flag(v, &c.Credit)
	case "credit_reference_id":
		m.text(v, &c.CreditOf)
	case "home_charging_compensation":
		m.flag(v, &c.Home)
	case "last_updated":
		m.text(v, &w.updated)
	}
}

func (c *CDR) token(m *members, w *wire, v gjson.Result) {
	m.path = "cdr_token."
	m.each(v, func(name string, v gjson.Result) {
		switch name {
		case "country_code":
			m.text(v, &w.tokenCountry)
		case "party_id":
			m.text(v, &w.tokenParty)
		case "uid":
			m.text(v, &c.Token.UID)
		case "type":
			m.text(v, &c.Token.Type)
		case "contract_id":
			m.text(v, &c.Token.Contract)
		}
	})
	m.path = ""
}

func (c *CDR) location(m *members, w *wire, v gjson.Result) {
	p := &c.Place
	m.path = "cdr_location."
	m.each(v, func(name string, v gjson.Result) {
		switch name {
		case "id":
			m.text(v, &p.Location)
		case "name":
			m.text(v, &p.Name)
		case "address":
			m.text(v, &p.Address)
		case "city":
			m.text(v, &p.City)
		case "postal_code":
			m.text(v, &p.PostalCode)
		case "state":
			m.text(v, &p.State)
		case "country":
			m.text(v, &p.Country)
		case "coordinates":
			w.latitude, w.longitude = v.Get("latitude").Str, v.Get("longitude").Str
		case "evse_uid":
			m.text(v, &p.EVSE)
		case "evse_id":
			m.text(v, &p.EVSEID)
		case "connector_id":
			m.text(v, &p.Connector)
		case "connector_standard":
			m.text(v, &p.Standard)
		case "connector_format":
			m.text(v, &p.Format)
		case "connector_power_type":
			m.text(v, &p.PowerType)
		}
	})
	m.path = ""
}

func (c *CDR) signed(m *members, v gjson.Result) {
	if v.Type == gjson.Null {
		return
	}
	c.Signed = new(v221.SignedData)
	if json.Unmarshal([]byte(v.Raw), c.Signed) != nil {
		m.wrong("cannot be read")
	}
}

func (c *CDR) costTaxes(m *members, v gjson.Result) {
	if c.Version != ocpi.V230 || !v.IsObject() {
		return // package tariff reads the amounts
	}
	m.number(v.Get("before_taxes"), &c.beforeTaxes)
	if taxes := v.Get("taxes"); taxes.IsArray() && json.Unmarshal([]byte(taxes.Raw), &c.taxes) != nil {
		m.wrong("cannot be read")
	}
}
