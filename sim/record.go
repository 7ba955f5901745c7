package sim

import (
	"time"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/ocpi"
)

// TokenRef names the token that a session was started with.
type TokenRef struct {
	Issuer     ocpi.PartyID
	UID        string
	Type       string
	ContractID string
}

// Session is a charging session as its operator reports it.
type Session struct {
	Operator               ocpi.PartyID
	ID                     string
	Start, End             time.Time // End is zero while it runs
	Energy                 decimal.Decimal
	Token                  TokenRef
	AuthMethod             string
	AuthorizationReference string
	LocationID             string
	EVSEUID                string
	ConnectorID            string
	Currency               string
	Periods                []Period
	Cost                   *Amount
	Status                 string
	Updated                time.Time
}

// The states of a session that are used here.
const (
	SessionActive    = "ACTIVE"
	SessionCompleted = "COMPLETED"
)

// Period is what was used from Start to the next period: kWh and hours.
type Period struct {
	Start    time.Time
	Usage    Usage
	TariffID string
}

// CDR is the bill of a session.
type CDR struct {
	Operator               ocpi.PartyID
	ID                     string
	SessionID              string
	Start, End             time.Time
	Token                  TokenRef
	AuthMethod             string
	AuthorizationReference string
	Site                   Site // with the one EVSE and connector that was used
	Currency               string
	Tariffs                []Tariff
	Periods                []Period
	Usage                  Usage
	Cost                   Cost
	Updated                time.Time
}
