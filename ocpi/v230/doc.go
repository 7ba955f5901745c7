// Package v230 holds the objects of OCPI 2.3.0, a file per module. What 2.3.0
// left as it was in 2.2.1 is the very type of package v221, so that programs can
// share code between the versions; what differs is declared here: credentials,
// prices with their taxes, tariffs, CDRs, sessions, and the additions to
// locations.
//
// The rules of package v221 about optional fields, tags and Validate apply here
// too. Bookings, payments and further modules are relayed as they are and have
// no types here, except the invoice reconciliation record.
package v230

import "github.com/eroam/eroam/ocpi/v221"

// The types that are the same in 2.2.1.
type (
	DisplayText = v221.DisplayText

	Version        = v221.Version
	VersionDetails = v221.VersionDetails
	Endpoint       = v221.Endpoint
	InterfaceRole  = v221.InterfaceRole

	ClientInfo       = v221.ClientInfo
	ConnectionStatus = v221.ConnectionStatus

	GeoLocation           = v221.GeoLocation
	AdditionalGeoLocation = v221.AdditionalGeoLocation
	BusinessDetails       = v221.BusinessDetails
	Image                 = v221.Image
	PublishTokenType      = v221.PublishTokenType
	StatusSchedule        = v221.StatusSchedule
	Hours                 = v221.Hours
	RegularHours          = v221.RegularHours
	ExceptionalPeriod     = v221.ExceptionalPeriod
	EnergyMix             = v221.EnergyMix
	EnergySource          = v221.EnergySource
	EnvironmentalImpact   = v221.EnvironmentalImpact
	Status                = v221.Status
	ConnectorFormat       = v221.ConnectorFormat
	PowerType             = v221.PowerType
	Capability            = v221.Capability
	ConnectorType         = v221.ConnectorType
	Facility              = v221.Facility
	ImageCategory         = v221.ImageCategory
	ParkingRestriction    = v221.ParkingRestriction
	ParkingType           = v221.ParkingType

	SessionStatus               = v221.SessionStatus
	ChargingPreferences         = v221.ChargingPreferences
	ChargingPreferencesResponse = v221.ChargingPreferencesResponse
	ProfileType                 = v221.ProfileType

	AuthMethod       = v221.AuthMethod
	CdrToken         = v221.CdrToken
	CdrLocation      = v221.CdrLocation
	ChargingPeriod   = v221.ChargingPeriod
	CdrDimension     = v221.CdrDimension
	CdrDimensionType = v221.CdrDimensionType
	SignedData       = v221.SignedData
	SignedValue      = v221.SignedValue

	PriceComponent      = v221.PriceComponent
	TariffType          = v221.TariffType
	TariffDimensionType = v221.TariffDimensionType
	DayOfWeek           = v221.DayOfWeek

	ReservationRestrictionType = v221.ReservationRestrictionType

	Token              = v221.Token
	TokenType          = v221.TokenType
	EnergyContract     = v221.EnergyContract
	WhitelistType      = v221.WhitelistType
	AuthorizationInfo  = v221.AuthorizationInfo
	AllowedType        = v221.AllowedType
	LocationReferences = v221.LocationReferences

	StartSession        = v221.StartSession
	StopSession         = v221.StopSession
	ReserveNow          = v221.ReserveNow
	CancelReservation   = v221.CancelReservation
	UnlockConnector     = v221.UnlockConnector
	CommandResponse     = v221.CommandResponse
	CommandResult       = v221.CommandResult
	CommandResponseType = v221.CommandResponseType
	CommandResultType   = v221.CommandResultType
	CommandType         = v221.CommandType

	SetChargingProfile          = v221.SetChargingProfile
	ChargingProfile             = v221.ChargingProfile
	ChargingProfilePeriod       = v221.ChargingProfilePeriod
	ChargingRateUnit            = v221.ChargingRateUnit
	ActiveChargingProfile       = v221.ActiveChargingProfile
	ChargingProfileResponse     = v221.ChargingProfileResponse
	ActiveChargingProfileResult = v221.ActiveChargingProfileResult
	ChargingProfileResult       = v221.ChargingProfileResult
	ChargingProfileResultType   = v221.ChargingProfileResultType
)

// EMAID is the token type that 2.3.0 adds (§13.4.4): an ISO 15118 contract.
const EMAID TokenType = "EMAID"

// Connector types that 2.3.0 adds (§8.4.6).
const (
	MCS      ConnectorType = "MCS"
	SAEJ3400 ConnectorType = "SAE_J3400"
)
