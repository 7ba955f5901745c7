package check

import (
	"crypto/sha256"
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
	"github.com/eroam/eroam/tariff"
)

// CDR is what is read of a charge detail record of OCPI 2.2.1 or 2.3.0. Ids are
// as the sender spells them; a Key is the folded form, under which two spellings
// are equal.
type CDR struct {
	Version ocpi.Version
	Body    []byte   // as received
	Digest  [32]byte // SHA-256 of Body

	Party     ocpi.PartyID // country_code and party_id: the CPO
	ID, Key   string
	Session   string // session_id; "" none
	SessionID string // folded
	Token     Token
	Method    string // auth_method
	Reference string // authorization_reference
	Place     Place
	Meter     string // meter_id
	Booking   string // booking_id

	Start, End, Updated time.Time
	Currency            string // upper case
	// Net and Gross are total_cost in minor units of the currency, rounded half
	// away from zero. Gross equals Net where the CDR does not tell the tax: TaxKnown
	// is false then.
	Net, Gross int64
	TaxKnown   bool
	Energy     int64         // total_energy, 10⁻⁹ kWh
	Time       time.Duration // total_time
	Parking    time.Duration // total_parking_time
	HasParking bool

	Credit    bool
	CreditOf  string // credit_reference_id
	CreditKey string // folded
	Home      bool   // home_charging_compensation
	Signed    *v221.SignedData

	// Tariff is the CDR as far as its price is concerned: periods, the tariffs it
	// carries, its claims. It is empty when the CDR ends before it starts, which
	// nothing can be priced from.
	Tariff tariff.CDR
	// TariffIDs are the folded ids that its tariffs and periods name, without
	// repetition, in the order of the document.
	TariffIDs []string
	// Sums over the charging periods.
	SumEnergy                               int64 // 10⁻⁹ kWh
	SumTime, SumParking, SumReservation     time.Duration
	hasEnergy, hasTime, hasParking, hasHeld bool

	taxes       []tax // of total_cost, OCPI 2.3.0
	beforeTaxes ocpi.Number
}

// Token is the token of a CDR. Party is the eMSP.
type Token struct {
	Party               ocpi.PartyID
	UID, Type, Contract string
	Key                 string // ocpi.TokenKey
}

// Place is the location, EVSE and connector of a CDR.
type Place struct {
	Location, LocationKey       string
	Name, Address, City         string
	PostalCode, State           string
	Country                     string // ISO 3166-1 alpha-3
	Latitude, Longitude         float64
	EVSE, EVSEKey               string // evse_uid
	EVSEID                      string // as people read it
	Connector                   string
	Standard, Format, PowerType string
}

// tax is one tax of a price.
type tax struct {
	Name       string      `json:"name"`
	Percentage ocpi.Number `json:"percentage"`
	Amount     ocpi.Number `json:"amount"`
}

// Read reads a CDR. Zone is the time zone of the location; nil leaves it open, and
// Case.Zone can tell it later. The error is an *ocpi.Error with status 2001 that names the field: what
// gives one can never be billed. What can be read and is wrong is for [Run]. Body
// is kept, not copied.
func Read(v ocpi.Version, body []byte, zone *time.Location) (*CDR, error) {
	return new(Reader).Read(v, body, zone)
}

// Reader reads CDRs that have the same tariffs faster, see [tariff.CDRReader]. The
// zero value is ready. Its methods may be called by any number of goroutines.
type Reader struct{ tariffs tariff.CDRReader }

// Read is the function Read.
func (r *Reader) Read(v ocpi.Version, body []byte, zone *time.Location) (*CDR, error) {
	c := &CDR{Version: v, Body: body, Digest: sha256.Sum256(body)}
	if err := c.read(&r.tariffs, zone); err != nil {
		return nil, err
	}
	return c, nil
}
