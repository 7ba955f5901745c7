package v230

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
