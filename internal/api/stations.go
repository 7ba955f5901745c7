package api

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/station"
	"github.com/eroam/eroam/ocpi"
)

// Station is a published Location with EVSEs that are not REMOVED.
type Station struct {
	CountryCode string             `json:"country_code" example:"NL" doc:"Of the party that published it"`
	PartyID     string             `json:"party_id" example:"CP1"`
	ID          string             `json:"id" example:"LOC1" doc:"Location id as its owner spells it"`
	Name        string             `json:"name,omitempty" example:"At the mill"`
	Address     string             `json:"address" example:"Mill 1"`
	City        string             `json:"city" example:"Ede"`
	Country     string             `json:"country" example:"NLD" doc:"Where it stands"`
	Latitude    float64            `json:"latitude" example:"52.0301"`
	Longitude   float64            `json:"longitude" example:"5.6145"`
	Always      bool               `json:"twentyfourseven" example:"true"`
	Publish     bool               `json:"publish" example:"true"`
	EVSEs       int                `json:"evses" example:"2"`
	ByStatus    map[string]int     `json:"evses_by_status" example:"{\"AVAILABLE\":1,\"CHARGING\":1}"`
	MaxKW       float64            `json:"max_kw" example:"150" doc:"Of the strongest connector; 0: not known"`
	Connectors  []StationConnector `json:"connectors"`
	Distance    *float64           `json:"distance,omitempty" example:"1234" doc:"From near, in metres as the crow flies"`
	LastUpdated time.Time          `json:"last_updated" example:"2026-01-02T03:04:05Z"`
}

// StationConnector is a kind of connector that a station has.
type StationConnector struct {
	Standard  string  `json:"standard" example:"IEC_62196_T2_COMBO"`
	Format    string  `json:"format" example:"CABLE"`
	PowerType string  `json:"power_type" example:"DC"`
	KW        float64 `json:"kw" example:"150" doc:"max_electric_power, or what voltage and current give; 0: not known"`
	Count     int     `json:"count" example:"2"`
}

// StationCluster stands for the stations in one cell of a map.
type StationCluster struct {
	Latitude    float64 `json:"latitude" example:"52.1" doc:"Mean of the stations"`
	Longitude   float64 `json:"longitude" example:"5.1"`
	Stations    int     `json:"stations" example:"17"`
	EVSEs       int     `json:"evses" example:"40" doc:"That meet the conditions"`
	Available   int     `json:"available" example:"21"`
	MaxKW       float64 `json:"max_kw" example:"300"`
	CountryCode string  `json:"country_code,omitempty" example:"NL" doc:"With party_id and id: the station, where it is but one"`
	PartyID     string  `json:"party_id,omitempty" example:"CP1"`
	ID          string  `json:"id,omitempty" example:"LOC1"`
}

type stationQuery struct {
	BBox        string  `query:"bbox" example:"4.7,52,5.2,52.4" doc:"min_lon,min_lat,max_lon,max_lat in degrees, as in GeoJSON; min_lon above max_lon spans the antimeridian"`
	Near        string  `query:"near" example:"52.09,5.12" doc:"lat,lon in degrees, as in OCPI: nearest first"`
	Connector   string  `query:"connector" example:"IEC_62196_T2_COMBO" doc:"Connector standards of OCPI, any of them, with commas between them"`
	MinKW       float64 `query:"min_kw" minimum:"0" maximum:"10000" example:"50" doc:"A connector of the standards has at least this power"`
	Available   bool    `query:"available" example:"true" doc:"An EVSE that meets the other conditions is AVAILABLE"`
	Always      bool    `query:"twentyfourseven" example:"true" doc:"Open at all times"`
	Country     string  `query:"country" example:"NLD" doc:"Where it stands: ISO 3166-1, two or three letters"`
	Party       string  `query:"party" example:"NL-CP1" doc:"Who published it"`
	Viewer      string  `query:"viewer" example:"DE-EM1" doc:"Only what this party may see now under its agreements"`
	Unpublished bool    `query:"unpublished" example:"false" doc:"Also Locations with publish false, such as private homes"`
	Zoom        string  `query:"zoom" pattern:"^[0-9]{0,2}$" example:"7" doc:"Of a web map, 0 to 22: answer with clusters of some 64 pixels instead of stations"`
	Cursor      string  `query:"cursor" maxLength:"100" example:"c2xhYwACBg" doc:"The value of next in the answer before"`
	Limit       int     `query:"limit" minimum:"1" maximum:"1000" default:"100" example:"100"`
}

type stationList struct {
	Body struct {
		Items    []Station        `json:"items"`
		Clusters []StationCluster `json:"clusters,omitempty" doc:"Instead of items, with zoom"`
		Next     string           `json:"next,omitempty" example:"c2xhYwACBg" doc:"Value of cursor for the next page; absent on the last one"`
		Complete bool             `json:"complete" example:"true" doc:"False soon after a start: the hub is still reading what was published"`
	}
}

