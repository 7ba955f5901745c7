package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eroam/eroam/internal/crawl"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// Pull says which lists the hub fetches from a platform that does not push.
type Pull struct {
	Modules          []string `json:"modules,omitempty" maxItems:"3" example:"[\"locations\",\"tariffs\"]" doc:"locations, tariffs, tokens; none: nothing is fetched"`
	Parties          []string `json:"parties,omitempty" maxItems:"1000" example:"[\"NL-CP1\"]" doc:"Whose lists are asked for; absent: those of every party that owns such objects"`
	EverySeconds     int      `json:"every_seconds,omitempty,omitzero" example:"300" doc:"Between two fetches of what has changed; 0 or absent: 5 minutes"`
	FullEverySeconds int      `json:"full_every_seconds,omitempty,omitzero" example:"604800" doc:"Between two fetches of the whole; 0 or absent: 7 days"`
}

func (p *Pull) settings() *party.PullSettings {
	if p == nil {
		return nil
	}
	s := &party.PullSettings{Parties: p.Parties, EverySeconds: p.EverySeconds, FullSeconds: p.FullEverySeconds}
	for _, m := range p.Modules {
		s.Modules = append(s.Modules, ocpi.Module(m))
	}
	return s
}

func pullView(s party.PullSettings) *Pull {
	if len(s.Modules) == 0 {
		return nil
	}
	p := &Pull{Parties: s.Parties, EverySeconds: s.EverySeconds, FullEverySeconds: s.FullSeconds}
	for _, m := range s.Modules {
		p.Modules = append(p.Modules, string(m))
	}
	return p
}

// Crawl is how far one list of a partner is fetched.
type Crawl struct {
	Job         string     `json:"job" example:"4q7xk2m9p1ab/NL-CP1/locations"`
	Platform    string     `json:"platform_id" example:"4q7xk2m9p1ab"`
	CountryCode string     `json:"country_code" example:"NL"`
	PartyID     string     `json:"party_id" example:"CP1"`
	Module      string     `json:"module" example:"locations"`
	Active      bool       `json:"active" example:"true" doc:"It is fetched; false: it once was"`
	Next        *time.Time `json:"next,omitempty" example:"2026-01-02T03:04:05Z" doc:"When it is asked for next; absent: at once, or never"`
	LastFull    *time.Time `json:"last_full,omitempty" example:"2026-01-02T03:04:05Z" doc:"When the last fetch of the whole that came to its end began"`
	Failures    int        `json:"failures" example:"0" doc:"Requests that failed in a row"`
	Error       string     `json:"error,omitempty" example:"the partner answered HTTP 500" doc:"Why the last request failed; absent after a success"`
	Running     *CrawlRun  `json:"running,omitempty" doc:"The fetch under way"`
	Last        *CrawlRun  `json:"last,omitempty" doc:"The last fetch that ended"`
}

// CrawlRun is one walk over a list.
type CrawlRun struct {
	Full     bool           `json:"full" example:"false" doc:"All of the list, not what has changed"`
	Started  time.Time      `json:"started" example:"2026-01-02T03:04:05Z"`
	Ended    *time.Time     `json:"ended,omitempty" example:"2026-01-02T03:04:05Z"`
	Error    string         `json:"error,omitempty" example:"the list has no end" doc:"Why it did not come to its end; what was on its pages counts all the same"`
	Pages    int            `json:"pages" example:"3"`
	Total    int            `json:"total" example:"523" doc:"As the partner says; -1: it does not"`
	Objects  int            `json:"objects" example:"523"`
	Taken    int            `json:"taken" example:"521" doc:"Published, whether they had changed or not"`
	Refused  int            `json:"refused" example:"1" doc:"Broken, or against the rules"`
	Foreign  int            `json:"foreign" example:"1" doc:"Of parties that are not granted to the platform"`
	Missing  int            `json:"missing" example:"0" doc:"In the hub, and on no page of the whole list"`
	Removed  int            `json:"removed" example:"0" doc:"… and gone, as a second look has shown"`
	Problems []CrawlProblem `json:"problems,omitempty" doc:"The first 20"`
}

// CrawlProblem is an object that was not taken, or something else that is wrong.
type CrawlProblem struct {
	Object  string `json:"object,omitempty" example:"LOC1"`
	Message string `json:"message" example:"last_updated: must be present"`
}

type crawlList struct {
	Body struct {
		Items []Crawl `json:"items"`
	}
}

func (a *API) listCrawls(ctx context.Context, _ *struct{}) (*crawlList, error) {
	out := &crawlList{}
	out.Body.Items = []Crawl{}
	if a.crawler == nil {
		return out, nil
	}
	jobs, err := a.crawler.States(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	for _, j := range jobs {
		out.Body.Items = append(out.Body.Items, Crawl{
			Job: j.Job, Platform: j.Platform, CountryCode: j.Party.CountryCode, PartyID: j.Party.ID, Module: string(j.Module),
			Active: j.Active, Next: timeOrNil(j.Next), LastFull: timeOrNil(j.LastFull), Failures: j.Failures, Error: j.Error,
			Running: runView(j.Running), Last: runView(j.Last),
		})
	}
	return out, nil
}

func runView(r *crawl.Run) *CrawlRun {
	if r == nil {
		return nil
	}
	v := &CrawlRun{
		Full: r.Full, Started: r.Started.UTC(), Ended: timeOrNil(r.Ended), Error: r.Error, Pages: r.Pages, Total: r.Total, Objects: r.Objects,
		Taken: r.Taken, Refused: r.Refused, Foreign: r.Foreign, Missing: r.Missing, Removed: r.Removed,
	}
	for _, p := range r.Problems {
		v.Problems = append(v.Problems, CrawlProblem(p))
	}
	return v
}

// CrawlRequest says what to fetch.
type CrawlRequest struct {
	Full bool `json:"full,omitempty,omitzero" example:"true" doc:"All of the lists, not what has changed"`
}

// CrawlAsked is what was asked for.
type CrawlAsked struct {
	Lists int `json:"lists" example:"2" doc:"How many lists are fetched"`
}

type crawlAskedOutput struct{ Body CrawlAsked }

func (a *API) crawlPlatform(ctx context.Context, in *struct {
	PlatformPath
	Body *CrawlRequest
}) (*crawlAskedOutput, error) {
	if a.registry.Snapshot().Platform(in.ID) == nil {
		return nil, a.problem(ctx, fmt.Errorf("platform %s: %w", in.ID, party.ErrNotFound))
	}
	if a.crawler == nil {
		return nil, a.problem(ctx, fmt.Errorf("%w: this hub fetches no lists", party.ErrConflict))
	}
	n, err := a.crawler.Ask(ctx, in.ID, in.Body != nil && in.Body.Full)
	if errors.Is(err, crawl.ErrNotPulled) {
		err = fmt.Errorf("%w: %w", party.ErrConflict, err)
	}
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &crawlAskedOutput{CrawlAsked{n}}, nil
}
