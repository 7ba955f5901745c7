package v221

import "github.com/eroam/eroam/ocpi"

// StartSession is the body of START_SESSION (§13.3.5).
type StartSession struct {
	ResponseURL            string `json:"response_url" ocpi:"URL"`
	Token                  Token  `json:"token"`
	LocationID             string `json:"location_id" ocpi:"CiString(36)"`
	EVSEUID                string `json:"evse_uid,omitzero" ocpi:"CiString(36)"`
	ConnectorID            string `json:"connector_id,omitzero" ocpi:"CiString(36)"`
	AuthorizationReference string `json:"authorization_reference,omitzero" ocpi:"CiString(36)"`
}

// StopSession is the body of STOP_SESSION (§13.3.6).
type StopSession struct {
	ResponseURL string `json:"response_url" ocpi:"URL"`
	SessionID   string `json:"session_id" ocpi:"CiString(36)"`
}

// ReserveNow is the body of RESERVE_NOW (§13.3.4).
type ReserveNow struct {
	ResponseURL            string        `json:"response_url" ocpi:"URL"`
	Token                  Token         `json:"token"`
	ExpiryDate             ocpi.DateTime `json:"expiry_date"`
	ReservationID          string        `json:"reservation_id" ocpi:"CiString(36)"`
	LocationID             string        `json:"location_id" ocpi:"CiString(36)"`
	EVSEUID                string        `json:"evse_uid,omitzero" ocpi:"CiString(36)"`
	AuthorizationReference string        `json:"authorization_reference,omitzero" ocpi:"CiString(36)"`
}

// CancelReservation is the body of CANCEL_RESERVATION (§13.3.1).
type CancelReservation struct {
	ResponseURL   string `json:"response_url" ocpi:"URL"`
	ReservationID string `json:"reservation_id" ocpi:"CiString(36)"`
}

// UnlockConnector is the body of UNLOCK_CONNECTOR (§13.3.7).
type UnlockConnector struct {
	ResponseURL string `json:"response_url" ocpi:"URL"`
	LocationID  string `json:"location_id" ocpi:"CiString(36)"`
	EVSEUID     string `json:"evse_uid" ocpi:"CiString(36)"`
	ConnectorID string `json:"connector_id" ocpi:"CiString(36)"`
}

// CommandResponse is the immediate answer to a command (§13.3.2). Timeout in
// seconds.
type CommandResponse struct {
	Result  CommandResponseType `json:"result"`
	Timeout int                 `json:"timeout"`
	Message []DisplayText       `json:"message,omitzero"`
}

// CommandResult is what the charge point did, sent to the response_url
// (§13.3.3).
type CommandResult struct {
	Result  CommandResultType `json:"result"`
	Message []DisplayText     `json:"message,omitzero"`
}

// CommandResponseType is the result in a CommandResponse (§13.4.1).
type CommandResponseType string

// The values of CommandResponseType.
const (
	ResponseNotSupported   CommandResponseType = "NOT_SUPPORTED"
	ResponseRejected       CommandResponseType = "REJECTED"
	ResponseAccepted       CommandResponseType = "ACCEPTED"
	ResponseUnknownSession CommandResponseType = "UNKNOWN_SESSION"
)

// Values lists the closed enum.
func (CommandResponseType) Values() []string {
	return []string{"NOT_SUPPORTED", "REJECTED", "ACCEPTED", "UNKNOWN_SESSION"}
}

// CommandResultType is the result in a CommandResult (§13.4.2).
type CommandResultType string

// Values of CommandResultType that simulators use.
const (
	ResultAccepted            CommandResultType = "ACCEPTED"
	ResultCanceledReservation CommandResultType = "CANCELED_RESERVATION"
	ResultEVSEOccupied        CommandResultType = "EVSE_OCCUPIED"
	ResultFailed              CommandResultType = "FAILED"
	ResultRejected            CommandResultType = "REJECTED"
	ResultTimeout             CommandResultType = "TIMEOUT"
)

// Values lists the closed enum.
func (CommandResultType) Values() []string {
	return []string{"ACCEPTED", "CANCELED_RESERVATION", "EVSE_OCCUPIED", "EVSE_INOPERATIVE", "FAILED", "NOT_SUPPORTED", "REJECTED", "TIMEOUT", "UNKNOWN_RESERVATION"}
}

// CommandType is the last segment of a command's URL (§13.4.3), open in 2.3.0.
type CommandType string

// The commands.
const (
	CommandCancelReservation CommandType = "CANCEL_RESERVATION"
	CommandReserveNow        CommandType = "RESERVE_NOW"
	CommandStartSession      CommandType = "START_SESSION"
	CommandStopSession       CommandType = "STOP_SESSION"
	CommandUnlockConnector   CommandType = "UNLOCK_CONNECTOR"
)

// Defined reports whether 2.2.1 defines the value.
func (c CommandType) Defined() bool {
	switch c {
	case CommandCancelReservation, CommandReserveNow, CommandStartSession, CommandStopSession, CommandUnlockConnector:
		return true
	}
	return false
}
