package v221

import "github.com/eroam/eroam/ocpi"

// Price is a cost without and with VAT (§16.5).
type Price struct {
	ExclVAT ocpi.Number `json:"excl_vat"`
	InclVAT ocpi.Number `json:"incl_vat,omitzero"`
}

// DisplayText is a text in one language (§16.3).
type DisplayText struct {
	Language string `json:"language" ocpi:"string(2)"`
	Text     string `json:"text" ocpi:"string(512)"`
}

// Role is the role of a party (§16.6); PTP comes from the payments module.
type Role string

// Values lists the closed enum.
func (Role) Values() []string {
	return []string{"CPO", "EMSP", "HUB", "NAP", "NSP", "OTHER", "SCSP", "PTP"}
}
