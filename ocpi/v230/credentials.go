package v230

import "github.com/eroam/eroam/ocpi"

// Credentials is what two platforms exchange to connect (§7.3.1). The platform
// of a hub sets HubPartyID and lists the parties that can be reached through it.
type Credentials struct {
	Token      string            `json:"token" ocpi:"Token"`
	URL        string            `json:"url" ocpi:"URL"`
	HubPartyID string            `json:"hub_party_id,omitzero" ocpi:"HubPartyID"`
	Roles      []CredentialsRole `json:"roles"`
}

// CredentialsRole is one party behind a platform (§7.4.1).
type CredentialsRole struct {
	Role            Role            `json:"role"`
	BusinessDetails BusinessDetails `json:"business_details"`
	PartyID         string          `json:"party_id" ocpi:"PartyID"`
	CountryCode     string          `json:"country_code" ocpi:"CountryCode"`
}

// ID returns the party.
func (r CredentialsRole) ID() (ocpi.PartyID, error) {
	return ocpi.ParsePartyID(r.CountryCode, r.PartyID)
}
