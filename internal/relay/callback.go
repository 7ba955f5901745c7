package relay

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/routing"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/trace"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/convert"
)

// Call is a request to a capability URL.
type Call struct {
	Platform *party.Platform
	ID       string
	Method   string
	Header   ocpi.Header
	Body     []byte
	Received time.Time
}

// inUse marks single-use capabilities while their result is on its way, so
// that two results at once cannot both be delivered.
type inUse struct{ ids sync.Map }

func (u *inUse) take(id string) bool { _, taken := u.ids.LoadOrStore(id, nil); return !taken }
func (u *inUse) free(id string)      { u.ids.Delete(id) }

// noCapability is the one answer for an id that does not exist, has expired or
// belongs to somebody else.
func noCapability() *ocpi.Error {
	return ocpi.NotFound(ocpi.StatusClientError, "this URL leads nowhere (any more)")
}

// Callback forwards a request to the URL that a capability stands for. Only the
// platform it was given to may use it.
func (r *Relay) Callback(ctx context.Context, c Call) (Answer, error) {
	capability, ok, err := r.Store.Capability(ctx, c.ID)
	if err != nil {
		return Answer{}, unavailable(err)
	}
	if !ok || capability.Caller != c.Platform.ID {
		return Answer{}, noCapability()
	}
	if from := c.Header.From; !from.IsZero() && !capability.CallerParty.Is(from.CountryCode, from.ID) {
		return Answer{}, noCapability()
	}
	wantPost := capability.Kind == kindResponse || capability.Kind == kindResults
	if wantPost != (c.Method == http.MethodPost) || !wantPost && c.Method != http.MethodGet {
		return Answer{}, &ocpi.Error{HTTP: http.StatusMethodNotAllowed, Status: ocpi.StatusClientError, Message: "method: not allowed on this URL"}
	}
	x, err := r.callbackExchange(c, capability)
	if err != nil {
		return Answer{}, err
	}
	if capability.Kind == kindResponse {
		if !r.busy.take(c.ID) {
			return Answer{}, noCapability()
		}
		defer r.busy.free(c.ID)
	}
	m := r.message(x)
	m.Mode = "callback"
	a, err := r.callback(ctx, x, capability, &m)
	r.finish(x.Received, &m, a, err)
	return a, err
}

func (r *Relay) callback(ctx context.Context, x *Exchange, capability store.Capability, m *trace.Message) (Answer, error) {
	body := x.Body
	if to := x.Target.Platform.Version; to != x.Version && len(body) > 0 {
		out, losses, err := convert.Body(convert.Message{
			Module: x.Request.Module, Interface: x.Request.Interface, Method: x.Request.Method,
		}, x.Version, to, body)
		if err != nil {
			return Answer{}, inconvertible("the result", err)
		}
		note(m, losses)
		body = out
	}
	a, err := r.send(ctx, x, capability.URL, body, m)
	if err == nil && a.Accepted {
		r.delivered(ctx, capability)
	}
	return a, err
}

// callbackExchange finds the two parties of a capability as they are now.
func (r *Relay) callbackExchange(c Call, capability store.Capability) (*Exchange, error) {
	snap := r.Registry.Snapshot()
	module, iface := ocpi.Module(capability.Module), ocpi.Interface(capability.Interface)
	from := partyOf(snap, capability.CallerParty, capability.Caller, module.Implementer(iface).Opposite())
	target := partyOf(snap, capability.OwnerParty, capability.Owner, module.Implementer(iface))
	if from == nil || target == nil || !snap.Related(from, target, time.Now()) {
		return nil, noCapability()
	}
	if !target.Reachable() || target.Status == party.Offline {
		return nil, &ocpi.Error{Status: ocpi.StatusHubConnection, Message: "receiver is not connected"}
	}
	h := c.Header
	h.From, h.To = ocpi.ClaimOf(from.ID), ocpi.ClaimOf(target.ID)
	return &Exchange{
		Header: h, Version: c.Platform.Version, Body: c.Body, Target: target, Mode: routing.Direct, Received: c.Received,
		Request: routing.Request{Module: module, Interface: iface, Method: c.Method, From: from, To: target.ID},
	}, nil
}

// partyOf finds a party on one platform and side; nil when it is gone.
func partyOf(snap *party.Snapshot, id ocpi.PartyID, platform string, side ocpi.Side) *party.Party {
	for _, p := range snap.Parties(id) {
		if p.Platform.ID == platform && (side == ocpi.AnySide || p.Role.Side() == side) {
			return p
		}
	}
	return nil
}

// delivered notes that a result has arrived: a URL for one result is used up,
// one for several no longer has an overdue result. Should the write fail, the
// worst is that a second result, or a TIMEOUT, would be delivered as well.
func (r *Relay) delivered(ctx context.Context, c store.Capability) {
	switch {
	case c.Kind == kindResponse:
		c.Expires = 1
	case c.Kind != kindResults || c.Due < 0:
		return
	}
	c.Due = -1
	err := r.Store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.PutCapability(c) })
	if err != nil {
		r.Log.Warn("a used response_url could not be closed", "module", c.Module, "err", err)
	}
}
