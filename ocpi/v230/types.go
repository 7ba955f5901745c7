package v230

import "github.com/eroam/eroam/ocpi"

// Price is a cost before taxes and the taxes on it (§17.8).
type Price struct {
	BeforeTaxes ocpi.Number `json:"before_taxes"`
	Taxes       []TaxAmount `json:"taxes,omitzero"`
}

// TaxAmount is one tax on a price (§17.9). Percentage is given for
// information; Amount counts.
type TaxAmount struct {
	Name          string      `json:"name" ocpi:"string(255)"`
	AccountNumber string      `json:"account_number,omitzero" ocpi:"string(255)"`
	Percentage    ocpi.Number `json:"percentage,omitzero"`
	Amount        ocpi.Number `json:"amount"`
}

// Role is the role of a party (§17.10), without HUB; PTP comes from the payments
// module.
type Role string

// Values lists the closed enum.
func (Role) Values() []string {
	return []string{"CPO", "EMSP", "NAP", "NSP", "OTHER", "SCSP", "PTP"}
}
