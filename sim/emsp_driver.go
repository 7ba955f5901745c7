package sim

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/v221"
)

// serveTokens lists tokens and answers authorisation requests (OCPI 2.2.1
// §12.2.2).
func (e *EMSP) serveTokens(_ context.Context, k *call) (*reply, error) {
	switch {
	case k.method == http.MethodGet && len(k.path) == 0:
		e.mu.Lock()
		var all []listed
		for _, key := range e.order {
			t := e.tokens[key]
			all = append(all, listed{t.Updated, func() []byte { return encode(tokenOf(t)) }})
		}
		e.mu.Unlock()
		return e.page(k, all)
	case k.method == http.MethodPost && len(k.path) == 2 && k.path[1] == "authorize":
		return e.authorize(k)
	}
	return nil, wrongMethod()
}

func (e *EMSP) authorize(k *call) (*reply, error) {
	kind := k.query.Get("type")
	if kind == "" {
		kind = string(v221.RFID)
	}
	var refs *v221.LocationReferences
	if len(k.body) > 0 {
		refs = &v221.LocationReferences{}
		if err := unmarshal(k.body, refs); err != nil {
			return nil, err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	key := tokenKey{e.party.ID, ocpi.FoldID(k.path[0]), kind}
	t, ok := e.tokens[key]
	if !ok {
		return nil, ocpi.NotFound(ocpi.StatusUnknownToken, "unknown token")
	}
	info := v221.AuthorizationInfo{Allowed: v221.Allowed, Token: tokenOf(t), Location: refs}
	if !t.Valid {
		info.Allowed = "BLOCKED"
		return &reply{data: encode(info)}, nil
	}
	info.AuthorizationReference = e.reference(key)
	return &reply{data: encode(info)}, nil
}

// reference gives out an authorization reference; e.mu is held.
func (e *EMSP) reference(k tokenKey) string {
	ref := ocpi.NewMessageID()
	e.references[ref] = k
	return ref
}

// Command is a command on its way: its immediate response and, later, its result.
type Command struct {
	ID       string // also the reservation id of RESERVE_NOW
	Kind     v221.CommandType
	Operator ocpi.PartyID
	Response v221.CommandResponseType // empty where there was none
	Sent     time.Time

	done    chan struct{} // closed at the first result
	results []v221.CommandResultType
	emsp    *EMSP
}

// Wait returns the result that came first. The error is that of ctx.
func (c *Command) Wait(ctx context.Context) (v221.CommandResultType, error) {
	select {
	case <-c.done:
		return c.Results()[0], nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Results returns all results so far: a cancelled reservation has two.
func (c *Command) Results() []v221.CommandResultType {
	c.emsp.mu.Lock()
	defer c.emsp.mu.Unlock()
	return append([]v221.CommandResultType(nil), c.results...)
}

// StartSession commands an operator to start a session for one of our tokens
// (OCPI 2.2.1 §13.3.5). On an error it is not known whether the command has
// arrived; it is never sent twice.
func (e *EMSP) StartSession(ctx context.Context, at Place, uid, kind string) (*Command, error) {
	t, ref, err := e.use(uid, kind)
	if err != nil {
		return nil, err
	}
	return e.command(ctx, at.Operator, v221.CommandStartSession, func(c *Command, url string) any {
		return v221.StartSession{
			ResponseURL: url, Token: tokenOf(t), LocationID: at.Location, EVSEUID: at.EVSE, ConnectorID: at.Connector,
			AuthorizationReference: ref,
		}
	})
}

// StopSession commands an operator to stop a session.
func (e *EMSP) StopSession(ctx context.Context, operator ocpi.PartyID, session string) (*Command, error) {
	return e.command(ctx, operator, v221.CommandStopSession, func(_ *Command, url string) any {
		return v221.StopSession{ResponseURL: url, SessionID: session}
	})
}

// Reserve commands an operator to keep an EVSE for one of our tokens. The id of
// the reservation is that of the command.
func (e *EMSP) Reserve(ctx context.Context, at Place, uid, kind string, until time.Time) (*Command, error) {
	t, ref, err := e.use(uid, kind)
	if err != nil {
		return nil, err
	}
	return e.command(ctx, at.Operator, v221.CommandReserveNow, func(c *Command, url string) any {
		return v221.ReserveNow{
			ResponseURL: url, Token: tokenOf(t), ExpiryDate: ocpi.NewDateTime(until), ReservationID: c.ID,
			LocationID: at.Location, EVSEUID: at.EVSE, AuthorizationReference: ref,
		}
	})
}

// CancelReservation commands an operator to give up a reservation.
func (e *EMSP) CancelReservation(ctx context.Context, operator ocpi.PartyID, reservation string) (*Command, error) {
	return e.command(ctx, operator, v221.CommandCancelReservation, func(_ *Command, url string) any {
		return v221.CancelReservation{ResponseURL: url, ReservationID: reservation}
	})
}

// Unlock commands an operator to unlock a connector.
func (e *EMSP) Unlock(ctx context.Context, at Place) (*Command, error) {
	return e.command(ctx, at.Operator, v221.CommandUnlockConnector, func(_ *Command, url string) any {
		return v221.UnlockConnector{ResponseURL: url, LocationID: at.Location, EVSEUID: at.EVSE, ConnectorID: at.Connector}
	})
}

// use returns a token and a fresh reference for it.
func (e *EMSP) use(uid, kind string) (Token, string, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	key := tokenKey{e.party.ID, ocpi.FoldID(uid), kind}
	t, ok := e.tokens[key]
	if !ok {
		return t, "", fmt.Errorf("%s has no such token", e.party.ID)
	}
	return t, e.reference(key), nil
}

func (e *EMSP) command(ctx context.Context, operator ocpi.PartyID, kind v221.CommandType, body func(*Command, string) any) (*Command, error) {
	c := &Command{ID: ocpi.NewMessageID(), Kind: kind, Operator: operator, Sent: time.Now(), done: make(chan struct{}), emsp: e}
	e.mu.Lock()
	e.commands[c.ID] = c
	e.mu.Unlock()
	url := e.url("/" + string(e.cfg.Version) + endpoint{ocpi.Commands, ocpi.Sender}.path() + "/" + string(kind) + "/" + c.ID)
	a, err := e.send(ctx, request{
		endpoint: endpoint{ocpi.Commands, ocpi.Receiver}, method: http.MethodPost, path: []string{string(kind)},
		body: encode(body(c, url)), from: e.party.ID, to: operator, retry: once,
	})
	if err != nil {
		return c, fmt.Errorf("sending %s: %w", kind, err)
	}
	var response v221.CommandResponse
	if err := json.Unmarshal(a.Data, &response); err != nil {
		return c, fmt.Errorf("reading the response to %s: %w", kind, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c.Response = response.Result
	return c, nil
}

// serveResults takes the results of commands at their response_url.
func (e *EMSP) serveResults(_ context.Context, k *call) (*reply, error) {
	if k.method != http.MethodPost || len(k.path) != 2 {
		return nil, wrongMethod()
	}
	var result v221.CommandResult
	if err := unmarshal(k.body, &result); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.commands[k.path[1]]
	if c == nil || string(c.Kind) != k.path[0] {
		return nil, ocpi.NotFound(ocpi.StatusInvalidParameters, "unknown command")
	}
	if !k.from.IsZero() && k.from != c.Operator {
		e.mismatch(ocpi.Commands, k.from, c.ID, "is answered by another operator than it was sent to")
		return nil, ocpi.Invalid("OCPI-from-party-id", "is not who the command was sent to")
	}
	c.results = append(c.results, result.Result)
	if len(c.results) == 1 {
		close(c.done)
	}
	return nil, nil
}
