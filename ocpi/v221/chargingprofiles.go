package v221

import "github.com/eroam/eroam/ocpi"

// SetChargingProfile is the body of PUT /{session_id} (§14.5.5).
type SetChargingProfile struct {
	ChargingProfile ChargingProfile `json:"charging_profile"`
	ResponseURL     string          `json:"response_url" ocpi:"URL"`
}

// ChargingProfile limits the charging rate over time (§14.6.3). Duration in
// seconds.
type ChargingProfile struct {
	StartDateTime         ocpi.DateTime           `json:"start_date_time,omitzero"`
	Duration              int                     `json:"duration,omitzero"`
	ChargingRateUnit      ChargingRateUnit        `json:"charging_rate_unit"`
	MinChargingRate       ocpi.Number             `json:"min_charging_rate,omitzero"`
	ChargingProfilePeriod []ChargingProfilePeriod `json:"charging_profile_period,omitzero"`
}

// ChargingProfilePeriod is one step, in seconds from the start (§14.6.4).
type ChargingProfilePeriod struct {
	StartPeriod int         `json:"start_period"`
	Limit       ocpi.Number `json:"limit"`
}

// ChargingRateUnit is W or A (§14.6.2).
type ChargingRateUnit string

// Values lists the closed enum.
func (ChargingRateUnit) Values() []string { return []string{"W", "A"} }

// ActiveChargingProfile is the profile a charge point follows (§14.6.1).
type ActiveChargingProfile struct {
	StartDateTime   ocpi.DateTime   `json:"start_date_time"`
	ChargingProfile ChargingProfile `json:"charging_profile"`
}

// ChargingProfileResponse is the immediate answer (§14.5.1). Timeout in seconds.
type ChargingProfileResponse struct {
	Result  ChargingProfileResponseType `json:"result"`
	Timeout int                         `json:"timeout"`
}

// ChargingProfileResponseType is the result in a ChargingProfileResponse
// (§14.6.5).
type ChargingProfileResponseType string

// Values lists the closed enum.
func (ChargingProfileResponseType) Values() []string {
	return []string{"ACCEPTED", "NOT_SUPPORTED", "REJECTED", "TOO_OFTEN", "UNKNOWN_SESSION"}
}

// ActiveChargingProfileResult answers a GET at the response_url (§14.5.2).
type ActiveChargingProfileResult struct {
	Result  ChargingProfileResultType `json:"result"`
	Profile *ActiveChargingProfile    `json:"profile,omitzero"`
}

// ChargingProfileResult answers a PUT at the response_url, ClearProfileResult a
// DELETE (§14.5.3, §14.5.4).
type ChargingProfileResult struct {
	Result ChargingProfileResultType `json:"result"`
}

// ChargingProfileResultType is the result of an operation (§14.6.6).
type ChargingProfileResultType string

// Values lists the closed enum.
func (ChargingProfileResultType) Values() []string {
	return []string{"ACCEPTED", "REJECTED", "UNKNOWN"}
}
