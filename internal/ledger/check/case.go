package check

import (
	"time"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

// Case is a CDR with all that the hub knows about it. Nil and empty fields are
// "not known"; a check that needs one then says nothing, except where a comment
// states otherwise. Run changes nothing in it.
type Case struct {
	// CDR is from Read. Nil: the session has none yet, and only C26 runs, on
	// Session.
	CDR *CDR
	// Now is the time of receipt (C07, C24, C26).
	Now time.Time
	// Settings of the agreement between the two parties; nil: the defaults.
	Settings *Settings
	// Zone of the location (its time_zone). Nil: the one that Read was given, else,
	// where prices depend on it, that of a country with a single zone.
	Zone *time.Location

	// Sender is the party on whose behalf the CDR came in, Receiver the one it goes
	// to (C02). Zero: not compared.
	Sender, Receiver ocpi.PartyID
	// Agreement is what the two have agreed; nil: they have none (C02 refuses).
	Agreement *Agreement

	// Stored is the SHA-256 of the body that is stored under the same party and
	// folded id; nil: none is (C03). The same digest is no finding.
	Stored []byte
	// Others are accepted CDRs of the same CPO or the same eMSP that share the
	// session, or that share token or EVSE and lie near in time: for C04 those that
	// overlap [Start, End], for C27 those of the same token or EVSE in the hours
	// (identical repeats: days) before and after, as far as the caller has them.
	// Without refused ones, and without the one of the same id. Bound: 1,000 are
	// looked at.
	Others []Other
	// Original is the stored CDR of the same CPO that credit_reference_id names; nil:
	// there is none (C05).
	Original *Original

	// Session is the newest state of the Session object with the CDR's session_id
	// and CPO (C14, C26).
	Session *Object
	// Location is the Location object that holds the EVSE, newest state (C12, C15,
	// C25).
	Location *Object
	// Token is the Token object of the eMSP with the CDR's uid and type (C16).
	Token *Object
	// Auths are the authorisations that the hub saw for the token: answers ALLOWED
	// to real-time requests, and START_SESSION or RESERVE_NOW commands that were
	// accepted, by either the CDR's authorization_reference or the token, from the
	// day before Start up to End (C16). Bound: 1,000 are looked at.
	Auths []Authorization

	// AtStart are the versions that the hub had, at Start, of the CPO's tariffs that
	// CDR.TariffIDs names; where it names none, of those of the connector. Latest are
	// the versions of the same that the hub has now. Order does not matter.
	AtStart, Latest []TariffVersion

	// LastMeter is the meter_id of the newest earlier CDR of the EVSE that has one
	// (C21).
	LastMeter string
	// LastRegister is the reading with which the newest earlier CDR of the same
	// meter_id ended (C21).
	LastRegister *Register
	// MeterKey is the public key that is registered for the EVSE or its meter, "" where
	// none is (C22). Any form that ocmf.ParseKey reads.
	MeterKey string

	// Usual is what earlier CDRs of the CPO at connectors of this kind cost (C27).
	Usual *Usual
}

// Agreement is what a CPO and an eMSP have agreed.
type Agreement struct {
	From, Until time.Time // of its validity; zero: no bound; Until is exclusive
	Currency    string    // "" any
}

// Object is a stored object as its owner sent it: JSON that was checked when it
// came in. What is not JSON does no harm, and tells nothing that can be relied on.
type Object struct {
	Version ocpi.Version
	Body    []byte
}

// Other is another CDR that the ledger holds.
type Other struct {
	Party                ocpi.PartyID
	ID                   string
	Session, Token, EVSE string // folded; Token is ocpi.TokenKey; EVSE is evse_uid; "" none
	Start, End           time.Time
	Currency             string
	Net, Gross           int64 // minor units
	Energy               int64 // 10⁻⁹ kWh
	// Credit: it takes another one back. Credited: another one takes it back.
	Credit, Credited bool
	// Coordinates in degrees, where HasPlace.
	Latitude, Longitude float64
	HasPlace            bool
}

// Original is the CDR that a credit takes back.
type Original struct {
	CPO, EMSP ocpi.PartyID
	ID        string
	Currency  string
	Net       int64 // minor units
	Gross     int64
	Credit    bool   // it is itself a credit
	Credited  string // id of the credit that takes it back already; "" none
	Version   ocpi.Version
	Body      []byte // as received
}

// Authorization is one that went through the hub.
type Authorization struct {
	ID        string
	At        time.Time
	Reference string // authorization_reference; "" none
	Token     string // ocpi.TokenKey
	Contract  string // contract_id
	Location  string // location_id; "" not said
	Session   string
	Method    string // AUTH_REQUEST or COMMAND
}

// TariffVersion is a tariff as the hub received it once. Make Tariff by ReadTariff;
// it may be shared by any number of cases.
type TariffVersion struct {
	Tariff tariff.Tariff
	// List is Tariff, compiled by itself; nil: Run compiles it, which takes longer
	// than pricing. For a caller that keeps versions in memory.
	List     *tariff.PriceList
	Received time.Time
	Hash     string // identifies the body; copied into the report
	Deleted  bool   // the owner had deleted it
}

// Register is a meter reading.
type Register struct {
	Meter  string    `json:"meter,omitempty"` // the meter's own serial number, where it tells one
	Energy int64     `json:"energy"`          // 10⁻⁹ kWh
	At     time.Time `json:"at,omitzero"`
	CDR    string    `json:"cdr,omitempty"` // id of the CDR that it is from
}

// Usual is a running statistic: net cost per kWh, in the currency, not minor units.
// Count is of all CDRs, Mean and Deviation are mostly of the newest.
type Usual struct {
	Count           int
	Mean, Deviation float64
}

// ReadTariff reads a Tariff object of an OCPI version. The error is a
// *tariff.Error.
func ReadTariff(v ocpi.Version, body []byte) (tariff.Tariff, error) {
	list, _, err := tariff.ParseTariffs(v, body)
	if err != nil {
		return tariff.Tariff{}, err
	}
	if len(list) != 1 {
		return tariff.Tariff{}, &tariff.Error{Code: "json", Message: "must be one tariff"}
	}
	return list[0], nil
}
