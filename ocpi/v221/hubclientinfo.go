package v221

import "github.com/eroam/eroam/ocpi"

// ClientInfo is the connection state of a party behind a hub (§15.4.1).
type ClientInfo struct {
	PartyID     string           `json:"party_id" ocpi:"PartyID"`
	CountryCode string           `json:"country_code" ocpi:"CountryCode"`
	Role        Role             `json:"role"`
	Status      ConnectionStatus `json:"status"`
	LastUpdated ocpi.DateTime    `json:"last_updated"`
}

// ConnectionStatus is how a party stands with the hub (§15.5.1).
type ConnectionStatus string

// The values of ConnectionStatus.
const (
	PartyConnected ConnectionStatus = "CONNECTED"
	PartyOffline   ConnectionStatus = "OFFLINE"
	PartyPlanned   ConnectionStatus = "PLANNED"
	PartySuspended ConnectionStatus = "SUSPENDED"
)

// Values lists the closed enum.
func (ConnectionStatus) Values() []string {
	return []string{"CONNECTED", "OFFLINE", "PLANNED", "SUSPENDED"}
}
