package ocmf

import "time"

// Bounds of a record.
const (
	MaxRecord   = 256 << 10 // bytes
	MaxReadings = 4096
)

// Record is one signed set of readings: OCMF|payload|signature.
type Record struct {
	// Payload is the signed section, byte for byte as it came.
	Payload []byte
	// Signature is the section after it.
	Signature Signature

	Version    string // FV
	Gateway    string // GS, serial number of the gateway
	Meter      string // MS, serial number of the meter
	Context    byte   // PG: 'T' transaction, 'F' fiscal; 0 where PG is missing or unreadable
	Page       uint64 // PG: number within the context
	Identified bool   // IS
	IDType, ID string // IT, ID
	EVSEType   string // CT: EVSEID or CBIDC
	EVSE       string // CI
	Tariff     string // TT
	Readings   []Reading
	pagination string // PG as spelled
}

// Signature is the signature section; members that are missing have their
// defaults.
type Signature struct {
	Algorithm string // SA; ECDSA-secp256r1-SHA256 by default
	Encoding  string // SE; hex by default
	MIME      string // SM; application/x-der by default
	Data      string // SD
}

// Reading is one reading of one register. What was left out has the value of
// the reading before, as the format wants.
type Reading struct {
	Time     time.Time // TM; zero where it is missing or unreadable
	Clock    byte      // TM: 'U' unknown, 'I' informative, 'S' synchronised, 'R' relative; 0 none
	Reason   byte      // TX: B C X E L R A P S T; 0 none
	Register string    // RI, OBIS code
	Unit     string    // RU
	Current  string    // RT: AC, DC
	Value    string    // RV as spelled; "" where there is none
	// Energy is Value in 10⁻⁹ kWh, exact; Exact is false where the unit is none of
	// energy or the value is none that fits.
	Energy int64
	Exact  bool
	Loss   string // CL as spelled; "" none. It is not taken from the reading before
	Errors string // EF: E energy, t time no longer usable
	Status string // ST: G is good
	time   string // TM as spelled
}
