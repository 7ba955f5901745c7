package party

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eroam/eroam/ocpi"
)

// credentials is the Credentials object (OCPI 2.2.1 §7.3.1; hub_party_id since
// 2.3.0).
type credentials struct {
	Token      string            `json:"token"`
	URL        string            `json:"url"`
	HubPartyID string            `json:"hub_party_id,omitempty"`
	Roles      []credentialsRole `json:"roles"`
}

// credentialsRole is a CredentialsRole (OCPI 2.2.1 §7.4.1).
type credentialsRole struct {
	Role            ocpi.Role       `json:"role"`
	BusinessDetails businessDetails `json:"business_details"`
	PartyID         string          `json:"party_id"`
	CountryCode     string          `json:"country_code"`
}

type businessDetails struct {
	Name string `json:"name"`
}

// offer is a Credentials object that was checked on its own.
type offer struct {
	token string
	url   string
	hub   ocpi.PartyID // hub_party_id; zero when absent
	roles []partyKey   // unique
}

// maxURL is the longest URL (OCPI 2.2.1 §16.5).
const maxURL = 255

// parseOffer reads a Credentials object. Malformed JSON is HTTP 400; anything
// else that is wrong is 2001 and names the field.
func parseOffer(body []byte) (*offer, error) {
	if err := ocpi.CheckJSON(body); err != nil {
		return nil, err
	}
	if !ocpi.IsObject(body) {
		return nil, ocpi.Invalid("body", "must be a credentials object")
	}
	if err := ocpi.CheckNames(body, "token", "url", "roles", "hub_party_id"); err != nil {
		return nil, err
	}
	if err := checkRoleNames(body); err != nil {
		return nil, err
	}
	var c credentials
	if err := json.Unmarshal(body, &c); err != nil {
		if bad, ok := errors.AsType[*json.SemanticError](err); ok && bad.JSONPointer != "" {
			return nil, ocpi.Invalid(string(bad.JSONPointer[1:]), "has the wrong type")
		}
		return nil, ocpi.Invalid("body", "must be a credentials object")
	}
	switch {
	case c.Token == "":
		return nil, ocpi.Invalid("token", "must be given")
	case !ocpi.ValidToken(c.Token):
		return nil, ocpi.Invalid("token", "must be 1 to 64 printable ASCII characters without white space")
	case c.URL == "":
		return nil, ocpi.Invalid("url", "must be given")
	case len(c.Roles) == 0:
		return nil, ocpi.Invalid("roles", "must hold at least one role")
	}
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || len(c.URL) > maxURL {
		return nil, ocpi.Invalid("url", "must be an absolute https URL of at most 255 characters")
	}
	o := &offer{token: c.Token, url: c.URL}
	if c.HubPartyID != "" {
		id, err := ocpi.ParsePartyString(c.HubPartyID)
		if err != nil || len(c.HubPartyID) != 5 {
			return nil, ocpi.Invalid("hub_party_id", "must be a country code and a party id, five characters together")
		}
		o.hub = id
	}
	return o, o.addRoles(c.Roles)
}

// checkRoleNames refuses roles that name an owner field twice in two spellings.
func checkRoleNames(body []byte) error {
	var raw struct {
		Roles jsontext.Value `json:"roles"`
	}
	if err := json.Unmarshal(body, &raw); err != nil || raw.Roles.Kind() != '[' {
		return nil // reported with its field by the caller
	}
	for role, err := range ocpi.List(raw.Roles) {
		if err != nil {
			return ocpi.Invalid("roles", "must be a list")
		}
		if err := ocpi.CheckNames(role, "role", "party_id", "country_code", "business_details"); err != nil {
			return err
		}
	}
	return nil
}

func (o *offer) addRoles(roles []credentialsRole) error {
	seen := make(map[partyKey]bool, len(roles))
	for i, role := range roles {
		field := fmt.Sprintf("roles/%d", i)
		id, err := ocpi.ParsePartyID(role.CountryCode, role.PartyID)
		if err != nil {
			return &ocpi.Error{Status: ocpi.StatusInvalidParameters, Message: field + "/" + ocpi.AsError(err).Message}
		}
		k := partyKey{id, role.Role}
		switch {
		case !role.Role.Known():
			return ocpi.Invalid(field+"/role", "is not a role")
		case role.BusinessDetails.Name == "":
			return ocpi.Invalid(field+"/business_details/name", "must be given")
		case seen[k]:
			return ocpi.Invalid(field, "role, country_code and party_id occur twice")
		}
		seen[k] = true
		o.roles = append(o.roles, k)
	}
	return nil
}

// identity is the hub's own Credentials object for a platform: in 2.2.1 exactly
// one role, HUB; in 2.3.0 hub_party_id and the parties that the platform can
// reach (OCPI 2.3.0 §7.3.1), or the role OTHER where there is none yet.
func (r *Registry) identity(platform string, v ocpi.Version, token string) ([]byte, error) {
	own := credentialsRole{
		Role: ocpi.RoleHub, BusinessDetails: businessDetails{r.o.HubName},
		PartyID: r.o.Hub.ID, CountryCode: r.o.Hub.CountryCode,
	}
	c := credentials{Token: token, URL: r.VersionsURL()}
	if v == ocpi.V221 {
		c.Roles = []credentialsRole{own}
	} else {
		c.HubPartyID = r.o.Hub.Joined()
		if c.Roles = r.roster(platform); len(c.Roles) == 0 {
			own.Role = ocpi.RoleOther
			c.Roles = []credentialsRole{own}
		}
	}
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("writing the credentials object: %w", err)
	}
	return b, nil
}

// roster lists the parties on other platforms that a party of this platform may
// exchange messages with now.
func (r *Registry) roster(platform string) []credentialsRole {
	s, now := r.Snapshot(), r.now()
	p := s.Platform(platform)
	if p == nil {
		return nil
	}
	var out []credentialsRole
	for _, other := range s.Platforms() {
		if other == p {
			continue
		}
		for _, q := range other.Parties {
			if q.Role != ocpi.RoleHub && q.Reachable() && s.Reaches(p, q, now) {
				out = append(out, credentialsRole{
					Role: q.Role, BusinessDetails: businessDetails{businessName(q)},
					PartyID: q.ID.ID, CountryCode: q.ID.CountryCode,
				})
			}
		}
	}
	return out
}

// businessName returns a name for a party, which OCPI wants and an operator may
// leave out.
func businessName(q *Party) string {
	if q.Name != "" {
		return q.Name
	}
	return q.ID.String()
}
