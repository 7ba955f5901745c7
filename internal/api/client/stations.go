package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/eroam/eroam/internal/api"
)

// StationPage is a part of an answer: stations, or clusters when the query has a
// zoom.
type StationPage struct {
	Items    []api.Station        `json:"items"`
	Clusters []api.StationCluster `json:"clusters"`
	Next     string               `json:"next"` // cursor of the next page; "" on the last
	Complete bool                 `json:"complete"`
}

// Stations finds stations; the parameters are those of the API: bbox, near,
// connector, min_kw, available, country, party, viewer, zoom, cursor, limit.
func (c *Client) Stations(ctx context.Context, q url.Values) (StationPage, error) {
	return call[StationPage](ctx, c, http.MethodGet, "/stations?"+q.Encode(), nil)
}

// Quality returns what is odd in the published data, by owner.
func (c *Client) Quality(ctx context.Context) (api.QualityReport, error) {
	return call[api.QualityReport](ctx, c, http.MethodGet, "/quality", nil)
}

// FindingPage is a part of an answer.
type FindingPage struct {
	Items    []api.QualityFinding `json:"items"`
	Next     string               `json:"next"` // cursor of the next page; "" on the last
	Complete bool                 `json:"complete"`
}

// Findings lists what is odd; the parameters are those of the API: party, code,
// object, cursor, limit.
func (c *Client) Findings(ctx context.Context, q url.Values) (FindingPage, error) {
	return call[FindingPage](ctx, c, http.MethodGet, "/quality/findings?"+q.Encode(), nil)
}
