package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// DeadLetter is a change that its receiver refused for good. There is one open
// letter for an object and receiver: a later refusal takes its place.
type DeadLetter struct {
	ID          string    `json:"id" example:"18c2a7f0e3b1d4005kq2mz7a"`
	Lane        string    `json:"lane" example:"4q7xk2m9p1ab/DE-EM1/EMSP" doc:"Of a CDR: bill/ and its provider"`
	Platform    string    `json:"platform_id" example:"4q7xk2m9p1ab"`
	CountryCode string    `json:"country_code" example:"DE" doc:"Of the receiver"`
	PartyID     string    `json:"party_id" example:"EM1" doc:"Of the receiver"`
	Role        string    `json:"role" example:"EMSP" doc:"Of the receiver"`
	Module      string    `json:"module" example:"locations"`
	Owner       string    `json:"owner" example:"NL-CP1"`
	Object      string    `json:"object" example:"LOC1" doc:"Id of the object, as its owner spells it"`
	Seq         int64     `json:"seq" example:"4711" doc:"Place of the object in the feed when it was sent; of a CDR its number in the ledger"`
	Method      string    `json:"method" example:"PUT"`
	URL         string    `json:"url" example:"https://emsp.example.com/ocpi/2.2.1/locations/NL/CP1/LOC1"`
	HTTPStatus  int       `json:"http_status,omitempty" example:"200"`
	OCPIStatus  int       `json:"ocpi_status,omitempty" example:"2001"`
	Error       string    `json:"error" example:"the receiver answered 2001: Invalid or missing parameters"`
	Attempts    int       `json:"attempts" example:"1"`
	Version     string    `json:"version" example:"2.2.1" doc:"OCPI version that the receiver was spoken to in"`
	State       string    `json:"state" enum:"open,queued,replayed,superseded,discarded" example:"open" doc:"open: nothing was done about it; queued: to be sent again; replayed: sent again and taken; superseded: the receiver took a later state; discarded: given up"`
	Created     time.Time `json:"created" example:"2026-01-02T03:04:05Z" doc:"When it was first refused"`
	Updated     time.Time `json:"updated" example:"2026-01-02T03:04:05Z" doc:"When it was last refused, or the state changed"`
}

// Exchange is a dead letter with what was sent and answered, and what the
// object is now.
type Exchange struct {
	DeadLetter
	Words          string         `json:"words" example:"DE-EM1 refused the PUT of locations NL-CP1 LOC1: OCPI status 2001 (invalid or missing parameters)." doc:"What happened, in a sentence"`
	RequestHeader  string         `json:"request_header" example:"Content-Type: application/json\n" doc:"Without credentials"`
	Request        string         `json:"request" example:"{\"id\":\"LOC1\"}" doc:"Body, at most 16 KiB of it"`
	ResponseHeader string         `json:"response_header" example:"Content-Type: application/json\n" doc:"Without credentials"`
	Response       string         `json:"response" example:"{\"status_code\":2001}" doc:"Body, at most 16 KiB of it"`
	Now            *PresentObject `json:"now,omitempty" doc:"The object as the hub has it now; absent when it is unknown"`
	Changed        bool           `json:"changed" example:"false" doc:"The object has changed since: a replay sends what is in now"`
}

// PresentObject is what a replay would send.
type PresentObject struct {
	Seq         int64           `json:"seq" example:"4711"`
	Deleted     bool            `json:"deleted" example:"false"`
	LastUpdated time.Time       `json:"last_updated" example:"2026-01-02T03:04:05Z"`
	Body        json.RawMessage `json:"body,omitempty"`
}

