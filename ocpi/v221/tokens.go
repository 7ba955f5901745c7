package v221

import "github.com/eroam/eroam/ocpi"

// Token identifies a driver (§12.3.2).
type Token struct {
	CountryCode        string          `json:"country_code" ocpi:"CountryCode"`
	PartyID            string          `json:"party_id" ocpi:"PartyID"`
	UID                string          `json:"uid" ocpi:"CiString(36)"`
	Type               TokenType       `json:"type"`
	ContractID         string          `json:"contract_id" ocpi:"CiString(36)"`
	VisualNumber       string          `json:"visual_number,omitzero" ocpi:"string(64)"`
	Issuer             string          `json:"issuer" ocpi:"string(64)"`
	GroupID            string          `json:"group_id,omitzero" ocpi:"CiString(36)"`
	Valid              bool            `json:"valid"`
	Whitelist          WhitelistType   `json:"whitelist"`
	Language           string          `json:"language,omitzero" ocpi:"string(2)"`
	DefaultProfileType ProfileType     `json:"default_profile_type,omitzero"`
	EnergyContract     *EnergyContract `json:"energy_contract,omitzero"`
	LastUpdated        ocpi.DateTime   `json:"last_updated"`
}

// EnergyContract is the driver's own energy supply (§12.4.2).
type EnergyContract struct {
	SupplierName string `json:"supplier_name" ocpi:"string(64)"`
	ContractID   string `json:"contract_id,omitzero" ocpi:"string(64)"`
}

// TokenType is the kind of token (§12.4.4), open in 2.3.0.
type TokenType string

// The values that 2.2.1 defines.
const (
	AdHocUser  TokenType = "AD_HOC_USER"
	AppUser    TokenType = "APP_USER"
	OtherToken TokenType = "OTHER"
	RFID       TokenType = "RFID"
)

// Defined reports whether 2.2.1 defines the value.
func (t TokenType) Defined() bool {
	switch t {
	case AdHocUser, AppUser, OtherToken, RFID:
		return true
	}
	return false
}

// WhitelistType says when a CPO may accept a token without asking (§12.4.5).
type WhitelistType string

// The values of WhitelistType.
const (
	WhitelistAlways         WhitelistType = "ALWAYS"
	WhitelistAllowed        WhitelistType = "ALLOWED"
	WhitelistAllowedOffline WhitelistType = "ALLOWED_OFFLINE"
	WhitelistNever          WhitelistType = "NEVER"
)

// Values lists the closed enum.
func (WhitelistType) Values() []string {
	return []string{"ALWAYS", "ALLOWED", "ALLOWED_OFFLINE", "NEVER"}
}

// AuthorizationInfo is the answer to a real-time authorisation (§12.3.1).
type AuthorizationInfo struct {
	Allowed                AllowedType         `json:"allowed"`
	Token                  Token               `json:"token"`
	Location               *LocationReferences `json:"location,omitzero"`
	AuthorizationReference string              `json:"authorization_reference,omitzero" ocpi:"CiString(36)"`
	Info                   *DisplayText        `json:"info,omitzero"`
}

// AllowedType is the outcome of an authorisation (§12.4.1).
type AllowedType string

// The values of AllowedType.
const (
	Allowed    AllowedType = "ALLOWED"
	NotAllowed AllowedType = "NOT_ALLOWED"
)

// Values lists the closed enum.
func (AllowedType) Values() []string {
	return []string{"ALLOWED", "BLOCKED", "EXPIRED", "NO_CREDIT", "NOT_ALLOWED"}
}

// LocationReferences names EVSEs of one Location (§12.4.3).
type LocationReferences struct {
	LocationID string   `json:"location_id" ocpi:"CiString(36)"`
	EVSEUIDs   []string `json:"evse_uids,omitzero" ocpi:"CiString(36)"`
}
