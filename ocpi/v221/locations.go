package v221

import "github.com/eroam/eroam/ocpi"

// Location is a place with EVSEs (§8.3.1).
type Location struct {
	CountryCode        string                  `json:"country_code" ocpi:"CountryCode"`
	PartyID            string                  `json:"party_id" ocpi:"PartyID"`
	ID                 string                  `json:"id" ocpi:"CiString(36)"`
	Publish            bool                    `json:"publish"`
	PublishAllowedTo   []PublishTokenType      `json:"publish_allowed_to,omitzero"`
	Name               string                  `json:"name,omitzero" ocpi:"string(255)"`
	Address            string                  `json:"address" ocpi:"string(255)"`
	City               string                  `json:"city" ocpi:"string(45)"`
	PostalCode         string                  `json:"postal_code,omitzero" ocpi:"string(10)"`
	State              string                  `json:"state,omitzero" ocpi:"string(45)"`
	Country            string                  `json:"country" ocpi:"Country"`
	Coordinates        GeoLocation             `json:"coordinates"`
	RelatedLocations   []AdditionalGeoLocation `json:"related_locations,omitzero"`
	ParkingType        ParkingType             `json:"parking_type,omitzero"`
	EVSEs              []EVSE                  `json:"evses,omitzero"`
	Directions         []DisplayText           `json:"directions,omitzero"`
	Operator           *BusinessDetails        `json:"operator,omitzero"`
	Suboperator        *BusinessDetails        `json:"suboperator,omitzero"`
	Owner              *BusinessDetails        `json:"owner,omitzero"`
	Facilities         []Facility              `json:"facilities,omitzero"`
	TimeZone           string                  `json:"time_zone" ocpi:"TimeZone"`
	OpeningTimes       *Hours                  `json:"opening_times,omitzero"`
	ChargingWhenClosed *bool                   `json:"charging_when_closed,omitzero"`
	Images             []Image                 `json:"images,omitzero"`
	EnergyMix          *EnergyMix              `json:"energy_mix,omitzero"`
	LastUpdated        ocpi.DateTime           `json:"last_updated"`
}

// EVSE charges one vehicle at a time (§8.3.2).
type EVSE struct {
	UID                 string               `json:"uid" ocpi:"CiString(36)"`
	EVSEID              string               `json:"evse_id,omitzero" ocpi:"CiString(48)"`
	Status              Status               `json:"status"`
	StatusSchedule      []StatusSchedule     `json:"status_schedule,omitzero"`
	Capabilities        []Capability         `json:"capabilities,omitzero"`
	Connectors          []Connector          `json:"connectors"`
	FloorLevel          string               `json:"floor_level,omitzero" ocpi:"string(4)"`
	Coordinates         *GeoLocation         `json:"coordinates,omitzero"`
	PhysicalReference   string               `json:"physical_reference,omitzero" ocpi:"string(16)"`
	Directions          []DisplayText        `json:"directions,omitzero"`
	ParkingRestrictions []ParkingRestriction `json:"parking_restrictions,omitzero"`
	Images              []Image              `json:"images,omitzero"`
	LastUpdated         ocpi.DateTime        `json:"last_updated"`
}

// Connector is a socket or cable of an EVSE (§8.3.3). Volts, amperes, watts.
type Connector struct {
	ID                 string          `json:"id" ocpi:"CiString(36)"`
	Standard           ConnectorType   `json:"standard"`
	Format             ConnectorFormat `json:"format"`
	PowerType          PowerType       `json:"power_type"`
	MaxVoltage         int             `json:"max_voltage"`
	MaxAmperage        int             `json:"max_amperage"`
	MaxElectricPower   int             `json:"max_electric_power,omitzero"`
	TariffIDs          []string        `json:"tariff_ids,omitzero" ocpi:"CiString(36)"`
	TermsAndConditions string          `json:"terms_and_conditions,omitzero" ocpi:"URL"`
	LastUpdated        ocpi.DateTime   `json:"last_updated"`
}

