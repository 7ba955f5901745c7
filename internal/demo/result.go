package demo

import (
	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/sim"
	"github.com/eroam/eroam/sim/afdc"
)

// Result is what came of a run.
type Result struct {
	OK         bool    `json:"ok"`
	Seed       uint64  `json:"seed"`
	Parties    int     `json:"parties"`
	Platforms  int     `json:"platforms"`
	Locations  int     `json:"locations"` // published
	EVSEs      int     `json:"evses"`
	Tariffs    int     `json:"tariffs"`
	Tokens     int     `json:"tokens"`
	Drivers    int     `json:"drivers"`
	Refused    int     `json:"refused"` // drivers who were refused or gave up, as they should
	Sessions   int     `json:"sessions"`
	CDRs       int     `json:"cdrs"`       // different ones, at all providers
	Mismatches int     `json:"mismatches"` // what providers found wrong, and what differs between the ends
	Failures   int     `json:"failures"`   // what did not work
	EnergyKWh  Decimal `json:"energy_kwh"`
	Money      []Money `json:"money"` // of all CDRs, by currency

	// The time that the hub adds to a forwarded request, in ms: measured by the
	// simulators from outside, and as the hub's own metrics have it.
	RelayP50 float64 `json:"relay_p50_ms"`
	RelayP99 float64 `json:"relay_p99_ms"`
	Relayed  int     `json:"relayed"` // requests that were measured
	HubP50   float64 `json:"hub_p50_ms"`
	HubP99   float64 `json:"hub_p99_ms"`

	DurationS float64 `json:"duration_s"`

	StationsByEMSP    map[string]int  `json:"stations_by_emsp"`
	SessionsByEMSP    map[string]int  `json:"sessions_by_emsp"`
	SessionsByNetwork map[string]int  `json:"sessions_by_network"`
	Networks          []NetworkResult `json:"networks"`
	EMSPs             []EMSPResult    `json:"emsps"`
	Import            afdc.Report     `json:"import"`
	Oddities          []afdc.Finding  `json:"import_oddities"`
	Problems          []string        `json:"problems"` // the first of mismatches and failures
	Outage            *Outage         `json:"outage,omitzero"`
	Ledger            LedgerResult    `json:"ledger"`
}

// Decimal is a decimal that is written as a JSON number.
type Decimal struct{ decimal.Decimal }

// MarshalJSON writes the number.
func (d Decimal) MarshalJSON() ([]byte, error) { return []byte(d.String()), nil }

func (d *Decimal) plus(x decimal.Decimal) { d.Decimal = plus(d.Decimal, x) }

// Money is an amount of one currency before and after tax.
type Money struct {
	Currency string  `json:"currency"`
	Net      Decimal `json:"net"`
	Gross    Decimal `json:"gross"`
}

// NetworkResult is one operator.
type NetworkResult struct {
	Party    ocpi.PartyID   `json:"party"`
	Name     string         `json:"name"`
	Platform string         `json:"platform"`
	Version  ocpi.Version   `json:"version"`
	Sites    int            `json:"sites"`
	EVSEs    int            `json:"evses"`
	Sessions int            `json:"sessions"`
	CDRs     int            `json:"cdrs"` // acknowledged
	Energy   Decimal        `json:"energy_kwh"`
	Gross    Decimal        `json:"gross"`
	ByEMSP   map[string]int `json:"sessions_by_emsp"`
}

// EMSPResult is one provider.
type EMSPResult struct {
	Party      ocpi.PartyID `json:"party"`
	Name       string       `json:"name"`
	Version    ocpi.Version `json:"version"`
	Received   sim.Received `json:"received"`
	Energy     Decimal      `json:"energy_kwh"`
	Gross      Decimal      `json:"gross"`
	Mismatches int          `json:"mismatches"`
}

// Outage is what was seen of the hub's death and return.
type Outage struct {
	AwayS            float64 `json:"away_s"`
	CommandsAnswered int     `json:"commands_answered"` // accepted before, answered after
	StatusChanges    int     `json:"status_changes"`    // published meanwhile
	LostAnswers      int     `json:"lost_answers"`      // drivers who did not learn what came of their command
}