// LetterFilter selects dead letters; what is absent selects nothing out.
type LetterFilter struct {
	Party    string    `query:"party" json:"party,omitempty" maxLength:"6" example:"DE-EM1" doc:"Receiver"`
	Platform string    `query:"platform" json:"platform,omitempty" maxLength:"64" example:"4q7xk2m9p1ab" doc:"Platform of the receiver"`
	Module   string    `query:"module" json:"module,omitempty" enum:"locations,tariffs,tokens,hubclientinfo,cdrs" example:"locations"`
	Code     int       `query:"code" json:"code,omitzero" minimum:"0" maximum:"9999" example:"2001" doc:"HTTP or OCPI status of the answer"`
	State    string    `query:"state" json:"state,omitempty" enum:"open,queued,replayed,superseded,discarded" example:"open"`
	From     time.Time `query:"from" json:"from,omitzero" example:"2026-01-02T03:04:05Z" doc:"Refused or changed at this time or later"`
	To       time.Time `query:"to" json:"to,omitzero" example:"2026-01-02T03:04:05Z" doc:"Refused or changed before this time"`
	FirstID  string    `query:"first_id" json:"first_id,omitempty" maxLength:"40" example:"18c2a7f0e3b1d4005kq2mz7a" doc:"The oldest of a range of ids, inclusive"`
	LastID   string    `query:"last_id" json:"last_id,omitempty" maxLength:"40" example:"18c2a7f0e3b1d4005kq2mz7a" doc:"The newest of a range of ids, inclusive"`
}

type letterQuery struct {
	LetterFilter
	Cursor string `query:"cursor" maxLength:"40" pattern:"^([0-9a-f]{16}[a-z2-7]{8})?$" patternDescription:"the value of next in the answer before" example:"18c2a7f0e3b1d4005kq2mz7a" doc:"The value of next in the answer before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" example:"100"`
}

type letterList struct {
	Body struct {
		Items []DeadLetter `json:"items"`
		Next  string       `json:"next,omitempty" example:"18c2a7f0e3b1d4005kq2mz7a" doc:"Value of cursor for the next page; absent on the last one"`
	}
}

// LetterPath names a dead letter in a path.
type LetterPath struct {
	ID string `path:"id" maxLength:"40" example:"18c2a7f0e3b1d4005kq2mz7a" doc:"Id of the dead letter"`
}

type exchangeOutput struct{ Body Exchange }

// query reads the filter, which stands in the place "query" or "body".
func (f LetterFilter) query(place string) (store.LetterQuery, error) {
	q := store.LetterQuery{
		Platform: f.Platform, Kind: f.Module, Code: f.Code, State: f.State, MinID: f.FirstID, MaxID: f.LastID,
	}
	refuse := func(name, message string) (store.LetterQuery, error) {
		return q, huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{Location: place + "." + name, Message: message})
	}
	if f.Party != "" {
		var err error
		if q.Receiver, err = ocpi.ParsePartyString(f.Party); err != nil {
			return refuse("party", "must be two letters, then three letters or digits, such as DE-EM1")
		}
	}
	for _, t := range [...]struct{ name, text string }{{"platform", f.Platform}, {"first_id", f.FirstID}, {"last_id", f.LastID}} {
		if !plain(t.text) {
			return refuse(t.name, notPlain)
		}
	}
	if !f.From.IsZero() {
		q.From = f.From.UnixMicro()
	}
	if !f.To.IsZero() {
		q.To = f.To.UnixMicro()
	}
	return q, nil
}

func (a *API) listDeadLetters(ctx context.Context, in *letterQuery) (*letterList, error) {
	q, err := in.LetterFilter.query("query")
	if err != nil {
		return nil, err
	}
	q.Before, q.Limit = in.Cursor, in.Limit+1
	letters, err := a.store.DeadLetters(ctx, q)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := &letterList{}
	out.Body.Items = []DeadLetter{}
	if len(letters) > in.Limit {
		letters = letters[:in.Limit]
		out.Body.Next = letters[in.Limit-1].ID
	}
	for _, d := range letters {
		out.Body.Items = append(out.Body.Items, letterView(d))
	}
	return out, nil
}

