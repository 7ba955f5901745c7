package tariff

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eroam/eroam/ocpi"
)

// A CDR is read by a scanner where that is possible and by json.Unmarshal, several
// times slower, where it is not. The second decides what is an error and words it;
// the first only takes documents in which there is none. What it takes it reads as
// json.Unmarshal does (TestScanEqualsUnmarshal, FuzzScanCDR), so a field of wireCDR
// needs a line here, too.

type cdrScanner struct {
	scanner
	dimensions []wireDimension // of all periods; each has a part of it

	reader  *CDRReader // that may know the tariffs; nil: they are read
	version ocpi.Version
	tariffs []byte   // as they are written
	known   []Tariff // they, where the reader knows them; they are not read then
}

// scan reads a CDR into w, which must be zero. False: json.Unmarshal has to read
// it, and w holds rubbish.
func (s *cdrScanner) scan(body []byte, w *wireCDR) bool {
	ok := false
	s.scanner, ok = newScanner(body)
	if !ok || s.peek() != '{' {
		return false
	}
	s.cdr(w, body)
	return !s.stuck
}

func (s *cdrScanner) cdr(w *wireCDR, body []byte) {
	s.object(func(name string) {
		switch name {
		case "id":
			w.ID = s.string()
		case "start_date_time":
			w.StartDateTime = s.string()
		case "end_date_time":
			w.EndDateTime = s.string()
		case "stop_date_time":
			w.StopDateTime = s.string()
		case "session_id":
			w.SessionID = s.string()
		case "booking_id":
			w.BookingID = s.string()
		case "credit":
			w.Credit = s.bool()
		case "currency":
			w.Currency = s.string()
		case "tariffs":
			s.peek()
			from := s.at
			s.skip()
			s.tariffs = body[from:s.at]
			if s.known = s.reader.tariffs(s.version, s.tariffs); s.known == nil && json.Unmarshal(s.tariffs, &w.Tariffs) != nil {
				s.stuck = true
			}
		case "charging_periods":
			s.periods(w)
		case "cdr_location":
			s.texts("country", &w.CDRLocation.Country, "evse_uid", &w.CDRLocation.EVSEUID)
		case "location":
			s.texts("country", &w.Location.Country, "time_zone", &w.Location.TimeZone)
		default:
			if !s.total(w, name) {
				s.skip()
			}
		}
	})
}

// texts reads two members of an object and passes the others.
func (s *cdrScanner) texts(first string, a *string, second string, b *string) {
	s.object(func(name string) {
		switch name {
		case first:
			*a = s.string()
		case second:
			*b = s.string()
		default:
			s.skip()
		}
	})
}

// total reads a total of the CDR; false when the name is that of something else.
func (s *cdrScanner) total(w *wireCDR, name string) bool {
	switch name {
	case "total_cost":
		s.cost(&w.TotalCost)
	case "total_fixed_cost":
		s.cost(&w.TotalFixed)
	case "total_energy_cost":
		s.cost(&w.TotalEnergyCost)
	case "total_time_cost":
		s.cost(&w.TotalTimeCost)
	case "total_parking_cost":
		s.cost(&w.TotalParkingCost)
	case "total_reservation_cost":
		s.cost(&w.TotalReservation)
	case "total_energy":
		w.TotalEnergy = s.number()
	case "total_time":
		w.TotalTime = s.number()
	case "total_parking_time":
		w.TotalParking = s.number()
	default:
		return false
	}
	return true
}

// cost reads a cost without its unknown members, which nobody reports.
func (s *cdrScanner) cost(c *wireCost) {
	if s.peek() != '{' {
		c.number = s.number()
		return
	}
	p := &c.price
	s.object(func(name string) {
		switch name {
		case "excl_vat":
			p.ExclVAT = s.number()
		case "incl_vat":
			p.InclVAT = s.number()
		case "before_taxes":
			p.BeforeTaxes = s.number()
		case "after_taxes":
			p.AfterTaxes = s.number()
		case "taxes":
			s.taxes(p)
		default:
			s.skip()
		}
	})
}

func (s *cdrScanner) taxes(p *wirePrice) {
	if s.list(func() {
		p.Taxes = append(p.Taxes, wireTax{})
		tax := &p.Taxes[len(p.Taxes)-1]
		s.object(func(name string) {
			if name == "amount" {
				tax.Amount = s.number()
			} else {
				s.skip()
			}
		})
	}) && p.Taxes == nil {
		p.Taxes = []wireTax{} // no tax is not the same as an unknown one
	}
}

func (s *cdrScanner) periods(w *wireCDR) {
	w.Periods = make([]wirePeriod, 0, 8)
	s.dimensions = make([]wireDimension, 0, 16)
	s.list(func() {
		w.Periods = append(w.Periods, wirePeriod{})
		s.period(&w.Periods[len(w.Periods)-1])
	})
}

func (s *cdrScanner) period(p *wirePeriod) {
	s.object(func(name string) {
		switch name {
		case "start_date_time":
			p.Start = s.string()
		case "tariff_id":
			p.TariffID = s.string()
		case "dimensions":
			from := len(s.dimensions)
			s.list(s.dimension)
			p.Dimensions = s.dimensions[from:len(s.dimensions):len(s.dimensions)]
		default:
			p.Unknown = appendMember(p.Unknown, name, s.skip())
		}
	})
}

func (s *cdrScanner) dimension() {
	s.dimensions = append(s.dimensions, wireDimension{})
	d := &s.dimensions[len(s.dimensions)-1]
	s.object(func(name string) {
		switch name {
		case "type":
			d.Type = s.string()
		case "volume":
			d.Volume = s.number()
		default:
			s.skip()
		}
	})
}

// appendMember adds a member to an object, or to nothing; its name has nothing
// that JSON escapes.
func appendMember(object jsontext.Value, name, value string) jsontext.Value {
	if len(object) == 0 {
		object = append(object, '{')
	} else {
		object[len(object)-1] = ',' // in the place of the closing brace
	}
	object = append(append(append(object, '"'), name...), `":`...)
	return append(append(object, value...), '}')
}