func (a *API) listStations(ctx context.Context, in *stationQuery) (*stationList, error) {
	if a.stations == nil {
		return nil, huma.Error503ServiceUnavailable("This hub keeps no index of stations.")
	}
	q, err := a.stationQuery(in)
	if err != nil {
		return nil, queryProblem(err)
	}
	out := &stationList{}
	out.Body.Items = []Station{}
	if in.Zoom != "" {
		zoom, err := strconv.Atoi(in.Zoom)
		if err != nil || zoom > station.MaxZoom {
			return nil, queryProblem(ocpi.Invalid("zoom", "must be a number from 0 to 22"))
		}
		page, err := a.stations.Clusters(q, zoom)
		if err != nil {
			return nil, queryProblem(err)
		}
		out.Body.Next, out.Body.Complete = page.Next, page.Complete
		for _, c := range page.Clusters {
			out.Body.Clusters = append(out.Body.Clusters, StationCluster{
				Latitude: c.Point.Lat, Longitude: c.Point.Lon, Stations: c.Stations, EVSEs: c.EVSEs, Available: c.Available,
				MaxKW: kilowatts(c.MaxWatts), CountryCode: c.Party.CountryCode, PartyID: c.Party.ID, ID: c.ID,
			})
		}
		return out, nil
	}
	page, err := a.stations.Search(q)
	if err != nil {
		return nil, queryProblem(err)
	}
	out.Body.Next, out.Body.Complete = page.Next, page.Complete
	for i := range page.Stations {
		out.Body.Items = append(out.Body.Items, stationView(&page.Stations[i], q.Near != nil))
	}
	return out, nil
}

func (a *API) stationQuery(in *stationQuery) (q station.Query, err error) {
	q = station.Query{
		MinWatts: int(math.Ceil(in.MinKW * 1000)), Available: in.Available, Always: in.Always, Hidden: in.Unpublished,
		Cursor: in.Cursor, Limit: in.Limit,
	}
	if math.IsNaN(in.MinKW) { // it is neither below the minimum nor above the maximum
		return q, ocpi.Invalid("min_kw", "must be a number")
	}
	if in.BBox != "" {
		if q.Box, err = station.ParseBox(in.BBox); err != nil {
			return q, err
		}
	}
	if in.Near != "" {
		if q.Near, err = station.ParsePoint(in.Near); err != nil {
			return q, err
		}
	}
	if in.Connector != "" {
		for s := range strings.SplitSeq(in.Connector, ",") {
			if s == "" {
				return q, ocpi.Invalid("connector", "has an empty place between commas")
			}
			q.Standards = append(q.Standards, s)
		}
	}
	if in.Country != "" {
		c, ok := a.countries.Find(in.Country)
		if !ok {
			return q, ocpi.Invalid("country", "is not a country of ISO 3166-1")
		}
		q.Countries = []string{string(c)}
	}
	if in.Party != "" {
		if q.Party, err = ocpi.ParsePartyString(in.Party); err != nil {
			return q, ocpi.Invalid("party", "must be a party such as NL-CP1")
		}
	}
	if in.Viewer != "" {
		err = a.viewedBy(&q, in.Viewer)
	}
	return q, err
}

// viewedBy restricts a query to what a party may see, in any of its roles.
func (a *API) viewedBy(q *station.Query, viewer string) error {
	id, err := ocpi.ParsePartyString(viewer)
	if err != nil {
		return ocpi.Invalid("viewer", "must be a party such as DE-EM1")
	}
	s := a.registry.Snapshot()
	roles := s.Parties(id)
	if len(roles) == 0 {
		return ocpi.Invalid("viewer", "is not a party of this hub")
	}
	now := time.Now()
	q.Viewer = id.String()
	q.Visible = func(owner ocpi.PartyID) bool {
		for _, p := range roles {
			if delivery.Visible(s, ocpi.Locations, owner, p, now) {
				return true
			}
		}
		return false
	}
	return nil
}

func stationView(s *station.Station, near bool) Station {
	out := Station{
		CountryCode: s.Party.CountryCode, PartyID: s.Party.ID, ID: s.ID, Name: s.Name, Address: s.Address, City: s.City, Country: s.Country,
		Latitude: s.Point.Lat, Longitude: s.Point.Lon, Always: s.Always, Publish: s.Published, EVSEs: s.EVSEs, ByStatus: s.ByStatus,
		MaxKW: kilowatts(s.MaxWatts), LastUpdated: s.LastUpdated, Connectors: []StationConnector{},
	}
	for _, c := range s.Connectors {
		out.Connectors = append(out.Connectors, StationConnector{
			Standard: c.Standard, Format: c.Format, PowerType: c.PowerType, KW: kilowatts(c.Watts), Count: c.Count,
		})
	}
	if near {
		d := math.Round(s.Distance)
		out.Distance = &d
	}
	return out
}

func kilowatts(watts int) float64 { return float64(watts) / 1000 }

// queryProblem names the parameter of the query that an *ocpi.Error begins with.
func queryProblem(err error) error {
	name, text, ok := strings.Cut(ocpi.AsError(err).Message, ": ")
	if !ok {
		return err
	}
	return huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Location: "query." + name, Message: text})
}