// GeoLocation is a point in WGS 84, decimal degrees (§8.4.13).
type GeoLocation struct {
	Latitude  string `json:"latitude" ocpi:"Latitude"`
	Longitude string `json:"longitude" ocpi:"Longitude"`
}

// AdditionalGeoLocation is a point with a name (§8.4.1).
type AdditionalGeoLocation struct {
	Latitude  string       `json:"latitude" ocpi:"Latitude"`
	Longitude string       `json:"longitude" ocpi:"Longitude"`
	Name      *DisplayText `json:"name,omitzero"`
}

// BusinessDetails names a company (§8.4.2).
type BusinessDetails struct {
	Name    string `json:"name" ocpi:"string(100)"`
	Website string `json:"website,omitzero" ocpi:"URL"`
	Logo    *Image `json:"logo,omitzero"`
}

// Image is a picture at a URL (§8.4.15).
type Image struct {
	URL       string        `json:"url" ocpi:"URL"`
	Thumbnail string        `json:"thumbnail,omitzero" ocpi:"URL"`
	Category  ImageCategory `json:"category"`
	Type      string        `json:"type" ocpi:"CiString(4)"`
	Width     int           `json:"width,omitzero"`
	Height    int           `json:"height,omitzero"`
}

// PublishTokenType selects the tokens that may see an unpublished Location
// (§8.4.20).
type PublishTokenType struct {
	UID          string    `json:"uid,omitzero" ocpi:"CiString(36)"`
	Type         TokenType `json:"type,omitzero"`
	VisualNumber string    `json:"visual_number,omitzero" ocpi:"string(64)"`
	Issuer       string    `json:"issuer,omitzero" ocpi:"string(64)"`
	GroupID      string    `json:"group_id,omitzero" ocpi:"CiString(36)"`
}

// StatusSchedule announces a status (§8.4.23).
type StatusSchedule struct {
	PeriodBegin ocpi.DateTime `json:"period_begin"`
	PeriodEnd   ocpi.DateTime `json:"period_end,omitzero"`
	Status      Status        `json:"status"`
}

// Hours are opening times in local time (§8.4.14).
type Hours struct {
	TwentyFourSeven     bool                `json:"twentyfourseven"`
	RegularHours        []RegularHours      `json:"regular_hours,omitzero"`
	ExceptionalOpenings []ExceptionalPeriod `json:"exceptional_openings,omitzero"`
	ExceptionalClosings []ExceptionalPeriod `json:"exceptional_closings,omitzero"`
}

// RegularHours is one period of a weekday, 1 is Monday (§8.4.21).
type RegularHours struct {
	Weekday     int    `json:"weekday"`
	PeriodBegin string `json:"period_begin" ocpi:"Time"`
	PeriodEnd   string `json:"period_end" ocpi:"Time"`
}

// ExceptionalPeriod is one exception from the regular hours (§8.4.11).
type ExceptionalPeriod struct {
	PeriodBegin ocpi.DateTime `json:"period_begin"`
	PeriodEnd   ocpi.DateTime `json:"period_end"`
}

// EnergyMix says where the energy comes from (§8.4.6).
type EnergyMix struct {
	IsGreenEnergy     bool                  `json:"is_green_energy"`
	EnergySources     []EnergySource        `json:"energy_sources,omitzero"`
	EnvironImpact     []EnvironmentalImpact `json:"environ_impact,omitzero"`
	SupplierName      string                `json:"supplier_name,omitzero" ocpi:"string(64)"`
	EnergyProductName string                `json:"energy_product_name,omitzero" ocpi:"string(64)"`
}

// EnergySource is a share of the mix in percent (§8.4.7).
type EnergySource struct {
	Source     EnergySourceCategory `json:"source"`
	Percentage ocpi.Number          `json:"percentage"`
}

// EnvironmentalImpact is an amount in g/kWh (§8.4.9).
type EnvironmentalImpact struct {
	Category EnvironmentalImpactCategory `json:"category"`
	Amount   ocpi.Number                 `json:"amount"`
}
