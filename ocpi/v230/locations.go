package v230

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
	ParkingPlaces      []Parking               `json:"parking_places,omitzero"`
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
	HelpPhone          string                  `json:"help_phone,omitzero" ocpi:"CiString(25)"`
	LastUpdated        ocpi.DateTime           `json:"last_updated"`
}

// EVSE charges one vehicle at a time (§8.3.2).
type EVSE struct {
	UID                      string               `json:"uid" ocpi:"CiString(36)"`
	EVSEID                   string               `json:"evse_id,omitzero" ocpi:"CiString(48)"`
	Status                   Status               `json:"status"`
	StatusSchedule           []StatusSchedule     `json:"status_schedule,omitzero"`
	Capabilities             []Capability         `json:"capabilities,omitzero"`
	Connectors               []Connector          `json:"connectors"`
	FloorLevel               string               `json:"floor_level,omitzero" ocpi:"string(4)"`
	Coordinates              *GeoLocation         `json:"coordinates,omitzero"`
	PhysicalReference        string               `json:"physical_reference,omitzero" ocpi:"string(16)"`
	Directions               []DisplayText        `json:"directions,omitzero"`
	ParkingRestrictions      []ParkingRestriction `json:"parking_restrictions,omitzero"`
	Parking                  []EVSEParking        `json:"parking,omitzero"`
	Images                   []Image              `json:"images,omitzero"`
	AcceptedServiceProviders []string             `json:"accepted_service_providers,omitzero" ocpi:"string(50)"`
	LastUpdated              ocpi.DateTime        `json:"last_updated"`
}

// Connector is a socket or cable of an EVSE (§8.3.3). Volts, amperes, watts.
type Connector struct {
	ID                 string                `json:"id" ocpi:"CiString(36)"`
	Standard           ConnectorType         `json:"standard"`
	Format             ConnectorFormat       `json:"format"`
	PowerType          PowerType             `json:"power_type"`
	MaxVoltage         int                   `json:"max_voltage"`
	MaxAmperage        int                   `json:"max_amperage"`
	MaxElectricPower   int                   `json:"max_electric_power,omitzero"`
	TariffIDs          []string              `json:"tariff_ids,omitzero" ocpi:"CiString(36)"`
	TermsAndConditions string                `json:"terms_and_conditions,omitzero" ocpi:"URL"`
	Capabilities       []ConnectorCapability `json:"capabilities,omitzero"`
	LastUpdated        ocpi.DateTime         `json:"last_updated"`
}

// ConnectorCapability is what a connector can do, an open enum.
type ConnectorCapability string

// VehicleType is an open enum.
type VehicleType string

// Parking describes parking spaces (§8.3.4). Kilograms, centimetres, minutes.
type Parking struct {
	ID                    string           `json:"id" ocpi:"CiString(36)"`
	PhysicalReference     string           `json:"physical_reference,omitzero" ocpi:"string(12)"`
	VehicleTypes          []VehicleType    `json:"vehicle_types"`
	MaxVehicleWeight      ocpi.Number      `json:"max_vehicle_weight,omitzero"`
	MaxVehicleHeight      ocpi.Number      `json:"max_vehicle_height,omitzero"`
	MaxVehicleLength      ocpi.Number      `json:"max_vehicle_length,omitzero"`
	MaxVehicleWidth       ocpi.Number      `json:"max_vehicle_width,omitzero"`
	ParkingSpaceLength    ocpi.Number      `json:"parking_space_length,omitzero"`
	ParkingSpaceWidth     ocpi.Number      `json:"parking_space_width,omitzero"`
	DangerousGoodsAllowed *bool            `json:"dangerous_goods_allowed,omitzero"`
	Direction             ParkingDirection `json:"direction,omitzero"`
	DriveThrough          *bool            `json:"drive_through,omitzero"`
	RestrictedToType      bool             `json:"restricted_to_type"`
	ReservationRequired   bool             `json:"reservation_required"`
	TimeLimit             ocpi.Number      `json:"time_limit,omitzero"`
	Roofed                *bool            `json:"roofed,omitzero"`
	Images                []Image          `json:"images,omitzero"`
	Lighting              *bool            `json:"lighting,omitzero"`
	RefrigerationOutlet   *bool            `json:"refrigeration_outlet,omitzero"`
	Standards             []string         `json:"standards,omitzero" ocpi:"CiString(36)"`
	APDSReference         string           `json:"apds_reference,omitzero" ocpi:"CiString(255)"`
}

// ParkingDirection is how a vehicle stands.
type ParkingDirection string

// Values lists the closed enum.
func (ParkingDirection) Values() []string { return []string{"PARALLEL", "PERPENDICULAR", "ANGLE"} }

// EVSEParking ties an EVSE to a parking space of its Location.
type EVSEParking struct {
	ParkingID    string       `json:"parking_id" ocpi:"CiString(36)"`
	EVSEPosition EVSEPosition `json:"evse_position,omitzero"`
}

// EVSEPosition is where the EVSE stands, seen from the parking space.
type EVSEPosition string

// Values lists the closed enum.
func (EVSEPosition) Values() []string { return []string{"LEFT", "RIGHT", "CENTER"} }
