package v230

import "github.com/eroam/eroam/ocpi"

// Tariff says what charging costs (§12.3.1 of edition 2). PreauthorizeAmount
// comes from the payments module.
type Tariff struct {
	CountryCode        string          `json:"country_code" ocpi:"CountryCode"`
	PartyID            string          `json:"party_id" ocpi:"PartyID"`
	ID                 string          `json:"id" ocpi:"CiString(36)"`
	Currency           string          `json:"currency" ocpi:"Currency"`
	Type               TariffType      `json:"type,omitzero"`
	TariffAltText      []DisplayText   `json:"tariff_alt_text,omitzero"`
	TariffAltURL       string          `json:"tariff_alt_url,omitzero" ocpi:"URL"`
	MinPrice           *PriceLimit     `json:"min_price,omitzero"`
	MaxPrice           *PriceLimit     `json:"max_price,omitzero"`
	PreauthorizeAmount ocpi.Number     `json:"preauthorize_amount,omitzero"`
	Elements           []TariffElement `json:"elements"`
	TaxIncluded        TaxIncluded     `json:"tax_included"`
	StartDateTime      ocpi.DateTime   `json:"start_date_time,omitzero"`
	EndDateTime        ocpi.DateTime   `json:"end_date_time,omitzero"`
	EnergyMix          *EnergyMix      `json:"energy_mix,omitzero"`
	LastUpdated        ocpi.DateTime   `json:"last_updated"`
}

// PriceLimit is a least or greatest cost of a session (§12.4.3).
type PriceLimit struct {
	BeforeTaxes ocpi.Number `json:"before_taxes"`
	AfterTaxes  ocpi.Number `json:"after_taxes,omitzero"`
}

// TaxIncluded says whether the prices of a tariff contain taxes.
type TaxIncluded string

// The values of TaxIncluded.
const (
	TaxesIncluded      TaxIncluded = "YES"
	TaxesNotIncluded   TaxIncluded = "NO"
	TaxesNotApplicable TaxIncluded = "N/A"
)

// Values lists the closed enum.
func (TaxIncluded) Values() []string { return []string{"YES", "NO", "N/A"} }

// TariffElement is a group of prices under one condition.
type TariffElement struct {
	PriceComponents []PriceComponent    `json:"price_components"`
	Restrictions    *TariffRestrictions `json:"restrictions,omitzero"`
}

// TariffRestrictions are the conditions of an element, all of which must hold.
// Local time, kWh, A, kW, seconds. Booking comes from the bookings module.
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
	Booking     BookingRestrictionType     `json:"booking,omitzero"`
}

// BookingRestrictionType ties an element to a booking.
type BookingRestrictionType string

// Values lists the closed enum.
func (BookingRestrictionType) Values() []string {
	return []string{"BOOKING", "BOOKING_EXPIRES", "BOOKING_CANCELLATION_FEES", "BOOKING_OVERTIME"}
}
