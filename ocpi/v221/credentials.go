package v221

import (
	"fmt"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/internal/schema"
)

// Version is one entry of the versions endpoint (§6.1.2).
type Version struct {
	Version string `json:"version" ocpi:"string(10)"`
	URL     string `json:"url" ocpi:"URL"`
}

// VersionDetails is what the version details endpoint answers (§6.2).
type VersionDetails struct {
	Version   string     `json:"version" ocpi:"string(10)"`
	Endpoints []Endpoint `json:"endpoints"`
}

// Endpoint is one interface of one module (§6.2.2).
type Endpoint struct {
	Identifier string        `json:"identifier" ocpi:"string(64)"`
	Role       InterfaceRole `json:"role"`
	URL        string        `json:"url" ocpi:"URL"`
}

// InterfaceRole is SENDER or RECEIVER (§6.2.3).
type InterfaceRole string

// Values lists the closed enum.
func (InterfaceRole) Values() []string { return []string{"SENDER", "RECEIVER"} }

// Credentials is what two platforms exchange to connect (§7.3.1). A hub has
// exactly one role, HUB.
type Credentials struct {
	Token string            `json:"token" ocpi:"Token"`
	URL   string            `json:"url" ocpi:"URL"`
	Roles []CredentialsRole `json:"roles"`
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
