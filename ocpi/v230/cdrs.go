package v230

import "github.com/eroam/eroam/ocpi"

// CDR is the bill of one finished session (§10.3.1). Energy in kWh, times in
// hours, costs in Currency. BookingID comes from the bookings module.
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
	Tariffs                  []Tariff         `json:"tariffs,omitzero" ocpi:"without(tax_included)"`
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
	BookingID                string           `json:"booking_id,omitzero" ocpi:"CiString(36)"`
	LastUpdated              ocpi.DateTime    `json:"last_updated"`
}

// InvoiceReconciliationRecord ties CDRs to an invoice (§11.3.1 of edition 2).
type InvoiceReconciliationRecord struct {
	CountryCode string        `json:"country_code" ocpi:"CountryCode"`
	PartyID     string        `json:"party_id" ocpi:"PartyID"`
	ID          string        `json:"id" ocpi:"CiString(36)"`
	InvoiceID   string        `json:"invoice_id" ocpi:"CiString(255)"`
	CDRs        []string      `json:"cdrs" ocpi:"CiString(39)"`
	LastUpdated ocpi.DateTime `json:"last_updated"`
}
