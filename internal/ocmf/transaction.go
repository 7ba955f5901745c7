package ocmf

import "time"

// Code names a kind of problem for ever.
type Code string

// The codes.
const (
	BeginMissing      Code = "begin_missing"       // the first reading of a register is not TX B
	EndMissing        Code = "end_missing"         // the last reading is none of E, L, R, A, P
	OrderWrong        Code = "order_wrong"         // B or an end stands in the middle; times run backwards
	MeterDiffers      Code = "meter_differs"       // MS or GS change or are both missing
	RegisterDiffers   Code = "register_differs"    // RI or RU of the records do not match
	PaginationWrong   Code = "pagination_wrong"    // not in context T, or numbers not consecutive
	StatusBad         Code = "status_bad"          // ST is not G
	ErrorFlagged      Code = "error_flagged"       // EF is not empty
	Exception         Code = "exception"           // a reading with TX X
	Suspended         Code = "suspended"           // a reading with TX S, and time is billed
	ClockUnfit        Code = "clock_unfit"         // TM is neither S nor R, and time is billed
	TimeUnreadable    Code = "time_unreadable"     // TM is missing or not as the format wants
	ValueUnreadable   Code = "value_unreadable"    // RV or RU missing, or not an energy of at most 9 decimals of kWh
	ValueDecreases    Code = "value_decreases"     // RV of a register runs backwards
	IDMissing         Code = "id_missing"          // the driver is not identified
	IDDiffers         Code = "id_differs"          // ID is not the token
	EVSEDiffers       Code = "evse_differs"        // CI is not the EVSE
	LossWrong         Code = "loss_wrong"          // CL is not 0 at B, or runs backwards
	BeginDiffers      Code = "begin_differs"       // two records tell the begin differently
	EndDiffers        Code = "end_differs"         // two records tell the end differently
	PlainDiffers      Code = "plain_differs"       // plain_data is not what was signed
	NatureDiffers     Code = "nature_differs"      // nature and TX contradict each other, or Start or End is missing
	RecordUnreadable  Code = "record_unreadable"   // a signed value is not a record
	EncodingUnknown   Code = "encoding_unknown"    // encoding_method is none that OCPI names
	EncodingForeign   Code = "encoding_foreign"    // encoding_method is known, but cannot be read here
	KnownKeyUnusable  Code = "known_key_unusable"  // the EVSE's known key is not readable
	EnclosedKeyOther  Code = "enclosed_key_other"  // the enclosed key is not the known one
	EnclosedKeyBroken Code = "enclosed_key_broken" // the enclosed key is not readable
)

// Problem is one thing wrong with signed data.
type Problem struct {
	Code    Code   `json:"code"`
	Message string `json:"message"` // a sentence with the values
}

// Expected is what a CDR claims; empty lists, and empty texts in them, are not
// compared.
type Expected struct {
	Tokens     []string // the token's uid, contract id, …: ID must equal one of them, letter case and separators aside
	EVSEs      []string // the EVSE's uid and evse_id: CI must equal one of them where CT is EVSEID
	TimeBilled bool     // the price depends on time: the clock must be fit, and no TX S
}

// Transaction is what the records of one charging session say.
type Transaction struct {
	Meter, Gateway string // MS, GS
	IDType, ID     string // IT, ID
	EVSE           string // CI
	Start, End     time.Time
	// StartEnergy and EndEnergy are the first register's that counts energy, in
	// 10⁻⁹ kWh.
	StartEnergy, EndEnergy int64
	HasEnergy              bool   // both are known
	Register, Unit         string // RI and RU of that register
	Registers              []Register
}

// Register is what one register (RI, RU) counted.
type Register struct {
	ID         string // RI, OBIS code
	Unit       string // RU
	Start, End time.Time
	// StartEnergy and EndEnergy are in 10⁻⁹ kWh.
	StartEnergy, EndEnergy int64
	HasEnergy              bool // begin and end are there and exact
}
