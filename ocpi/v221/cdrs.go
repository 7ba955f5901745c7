package v221

import "github.com/eroam/eroam/ocpi"

// CDR is the bill of one finished session (§10.3.1). Energy in kWh, times in
// hours, costs in Currency.
type CDR struct {
	CountryCode              string           `json:"country_code" ocpi:"CountryCode"`
	PartyID                  string           `json:"party_id" ocpi:"PartyID"`
	ID                       string           `json:"id" ocpi:"CiString(39)"`
	StartDateTime            ocpi.DateTime    `json:"start_date_time"`
	EndDateTime              ocpi.DateTime    `json:"end_date_time"`
	SessionID                string           `json:"session_id,omitzero" ocpi:"CiString(36)"`
	CdrToken                 CdrToken         `json:"cdr_token"`
	AuthMethod               AuthMethod       `json:"auth_method"`
	AuthorizationReference   string           `json:"authorization_reference,omitzero" ocpi:"CiString(36)"`
	CdrLocation              CdrLocation      `json:"cdr_location"`
	MeterID                  string           `json:"meter_id,omitzero" ocpi:"string(255)"`
	Currency                 string           `json:"currency" ocpi:"Currency"`
	Tariffs                  []Tariff         `json:"tariffs,omitzero"`
	ChargingPeriods          []ChargingPeriod `json:"charging_periods"`
	SignedData               *SignedData      `json:"signed_data,omitzero"`
	TotalCost                Price            `json:"total_cost"`
	TotalFixedCost           *Price           `json:"total_fixed_cost,omitzero"`
	TotalEnergy              ocpi.Number      `json:"total_energy"`
	TotalEnergyCost          *Price           `json:"total_energy_cost,omitzero"`
	TotalTime                ocpi.Number      `json:"total_time"`
	TotalTimeCost            *Price           `json:"total_time_cost,omitzero"`
	TotalParkingTime         ocpi.Number      `json:"total_parking_time,omitzero"`
	TotalParkingCost         *Price           `json:"total_parking_cost,omitzero"`
	TotalReservationCost     *Price           `json:"total_reservation_cost,omitzero"`
	Remark                   string           `json:"remark,omitzero" ocpi:"string(255)"`
	InvoiceReferenceID       string           `json:"invoice_reference_id,omitzero" ocpi:"CiString(39)"`
	Credit                   bool             `json:"credit,omitzero"`
	CreditReferenceID        string           `json:"credit_reference_id,omitzero" ocpi:"CiString(39)"`
	HomeChargingCompensation bool             `json:"home_charging_compensation,omitzero"`
	LastUpdated              ocpi.DateTime    `json:"last_updated"`
}

// AuthMethod is how a session was authorised (§10.4.1).
type AuthMethod string

// The values of AuthMethod.
const (
	AuthRequest   AuthMethod = "AUTH_REQUEST"
	AuthCommand   AuthMethod = "COMMAND"
	AuthWhitelist AuthMethod = "WHITELIST"
)

// Values lists the closed enum.
func (AuthMethod) Values() []string { return []string{"AUTH_REQUEST", "COMMAND", "WHITELIST"} }

// CdrToken is the token a session was started with (§10.4.5). Country code and
// party id are those of the eMSP.
type CdrToken struct {
	CountryCode string    `json:"country_code" ocpi:"CountryCode"`
	PartyID     string    `json:"party_id" ocpi:"PartyID"`
	UID         string    `json:"uid" ocpi:"CiString(36)"`
	Type        TokenType `json:"type"`
	ContractID  string    `json:"contract_id" ocpi:"CiString(36)"`
}

// CdrLocation is the part of a Location that matters for a bill (§10.4.4). The
// address may be as long as that of the Location it is copied from (255), not
// only the 45 characters that the specification still says here.
type CdrLocation struct {
	ID                 string          `json:"id" ocpi:"CiString(36)"`
	Name               string          `json:"name,omitzero" ocpi:"string(255)"`
	Address            string          `json:"address" ocpi:"string(255)"`
	City               string          `json:"city" ocpi:"string(45)"`
	PostalCode         string          `json:"postal_code,omitzero" ocpi:"string(10)"`
	State              string          `json:"state,omitzero" ocpi:"string(45)"`
	Country            string          `json:"country" ocpi:"Country"`
	Coordinates        GeoLocation     `json:"coordinates"`
	EVSEUID            string          `json:"evse_uid" ocpi:"CiString(36)"`
	EVSEID             string          `json:"evse_id" ocpi:"CiString(48)"`
	ConnectorID        string          `json:"connector_id" ocpi:"CiString(36)"`
	ConnectorStandard  ConnectorType   `json:"connector_standard"`
	ConnectorFormat    ConnectorFormat `json:"connector_format"`
	ConnectorPowerType PowerType       `json:"connector_power_type"`
}

// ChargingPeriod begins when something about a session changes and lasts until
// the next one (§10.4.6).
type ChargingPeriod struct {
	StartDateTime ocpi.DateTime  `json:"start_date_time"`
	Dimensions    []CdrDimension `json:"dimensions"`
	TariffID      string         `json:"tariff_id,omitzero" ocpi:"CiString(36)"`
}

// CdrDimension is one measured value of a period (§10.4.2).
type CdrDimension struct {
	Type   CdrDimensionType `json:"type"`
	Volume ocpi.Number      `json:"volume"`
}

// CdrDimensionType says what was measured, and so in which unit (§10.4.3).
type CdrDimensionType string

// The values of CdrDimensionType that prices refer to: kWh and hours.
const (
	DimensionEnergy          CdrDimensionType = "ENERGY"
	DimensionTime            CdrDimensionType = "TIME"
	DimensionParkingTime     CdrDimensionType = "PARKING_TIME"
	DimensionReservationTime CdrDimensionType = "RESERVATION_TIME"
)

// Values lists the closed enum; the last two come from the bookings module.
func (CdrDimensionType) Values() []string {
	return []string{
		"CURRENT", "ENERGY", "ENERGY_EXPORT", "ENERGY_IMPORT", "MAX_CURRENT", "MIN_CURRENT", "MAX_POWER", "MIN_POWER",
		"PARKING_TIME", "POWER", "RESERVATION_TIME", "STATE_OF_CHARGE", "TIME", "RESERVATION_EXPIRES", "RESERVATION_OVERTIME",
	}
}

// SignedData is what a meter signed (§10.4.7).
type SignedData struct {
	EncodingMethod        string        `json:"encoding_method" ocpi:"CiString(36)"`
	EncodingMethodVersion int           `json:"encoding_method_version,omitzero"`
	PublicKey             string        `json:"public_key,omitzero" ocpi:"string(512)"`
	SignedValues          []SignedValue `json:"signed_values"`
	URL                   string        `json:"url,omitzero" ocpi:"string(512)"`
}

// SignedValue is one signed reading (§10.4.8).
type SignedValue struct {
	Nature     string `json:"nature" ocpi:"CiString(32)"`
	PlainData  string `json:"plain_data" ocpi:"Text(5000)"`
	SignedData string `json:"signed_data" ocpi:"Text(5000)"`
}
