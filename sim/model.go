package sim

import (
	"time"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
)

// Operator is a charge point operator and what it has.
type Operator struct {
	Party   ocpi.PartyID
	Name    string
	Sites   []Site
	Tariffs []Tariff
	// Overcharge is a fault: bills above the tariff. The zero value is an honest
	// operator.
	Overcharge Overcharge
}

// Site is a charging site of one operator: an OCPI Location without its wire
// format. Package [github.com/eroam/eroam/sim/afdc] makes sites of real data.
type Site struct {
	ID         string
	Name       string
	Address    string
	City       string
	State      string
	PostalCode string
	Country    string // ISO 3166-1 alpha-3
	Lat, Lon   float64
	TimeZone   string // IANA name
	Public     bool   // false: not to be shown to drivers (Location.publish)
	Opening    Opening
	Kind       string // ParkingType of OCPI; empty when not known
	Facilities []string
	EVSEs      []EVSE
	Updated    time.Time
}

// Opening is when a site is open. With neither Always nor Hours nothing is
// known.
type Opening struct {
	Always bool
	Hours  []Hours
}

// Hours is one opening period of a weekday.
type Hours struct {
	Weekday    int    // 1 is Monday, 7 Sunday
	Begin, End string // "HH:MM", local time
}

// Status is the state of an EVSE (OCPI 2.2.1 §8.4.22).
type Status string

// The states a simulated EVSE takes.
const (
	Available   Status = "AVAILABLE"
	Blocked     Status = "BLOCKED"
	Charging    Status = "CHARGING"
	Inoperative Status = "INOPERATIVE"
	OutOfOrder  Status = "OUTOFORDER"
	Planned     Status = "PLANNED"
	Reserved    Status = "RESERVED"
)

// EVSE is a charge point that serves one vehicle at a time.
type EVSE struct {
	UID        string
	EVSEID     string
	Status     Status
	Remote     bool // can be started, stopped and reserved by command
	RFID       bool
	CreditCard bool
	Connectors []Connector
	Updated    time.Time
}

// Plug is a connector standard. Values are those of OCPI 2.3.0; the NACS plug
// is written as TESLA_S where the version knows no other name for it.
type Plug string

// The plugs of North America.
const (
	PlugJ1772    Plug = "IEC_62196_T1"
	PlugCCS1     Plug = "IEC_62196_T1_COMBO"
	PlugCHAdeMO  Plug = "CHADEMO"
	PlugNACS     Plug = "SAE_J3400"
	PlugNEMA515  Plug = "DOMESTIC_B"
	PlugNEMA520  Plug = "NEMA_5_20"
	PlugNEMA1450 Plug = "NEMA_14_50"
)

// Connector is one cable or socket of an EVSE.
type Connector struct {
	ID       string
	Plug     Plug
	Socket   bool // a socket; otherwise an attached cable
	DC       bool
	Volts    int
	Amps     int
	Watts    int
	TariffID string
	Updated  time.Time
}

// Dimension is what a price component charges for (OCPI 2.2.1 §11.4.5).
type Dimension string

// The dimensions.
const (
	Energy      Dimension = "ENERGY"       // per kWh
	Time        Dimension = "TIME"         // per hour of charging
	ParkingTime Dimension = "PARKING_TIME" // per hour connected without charging
	Flat        Dimension = "FLAT"         // once
)

// Component is one price of a tariff, before tax.
type Component struct {
	Dimension Dimension
	Price     decimal.Decimal
	StepSize  int // in Wh or seconds; 1 for FLAT
}

// Tariff is an unrestricted price: one element whose components always apply.
type Tariff struct {
	ID         string
	Currency   string
	Text       string // for people, in English; may be empty
	Components []Component
	TaxPercent decimal.Decimal // on top of every component; zero: no tax is stated
	Updated    time.Time
}

// Token is a driver's means of identification (OCPI 2.2.1 §12.3.2).
type Token struct {
	Issuer     ocpi.PartyID
	UID        string
	Type       string // RFID or APP_USER
	ContractID string
	Valid      bool
	IssuerName string
	Updated    time.Time
}
