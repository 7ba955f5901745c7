package v221

import "github.com/eroam/eroam/ocpi"

// Session is one charging session while it runs and after (§9.3.1). Energy in
// kWh.
type Session struct {
	CountryCode            string           `json:"country_code" ocpi:"CountryCode"`
	PartyID                string           `json:"party_id" ocpi:"PartyID"`
	ID                     string           `json:"id" ocpi:"CiString(36)"`
	StartDateTime          ocpi.DateTime    `json:"start_date_time"`
	EndDateTime            ocpi.DateTime    `json:"end_date_time,omitzero"`
	KWh                    ocpi.Number      `json:"kwh"`
	CdrToken               CdrToken         `json:"cdr_token"`
	AuthMethod             AuthMethod       `json:"auth_method"`
	AuthorizationReference string           `json:"authorization_reference,omitzero" ocpi:"CiString(36)"`
	LocationID             string           `json:"location_id" ocpi:"CiString(36)"`
	EVSEUID                string           `json:"evse_uid" ocpi:"CiString(36)"`
	ConnectorID            string           `json:"connector_id" ocpi:"CiString(36)"`
	MeterID                string           `json:"meter_id,omitzero" ocpi:"string(255)"`
	Currency               string           `json:"currency" ocpi:"Currency"`
	ChargingPeriods        []ChargingPeriod `json:"charging_periods,omitzero"`
	TotalCost              *Price           `json:"total_cost,omitzero"`
	Status                 SessionStatus    `json:"status"`
	LastUpdated            ocpi.DateTime    `json:"last_updated"`
}

// SessionStatus is the state of a session (§9.4.3).
type SessionStatus string

// The values of SessionStatus.
const (
	SessionActive      SessionStatus = "ACTIVE"
	SessionCompleted   SessionStatus = "COMPLETED"
	SessionInvalid     SessionStatus = "INVALID"
	SessionPending     SessionStatus = "PENDING"
	SessionReservation SessionStatus = "RESERVATION"
)

// Values lists the closed enum.
func (SessionStatus) Values() []string {
	return []string{"ACTIVE", "COMPLETED", "INVALID", "PENDING", "RESERVATION"}
}

// ChargingPreferences is what a driver wishes for a session (§9.3.2). Energy in
// kWh.
type ChargingPreferences struct {
	ProfileType      ProfileType   `json:"profile_type"`
	DepartureTime    ocpi.DateTime `json:"departure_time,omitzero"`
	EnergyNeed       ocpi.Number   `json:"energy_need,omitzero"`
	DischargeAllowed *bool         `json:"discharge_allowed,omitzero"`
}

// ChargingPreferencesResponse is the data of the answer (§9.4.1).
type ChargingPreferencesResponse string

// Values lists the closed enum.
func (ChargingPreferencesResponse) Values() []string {
	return []string{"ACCEPTED", "DEPARTURE_REQUIRED", "ENERGY_NEED_REQUIRED", "NOT_POSSIBLE", "PROFILE_TYPE_NOT_SUPPORTED"}
}

// ProfileType is a smart charging preference (§9.4.2).
type ProfileType string

// Values lists the closed enum.
func (ProfileType) Values() []string { return []string{"CHEAP", "FAST", "GREEN", "REGULAR"} }
