// Package api is the REST API for the operator of the hub, under /api/v1:
// who is connected, who may talk to whom, what was published and what happened
// to each message. A file per resource; [API.routes] is the whole table.
//
// Every request carries the admin token as Authorization: Bearer. What belongs to
// the ledger is open to connected platforms as well, with their OCPI credentials
// token, for the CDRs of their parties; see access.go. Bodies are
// JSON, errors are problem details (RFC 9457), lists are objects with "items"
// and, where there is more, "next". The description at /api/v1/openapi.json is
// made from the Go types and needs no token.
package api

import (
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/internal/country"
	"github.com/eroam/eroam/internal/crawl"
	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/quality"
	"github.com/eroam/eroam/internal/station"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/trace"
)

// prefix is where the API lives.
const prefix = "/api/v1"

// Options are what the API works with. All but Trace, Lanes, Stations, Quality and
// Log must be set.
type Options struct {
	Registry   *party.Registry
	Store      *store.Store
	Trace      *trace.Recorder                                         // nil: no messages are found
	Lanes      func(ctx context.Context) ([]delivery.LaneState, error) // nil: none
	Stations   *station.Index                                          // nil: stations are not found
	Quality    *quality.Judge                                          // nil: data is not judged
	Crawler    *crawl.Crawler                                          // nil: no lists are fetched
	Ledger     *ledger.Ledger                                          // nil: there are no CDRs to see
	AdminToken [sha256.Size]byte                                       // SHA-256 of the token
	Hub        Hub                                                     // what GET /hub answers
	Log        *slog.Logger                                            // nil: nothing is logged
}

// API is the http.Handler for everything under /api/.
type API struct {
	registry *party.Registry
	store    *store.Store
	trace    *trace.Recorder
	lanes    func(ctx context.Context) ([]delivery.LaneState, error)
	stations *station.Index
	quality  *quality.Judge
	crawler  *crawl.Crawler
	ledger   *ledger.Ledger
	hub      Hub
	log      *slog.Logger

	countries country.Codes

	mux     *http.ServeMux
	openAPI []byte
	door    *door
	shared  map[string]bool // patterns of mux that platforms may use too
	turns   turns
}

// New builds the routes.
func New(o Options) (*API, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Lanes == nil {
		o.Lanes = func(context.Context) ([]delivery.LaneState, error) { return nil, nil }
	}
	a := &API{
		registry: o.Registry, store: o.Store, trace: o.Trace, lanes: o.Lanes, stations: o.Stations, quality: o.Quality, crawler: o.Crawler, ledger: o.Ledger, hub: o.Hub, log: o.Log,
		mux:  http.NewServeMux(),
		door: newDoor(o.AdminToken, o.Registry.Authenticate, o.Log), shared: map[string]bool{},
	}
	var err error
	if a.countries, err = country.LoadCodes(); err != nil {
		return nil, err
	}
	h := humago.NewWithPrefix(a.mux, prefix, a.humaConfig(o.Hub.Version))
	a.routes(h)
	if a.openAPI, err = h.OpenAPI().MarshalJSON(); err != nil {
		return nil, err
	}
	return a, nil
}

