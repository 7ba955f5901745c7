package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/eroam/eroam/internal/delivery"
)

// Lane is the way of published objects to one receiver.
type Lane struct {
	Lane        string     `json:"lane" example:"4q7xk2m9p1ab/DE-EM1/EMSP" doc:"Platform, party and role of the receiver"`
	CountryCode string     `json:"country_code" example:"DE"`
	PartyID     string     `json:"party_id" example:"EM1"`
	Role        string     `json:"role" example:"EMSP"`
	Platform    string     `json:"platform_id" example:"4q7xk2m9p1ab"`
	State       string     `json:"state" example:"idle" doc:"What it does now: idle, sending, retrying, offline, paused; elsewhere: another process has it and knows more; waiting: for a moment none has it"`
	Node        string     `json:"node,omitempty" example:"hub-1:8080" doc:"The process that has the lane, where several share the database"`
	Cursor      int64      `json:"cursor" example:"4700" doc:"Everything up to this place of the feed is delivered"`
	Behind      int64      `json:"behind" example:"11" doc:"How many places the feed is ahead; most may not concern this receiver"`
	Queued      int        `json:"queued" example:"2" doc:"Changes that were read and are not delivered"`
	InFlight    int        `json:"in_flight" example:"1" doc:"Requests to the receiver under way"`
	Error       string     `json:"error,omitempty" example:"connection refused" doc:"Why the last attempt failed; absent after a success"`
	ErrorAt     *time.Time `json:"error_at,omitempty" example:"2026-01-02T03:04:05Z"`

	Failures     int        `json:"failures,omitempty" example:"3" doc:"Attempts in a row that the receiver did not take"`
	FailingSince *time.Time `json:"failing_since,omitempty" example:"2026-01-02T03:04:05Z" doc:"The first of them"`
	NextAttempt  *time.Time `json:"next_attempt,omitempty" example:"2026-01-02T03:04:07Z" doc:"When it is tried again"`
	RateLimited  bool       `json:"rate_limited,omitempty" example:"false" doc:"Something waits only because of the receiver's rate"`
	DeadLetters  int        `json:"dead_letters,omitempty" example:"1" doc:"Objects that the receiver refused and that nothing was done about"`
}

type laneList struct {
	Body struct {
		Items []Lane `json:"items"`
	}
}

func (a *API) listLanes(ctx context.Context, _ *struct{}) (*laneList, error) {
	out := &laneList{}
	out.Body.Items = []Lane{}
	lanes, err := a.lanes(ctx)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	for _, l := range lanes {
		out.Body.Items = append(out.Body.Items, laneView(l))
	}
	slices.SortFunc(out.Body.Items, func(a, b Lane) int { return cmp.Compare(a.Lane, b.Lane) })
	return out, nil
}

func laneView(l delivery.LaneState) Lane {
	return Lane{
		Lane: l.Lane, CountryCode: l.Receiver.CountryCode, PartyID: l.Receiver.ID, Role: string(l.Role),
		Platform: l.Platform, State: l.State, Node: l.Node, Cursor: l.Cursor, Behind: l.Behind,
		Queued: l.Queued, InFlight: l.InFlight, Error: l.Error, ErrorAt: timeOrNil(l.ErrorAt),
		Failures: l.Failures, FailingSince: timeOrNil(l.FailingSince), NextAttempt: timeOrNil(l.NextAttempt),
		RateLimited: l.RateLimited, DeadLetters: l.DeadLetters,
	}
}
