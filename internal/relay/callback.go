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

// inUse counts the results that are on their way, by capability, so that two
// results for a single-use URL, or a result and a TIMEOUT, cannot both be
// delivered. The zero value is ready.
type inUse struct {
	mu  sync.Mutex
	ids map[string]int // below 0: held alone
}

// enter reports whether a result may be sent now. With alone it may only when
// no other is on its way, and none may follow until leave.
func (u *inUse) enter(id string, alone bool) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	n := u.ids[id]
	if n < 0 || alone && n > 0 {
		return false
	}
	if u.ids == nil {
		u.ids = make(map[string]int)
	}
	if u.ids[id] = n + 1; alone {
		u.ids[id] = -1
	}
	return true
}

func (u *inUse) leave(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ids[id]--; u.ids[id] <= 0 {
		delete(u.ids, id)
	}
}

// noCapability is the one answer for an id that does not exist, has expired or
// belongs to somebody else.
func noCapability() *ocpi.Error {
	return ocpi.NotFound(ocpi.StatusClientError, "this URL leads nowhere (any more)")
}

// Callback forwards a request to the URL that a capability stands for. Only the
// platform it was given to may use it.
func (r *Relay) Callback(ctx context.Context, c Call) (Answer, error) {
	capability, err := r.usable(ctx, c)
	if err != nil {
		return Answer{}, err
	}
	if c.Method == http.MethodPost {
		if !r.busy.enter(c.ID, capability.Kind == kindResponse) {
			return Answer{}, noCapability()
		}
		defer r.busy.leave(c.ID)
		// Another result may have used it up since it was read.
		if capability, err = r.usable(ctx, c); err != nil {
			return Answer{}, err
		}
	}
	x, err := r.callbackExchange(c, capability)
	if err != nil {
		return Answer{}, err
	}
	if c.Method == http.MethodPost && r.Store.Shared() {
		if x.NotAfter, err = r.claim(ctx, capability); err != nil {
			return Answer{}, err
		}
	}
	m := r.message(x)
	m.Mode = "callback"
	a, err := r.callback(ctx, x, capability, &m)
	if !x.NotAfter.IsZero() {
		r.unclaim(ctx, capability.ID)
	}
	r.finish(x.Received, &m, a, err)
	return a, err
}

// claim does among processes on one database what inUse does in one: until the
// time that it returns nobody else sends a result on the capability, or TIMEOUT
// in its place. It begins after the capability was found usable, and ends that
// itself when it has been used up since.
func (r *Relay) claim(ctx context.Context, c store.Capability) (until time.Time, err error) {
	now := time.Now()
	until = now.Add(r.Timeout + time.Second)
	claimed := false
	err = r.Store.Write(ctx, func(tx *store.Tx) (err error) {
		claimed, err = tx.ClaimCapability(c.ID, now.UnixMicro(), until.UnixMicro(), c.Kind == kindResponse)
		return err
	})
	switch {
	case err != nil:
		return time.Time{}, unavailable(err)
	case !claimed:
		return time.Time{}, noCapability()
	}
	return until, nil
}

// unclaim lets another result be sent, where this one was not delivered. Should
// it fail, the claim ends by itself.
func (r *Relay) unclaim(ctx context.Context, id string) {
	err := r.Store.Write(context.WithoutCancel(ctx), func(tx *store.Tx) error { return tx.UnclaimCapability(id) })
	if err != nil {
		r.Log.Warn("a response_url could not be given back", "err", err)
	}
}

// usable returns the capability of c if c may use it now.
func (r *Relay) usable(ctx context.Context, c Call) (store.Capability, error) {
	capability, ok, err := r.Store.Capability(ctx, c.ID)
	if err != nil {
		return capability, unavailable(err)
	}
	if !ok || capability.Caller != c.Platform.ID {
		return capability, noCapability()
	}
	if from := c.Header.From; !from.IsZero() && !capability.CallerParty.Is(from.CountryCode, from.ID) {
		return capability, noCapability()
	}
	want := http.MethodGet
	if forResult(capability.Kind) {
		want = http.MethodPost
	}
	if c.Method != want {
		return capability, &ocpi.Error{HTTP: http.StatusMethodNotAllowed, Status: ocpi.StatusClientError, Message: "method: not allowed on this URL"}
	}
	return capability, nil
}

func forResult(kind string) bool { return kind == kindResponse || kind == kindResults }

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

// callbackExchange finds the two parties of a capability as they are now. A
// result is still let through while they have any agreement, since somebody
// waits for it; a page or an object only while the agreement covers its module.
// The token of the owner is sent to none but its registered hosts.
func (r *Relay) callbackExchange(c Call, capability store.Capability) (*Exchange, error) {
	snap, now := r.Registry.Snapshot(), time.Now()
	module, iface := ocpi.Module(capability.Module), ocpi.Interface(capability.Interface)
	from := partyOf(snap, capability.CallerParty, capability.Caller, module.Implementer(iface).Opposite())
	target := partyOf(snap, capability.OwnerParty, capability.Owner, module.Implementer(iface))
	if from == nil || !from.Confirmed || target == nil || !registeredHost(target.Platform, capability.URL) {
		return nil, noCapability()
	}
	q := routing.Request{Module: module, Interface: iface, Method: c.Method, From: from, To: target.ID}
	allowed := snap.Related(from, target, now)
	if !forResult(capability.Kind) {
		allowed = snap.Agreement(from, target, routing.ScopeOf(q), now) != nil
	}
	if !allowed {
		return nil, noCapability()
	}
	if !target.Reachable() || target.Status == party.Offline {
		return nil, &ocpi.Error{Status: ocpi.StatusHubConnection, Message: "receiver is not connected"}
	}
	h := c.Header
	h.From, h.To = ocpi.ClaimOf(from.ID), ocpi.ClaimOf(target.ID)
	return &Exchange{
		Header: h, Version: c.Platform.Version, Body: c.Body, Target: target, Mode: routing.Direct, Received: c.Received, Request: q,
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
