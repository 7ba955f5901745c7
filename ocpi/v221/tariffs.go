package v221

import "github.com/eroam/eroam/ocpi"

// Tariff says what charging costs (§11.3.1). Prices are without VAT.
type Tariff struct {
	CountryCode   string          `json:"country_code" ocpi:"CountryCode"`
	PartyID       string          `json:"party_id" ocpi:"PartyID"`
	ID            string          `json:"id" ocpi:"CiString(36)"`
	Currency      string          `json:"currency" ocpi:"Currency"`
	Type          TariffType      `json:"type,omitzero"`
	TariffAltText []DisplayText   `json:"tariff_alt_text,omitzero"`
	TariffAltURL  string          `json:"tariff_alt_url,omitzero" ocpi:"URL"`
	MinPrice      *Price          `json:"min_price,omitzero"`
	MaxPrice      *Price          `json:"max_price,omitzero"`
	Elements      []TariffElement `json:"elements"`
	StartDateTime ocpi.DateTime   `json:"start_date_time,omitzero"`
	EndDateTime   ocpi.DateTime   `json:"end_date_time,omitzero"`
	EnergyMix     *EnergyMix      `json:"energy_mix,omitzero"`
	LastUpdated   ocpi.DateTime   `json:"last_updated"`
}

// TariffElement is a group of prices under one condition (§11.4.4).
type TariffElement struct {
	PriceComponents []PriceComponent    `json:"price_components"`
	Restrictions    *TariffRestrictions `json:"restrictions,omitzero"`
}

// PriceComponent is a price per kWh, hour or session (§11.4.2). VAT in percent;
// absent differs from 0.
type PriceComponent struct {
	Type     TariffDimensionType `json:"type"`
	Price    ocpi.Number         `json:"price"`
	VAT      ocpi.Number         `json:"vat,omitzero"`
	StepSize int                 `json:"step_size"`
}

// TariffRestrictions are the conditions of an element, all of which must hold
// (§11.4.6). Local time, kWh, A, kW, seconds.
type TariffRestrictions struct {
	StartTime   string                     `json:"start_time,omitzero" ocpi:"Time"`
	EndTime     string                     `json:"end_time,omitzero" ocpi:"Time"`
	StartDate   string                     `json:"start_date,omitzero" ocpi:"Date"`
	EndDate     string                     `json:"end_date,omitzero" ocpi:"Date"`
	MinKWh      ocpi.Number                `json:"min_kwh,omitzero"`
	MaxKWh      ocpi.Number                `json:"max_kwh,omitzero"`
	MinCurrent  ocpi.Number                `json:"min_current,omitzero"`
	MaxCurrent  ocpi.Number                `json:"max_current,omitzero"`
	MinPower    ocpi.Number                `json:"min_power,omitzero"`
	MaxPower    ocpi.Number                `json:"max_power,omitzero"`
	MinDuration int                        `json:"min_duration,omitzero"`
	MaxDuration int                        `json:"max_duration,omitzero"`
	DayOfWeek   []DayOfWeek                `json:"day_of_week,omitzero"`
	Reservation ReservationRestrictionType `json:"reservation,omitzero"`
}

// TariffType says what a tariff is for (§11.4.7).
type TariffType string

// Values lists the closed enum.
func (TariffType) Values() []string {
	return []string{"AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR"}
}

// TariffDimensionType is what is priced (§11.4.5).
type TariffDimensionType string

// The values of TariffDimensionType.
const (
	PriceEnergy      TariffDimensionType = "ENERGY"
	PriceFlat        TariffDimensionType = "FLAT"
	PriceParkingTime TariffDimensionType = "PARKING_TIME"
	PriceTime        TariffDimensionType = "TIME"
)

// Values lists the closed enum.
func (TariffDimensionType) Values() []string {
	return []string{"ENERGY", "FLAT", "PARKING_TIME", "TIME"}
}

// ReservationRestrictionType ties an element to a reservation (§11.4.3).
type ReservationRestrictionType string

// Values lists the closed enum.
func (ReservationRestrictionType) Values() []string {
	return []string{"RESERVATION", "RESERVATION_EXPIRES"}
}

// DayOfWeek is a weekday (§11.4.1).
type DayOfWeek string

// Values lists the closed enum.
func (DayOfWeek) Values() []string {
	return []string{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"}
}
