package tariff

import (
	"time"

	"github.com/eroam/eroam/ocpi"
)

// Dimension is what a price component prices, or what a line of a result is
// about.
type Dimension string

// The dimensions. Reservation is the time of a reservation, priced by the TIME
// and FLAT components of elements that are restricted to reservations.
const (
	Energy      Dimension = "ENERGY"
	Time        Dimension = "TIME"
	ParkingTime Dimension = "PARKING_TIME"
	Flat        Dimension = "FLAT"
	Reservation Dimension = "RESERVATION"
)

// Tax says what the prices of a tariff are with regard to tax.
type Tax string

// The values of Tax. OCPI 2.2.1 prices exclude VAT, and a component without vat
// has none; in 2.3.0 a component without vat says nothing about it; 2.1.1 knows no
// VAT at all.
const (
	TaxExcluded      Tax = "excluded"       // 2.2.1
	TaxAddedOutside  Tax = "added_outside"  // 2.3.0 tax_included NO, and 2.1.1: without vat, the tax is unknown
	TaxIncluded      Tax = "included"       // 2.3.0 YES
	TaxNotApplicable Tax = "not_applicable" // 2.3.0 N/A
)

// Tariff is a tariff of any OCPI version.
type Tariff struct {
	CountryCode, PartyID, ID string
	Currency                 string // ISO 4217, upper case
	Type                     string // REGULAR, AD_HOC_PAYMENT, …; empty: not said
	Tax                      Tax
	MinPrice, MaxPrice       *Limit
	Elements                 []Element
	Start, End               time.Time // of its validity; zero: no bound; End is exclusive
	LastUpdated              time.Time
	AltText                  []string // tariff_alt_text, in the order of the document
}

// Limit is a minimum or maximum of a total. After is not set where it is not
// given.
type Limit struct {
	Before ocpi.Number `json:"before_taxes"`
	After  ocpi.Number `json:"after_taxes,omitzero"`
}

// Element is a group of components under one condition; Restrictions is nil
// where there is none.
type Element struct {
	Components   []Component
	Restrictions *Restrictions
}

// Component is the price of one dimension: per kWh, hour or session.
type Component struct {
	Type     Dimension
	Price    ocpi.Number
	VAT      ocpi.Number // percent; not set: see Tax
	StepSize int64       // Wh or s
}

// Restrictions must all be met (OCPI 2.2.1 §11.4.6). Empty texts, unset numbers and
// nil are no restriction.
type Restrictions struct {
	StartTime, EndTime       string // HH:MM, local
	StartDate, EndDate       string // YYYY-MM-DD, local
	MinKWh, MaxKWh           ocpi.Number
	MinCurrent, MaxCurrent   ocpi.Number // A, sum of the phases
	MinPower, MaxPower       ocpi.Number // kW
	MinDuration, MaxDuration *int64      // s since the start of the session
	DayOfWeek                []string    // MONDAY…
	Reservation              string      // RESERVATION, RESERVATION_EXPIRES
	Booking                  string      // BOOKING, BOOKING_EXPIRES, BOOKING_CANCELLATION_FEES, BOOKING_OVERTIME
}

// Session is what is priced: the facts of a CDR, or of a session that is still
// running.
type Session struct {
	Start, End time.Time
	// Currency must be that of the tariffs; empty is not compared.
	Currency string
	// Zone is the time zone of the location. Pricing without it is an error,
	// never UTC by silence.
	Zone    *time.Location
	Periods []Period
	// Expired says that this is a reservation that was not used: no charging
	// followed it. Booked says that it was made as a booking (2.3.0 with
	// bookings), Cancelled that the booking was cancelled.
	Expired, Booked, Cancelled bool
}

// Period is a charging period: volumes from Start to the start of the next one.
type Period struct {
	Start    time.Time
	TariffID string // empty: the first tariff that is valid at the session's start
	// Energy is in 10⁻⁹ kWh; negative when the vehicle fed it back.
	Energy int64
	// Seconds of charging, of standing without asking for power, of a
	// reservation, and, besides the first two, beyond the time that was booked.
	Time, Parking, Reservation, Overtime int64
	// Power in 10⁻⁶ kW and current in 10⁻⁶ A, where Has says so.
	MinPower, MaxPower, MinCurrent, MaxCurrent int64
	Has                                        Has
	// Index is the place in the document that this was read from.
	Index int
}

// Has says which facts a period holds.
type Has uint16

// The facts of a period that may be absent.
const (
	HasMinPower Has = 1 << iota
	HasMaxPower
	HasMinCurrent
	HasMaxCurrent
	HasEnergy
	HasTime
	HasParking
	HasReservation
	HasExpired // the reservation of the period was not used
	HasOvertime
)

// reserved reports whether the period belongs to the reservation part.
func (p *Period) reserved() bool {
	return p.Has&HasReservation != 0 && p.Energy == 0 && p.Time == 0 && p.Parking == 0 && p.Overtime == 0
}

// Claim is what a CDR itself says about its cost. Unknown amounts were not
// stated.
type Claim struct {
	Version                                ocpi.Version
	Total                                  Cost
	Energy, Time, Parking, Fixed, Reserved Cost
	// Credit says that the CDR takes another one back: its total is negative, the
	// rest is that of the other (OCPI 2.2.1 §10.1.2).
	Credit bool
}

// Cost is an amount before and after tax.
type Cost struct{ Excl, Incl Amount }

// CDR is a charge detail record as far as its price is concerned.
type CDR struct {
	ID      string
	Session Session
	Tariffs []Tariff // those that the CDR carries
	Claim   Claim
	Country string // of the location, ISO 3166 alpha-3; may be empty
}
