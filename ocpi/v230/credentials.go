package v230

import (
	"fmt"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/internal/schema"
)

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

// Validate checks the object and that no two roles are the same party in the
// same role.
func (o *Credentials) Validate() error {
	if err := schema.Validate(o); err != nil {
		return err
	}
	type key struct {
		role Role
		id   ocpi.PartyID
	}
	seen := make(map[key]bool, len(o.Roles))
	for i, r := range o.Roles {
		id, err := r.ID()
		if err != nil {
			return err
		}
		k := key{r.Role, id}
		if seen[k] {
			return ocpi.Invalid(fmt.Sprintf("roles[%d]", i), "occurs twice")
		}
		seen[k] = true
	}
	return nil
}