// routes is the whole table.
func (a *API) routes(h huma.API) {
	get(h, "/hub", a.getHub, "hub", "What the hub is called and where it is")

	post(h, "/platforms", a.invitePlatform, "platforms", "Invite a platform", http.StatusCreated)
	get(h, "/platforms", a.listPlatforms, "platforms", "List platforms")
	get(h, "/platforms/{id}", a.getPlatform, "platforms", "Get a platform")
	patch(h, "/platforms/{id}", a.updatePlatform, "platforms", "Change what is granted to a platform, or suspend it")
	remove(h, "/platforms/{id}", a.removePlatform, "platforms", "Remove a platform and free its party ids")
	post(h, "/platforms/{id}/connect", a.connectPlatform, "platforms", "Start the credentials handshake with a platform", http.StatusOK)
	post(h, "/platforms/{id}/invite", a.reinvitePlatform, "platforms", "Make a new registration token for a platform", http.StatusCreated)
	post(h, "/platforms/{id}/rotate", a.rotatePlatform, "platforms", "Replace the tokens between the hub and a platform", http.StatusOK)
	post(h, "/platforms/{id}/crawl", a.crawlPlatform, "platforms", "Fetch the lists of a platform now", http.StatusOK)

	get(h, "/parties", a.listParties, "parties", "List parties")
	get(h, "/parties/{country_code}/{party_id}/{role}/delivery", a.getDelivery, "parties", "Get what is pushed to a party, and how fast")
	put(h, "/parties/{country_code}/{party_id}/{role}/delivery", a.putDelivery, "parties", "Replace what is pushed to a party, and how fast")

	put(h, "/agreements/{id}", a.putAgreement, "agreements", "Make or replace an agreement")
	get(h, "/agreements", a.listAgreements, "agreements", "List agreements")
	get(h, "/agreements/{id}", a.getAgreement, "agreements", "Get an agreement")
	remove(h, "/agreements/{id}", a.deleteAgreement, "agreements", "End an agreement")

	get(h, "/objects", a.listObjects, "objects", "List published objects of one kind")
	get(h, "/stations", a.listStations, "stations", "Find stations by place, connector, power and state")
	get(h, "/quality", a.getQuality, "quality", "What is odd in the published data, by owner, with a score")
	get(h, "/quality/findings", a.listFindings, "quality", "List what is odd in the published data")

	get(h, "/messages", a.findMessages, "messages", "Find what happened to messages")
	get(h, "/lanes", a.listLanes, "lanes", "List the lanes that deliver published objects")
	get(h, "/crawls", a.listCrawls, "crawls", "List the lists that are fetched from platforms that do not push")

	get(h, "/dead-letters", a.listDeadLetters, "dead letters", "List what receivers refused, the newest first")
	get(h, "/dead-letters/{id}", a.getDeadLetter, "dead letters", "Get a dead letter with its exchange")
	post(h, "/dead-letters/{id}/replay", a.replayDeadLetter, "dead letters", "Have the object of a dead letter sent again, in its present state", http.StatusOK)
	post(h, "/dead-letters/{id}/discard", a.discardDeadLetter, "dead letters", "Give a dead letter up", http.StatusOK)
	post(h, "/dead-letters/replay", a.replayDeadLetters, "dead letters", "Have the objects of many dead letters sent again", http.StatusOK)
	post(h, "/dead-letters/discard", a.discardDeadLetters, "dead letters", "Give many dead letters up", http.StatusOK)
	a.ledgerRoutes(h)
	get(h, "/audit", a.listAudit, "audit", "List what was done through this API to what the hub keeps, the newest first")
}

func (a *API) humaConfig(version string) huma.Config {
	c := huma.DefaultConfig("eroam admin API", version)
	c.Info.Description = "The operator's side of the hub, and the ledger for the parties of its CDRs. Every request but the one for this document carries the admin token, or, where that is said, the credentials token of a connected platform."
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil // no $schema member in answers
	c.RejectUnknownQueryParameters = true
	c.Formats = map[string]huma.Format{"application/json": strictJSON, "json": strictJSON}
	c.Transformers = []huma.Transformer{hideValues}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"admin": {Type: "http", Scheme: "bearer", Description: "The admin token"},
		"platform": {
			Type: "apiKey", In: "header", Name: "Authorization",
			Description: "Token, a space and the credentials token of a connected platform, encoded as in its OCPI requests; it sees the CDRs of its parties",
		},
	}
	c.Security = []map[string][]string{{"admin": {}}}
	return c
}

// strictJSON refuses duplicate names, names in another letter case and invalid
// UTF-8, and writes an empty list as [].
var strictJSON = huma.Format{
	Marshal:   func(w io.Writer, v any) error { return json.MarshalWrite(w, v) },
	Unmarshal: readStrict,
}