func (a *API) getDeadLetter(ctx context.Context, in *LetterPath) (*exchangeOutput, error) {
	d, found, err := a.store.DeadLetter(ctx, in.ID)
	if err == nil && !found {
		err = fmt.Errorf("dead letter %s: %w", in.ID, party.ErrNotFound)
	}
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := &exchangeOutput{Exchange{
		DeadLetter: letterView(d), Words: letterWords(d),
		RequestHeader: d.RequestHeader, Request: printableBody(d.Request),
		ResponseHeader: d.ResponseHeader, Response: printableBody(d.Response),
	}}
	o, found, err := a.store.Object(ctx, d.Key)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out.Body.Changed = !found || o.Seq != d.Seq
	if d.Key.Kind == string(ocpi.CDRs) { // a CDR that was accepted never changes
		out.Body.Changed = !found || o.Deleted
	}
	if found {
		out.Body.Now = &PresentObject{Seq: o.Seq, Deleted: o.Deleted, LastUpdated: time.UnixMicro(o.LastUpdated).UTC()}
		if !o.Deleted && json.Valid(o.Body) {
			out.Body.Now.Body = o.Body
		}
	}
	return out, nil
}

func letterView(d store.DeadLetter) DeadLetter {
	return DeadLetter{
		ID: d.ID, Lane: d.Lane, Platform: d.Platform, CountryCode: d.Receiver.CountryCode, PartyID: d.Receiver.ID, Role: d.Role,
		Module: d.Key.Kind, Owner: d.Key.Party.String(), Object: d.Name, Seq: d.Seq, Method: d.Method, URL: d.URL,
		HTTPStatus: d.HTTPStatus, OCPIStatus: d.OCPIStatus, Error: d.Error, Attempts: d.Attempts, Version: d.Version,
		State: d.State, Created: time.UnixMicro(d.Created).UTC(), Updated: time.UnixMicro(d.Updated).UTC(),
	}
}

// letterWords says what happened.
func letterWords(d store.DeadLetter) string {
	if d.Key.Kind == string(ocpi.CDRs) && d.HTTPStatus == 0 {
		s := fmt.Sprintf("%s has not taken the CDR %s %s", d.Receiver, d.Key.Party, d.Name)
		if d.Error != "" {
			s += ": " + d.Error
		}
		return s + "."
	}
	s := fmt.Sprintf("%s refused the %s of %s %s %s: ", d.Receiver, d.Method, d.Key.Kind, d.Key.Party, d.Name)
	switch {
	case d.HTTPStatus == 0:
		s += "it gave no answer that could be read"
	case d.HTTPStatus/100 != 2 || d.OCPIStatus == 0:
		s += fmt.Sprintf("HTTP status %d (%s)", d.HTTPStatus, http.StatusText(d.HTTPStatus))
	default:
		s += fmt.Sprintf("OCPI status %d (%s)", d.OCPIStatus, statusWords(d.OCPIStatus))
	}
	if d.Error != "" {
		s += "; " + d.Error
	}
	return s + "."
}

// statusWords says what a status code of OCPI means (OCPI 2.2.1 §5).
func statusWords(status int) string {
	switch {
	case status == ocpi.StatusInvalidParameters:
		return "invalid or missing parameters"
	case status == ocpi.StatusNotEnoughInfo:
		return "not enough information"
	case status == ocpi.StatusUnknownLocation:
		return "unknown location, EVSE or connector"
	case status == ocpi.StatusUnknownToken:
		return "unknown token"
	case status/1000 == 2:
		return "the receiver says that the message is wrong"
	case status/1000 == 3:
		return "the receiver says that it failed"
	}
	return "not a status of OCPI"
}

// printableBody makes bytes of a partner fit for JSON.
func printableBody(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	out := make([]rune, 0, len(b))
	for _, c := range string(b) {
		out = append(out, c) // what is not UTF-8 becomes U+FFFD
	}
	return string(out)
}
