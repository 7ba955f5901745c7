package api

import "context"

// Hub is what the hub is called and where it is.
type Hub struct {
	CountryCode string `json:"country_code" example:"US"`
	PartyID     string `json:"party_id" example:"HUB"`
	Name        string `json:"name" example:"eroam"`
	VersionsURL string `json:"versions_url" example:"https://hub.example.com/ocpi/versions" doc:"Where a partner finds the OCPI versions"`
	Agreements  string `json:"agreements" enum:"required,open" example:"required"`
	Version     string `json:"version" example:"eroam 0.1.0 (commit 7ff413f2c1d0, go1.26.8, linux/amd64)" doc:"What was built"`
}

type hubOutput struct{ Body Hub }

func (a *API) getHub(context.Context, *struct{}) (*hubOutput, error) {
	return &hubOutput{a.hub}, nil
}