// hideValues keeps what was sent out of error answers, where a token could be
// among it. The location is enough to find it.
func hideValues(_ huma.Context, _ string, v any) (any, error) {
	if p, ok := v.(*huma.ErrorModel); ok {
		for _, e := range p.Errors {
			e.Value = nil
		}
	}
	return v, nil
}

// ServeHTTP answers a request for a path under /api/.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.URL.Path == prefix+"/openapi.json" && r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "application/json")
		w.Write(a.openAPI)
		return
	}
	who, ok := a.door.open(w, r)
	if !ok {
		return
	}
	if e := oddText(r.URL); e != nil {
		writeProblem(w, http.StatusUnprocessableEntity, "validation failed", e)
		return
	}
	h, pattern := a.mux.Handler(r)
	if !who.operator && !a.shared[pattern] {
		writeProblem(w, http.StatusForbidden, "The token of a platform opens what belongs to the ledger of its CDRs only.")
		return
	}
	if pattern == "" {
		// net/http would say 404 or 405 in plain text.
		m := missing{header: http.Header{}}
		h.ServeHTTP(&m, r)
		if allow := m.header.Get("Allow"); allow != "" {
			w.Header().Set("Allow", allow)
			writeProblem(w, http.StatusMethodNotAllowed, "This path has no method "+r.Method+".")
			return
		}
		writeProblem(w, http.StatusNotFound, "There is no such path.")
		return
	}
	leave, ok := a.turns.enter(who)
	if !ok {
		w.Header().Set("Retry-After", "1")
		writeProblem(w, http.StatusTooManyRequests, "This platform has too many requests under way.")
		return
	}
	defer leave()
	a.mux.ServeHTTP(w, withCaller(r, who))
}

// missing takes the answer that net/http has for a path without a handler.
type missing struct{ header http.Header }

func (m *missing) Header() http.Header         { return m.header }
func (m *missing) Write(b []byte) (int, error) { return len(b), nil }
func (m *missing) WriteHeader(int)             {}

// operation describes a route; its id is the method and the path in words.
func operation(method, path, tag, summary string, status int, errors ...int) huma.Operation {
	words := strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune("/{}", r) })
	return huma.Operation{
		OperationID: strings.ToLower(method) + "-" + strings.Join(words, "-"),
		Method:      method, Path: path, Tags: []string{tag}, Summary: summary, DefaultStatus: status,
		Errors: append([]int{http.StatusUnauthorized, http.StatusTooManyRequests}, errors...),
	}
}

func get[I, O any](h huma.API, path string, f handler[I, O], tag, summary string) {
	huma.Register(h, operation(http.MethodGet, path, tag, summary, http.StatusOK, notFoundIf(path)...), f)
}

func post[I, O any](h huma.API, path string, f handler[I, O], tag, summary string, status int) {
	huma.Register(h, operation(http.MethodPost, path, tag, summary, status, append(notFoundIf(path), http.StatusConflict)...), f)
}

func put[I, O any](h huma.API, path string, f handler[I, O], tag, summary string) {
	huma.Register(h, operation(http.MethodPut, path, tag, summary, http.StatusOK, http.StatusConflict), f)
}

func patch[I, O any](h huma.API, path string, f handler[I, O], tag, summary string) {
	huma.Register(h, operation(http.MethodPatch, path, tag, summary, http.StatusOK, http.StatusNotFound, http.StatusConflict), f)
}

func remove[I, O any](h huma.API, path string, f handler[I, O], tag, summary string) {
	huma.Register(h, operation(http.MethodDelete, path, tag, summary, http.StatusNoContent, http.StatusNotFound), f)
}

func notFoundIf(path string) []int {
	if strings.Contains(path, "{") {
		return []int{http.StatusNotFound}
	}
	return nil
}
