package party

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/eroam/eroam/internal/egress"
	"github.com/eroam/eroam/ocpi"
)

// ConnectResult says how a handshake that the hub started ended.
type ConnectResult struct {
	Status         State         `json:"status"` // CONNECTED, or the state that the platform is left in
	Version        ocpi.Version  `json:"version,omitempty"`
	MissingModules []ocpi.Module `json:"missing_modules,omitempty"`
	// IgnoredRoles are roles that the partner named and that are not granted to
	// it: "NL-TNM EMSP".
	IgnoredRoles []string `json:"ignored_roles,omitempty"`
	Message      string   `json:"message,omitempty"` // what went wrong; empty when CONNECTED
}

// Connect registers the hub with a partner that gave its versions URL and a
// TOKEN_A (OCPI 2.2.1 §7.1.1): versions, details of the highest version that
// both speak, then POST with a fresh token that opens the hub's versions before
// the POST is sent. TOKEN_A is not kept. Roles of the answer that were not
// granted are left out and named in the result.
//
// Without a common version or with a required module missing nothing is
// posted. After every failure the platform is as before. The error wraps
// ErrNotFound, ErrInvalid or ErrConflict (suspended); a partner that cannot be
// registered with is a result, not an error.
func (r *Registry) Connect(ctx context.Context, id, versionsURL, tokenA string) (ConnectResult, error) {
	p := r.Platform(ctx, id)
	if p == nil {
		return ConnectResult{}, fmt.Errorf("platform %s: %w", id, ErrNotFound)
	}
	if !ocpi.ValidToken(tokenA) {
		return ConnectResult{}, fmt.Errorf("%w: token_a must be 1 to 64 printable ASCII characters without white space", ErrInvalid)
	}
	if err := r.o.Egress.CheckURL(versionsURL); err != nil || len(versionsURL) > maxURL {
		return ConnectResult{}, fmt.Errorf("%w: versions_url cannot be used", errors.Join(ErrInvalid, err))
	}
	leave, err := r.enter(ctx, p)
	if err != nil {
		return ConnectResult{}, fmt.Errorf("%w: %w", ErrConflict, err)
	}
	defer leave()
	if p = r.Snapshot().Platform(id); p == nil || p.State == StateSuspended {
		return ConnectResult{}, fmt.Errorf("%w: platform %s is suspended or gone", ErrConflict, id)
	}
	res := ConnectResult{Status: p.State}
	err = r.connect(ctx, p, peer{id, versionsURL, tokenA, p.Encoding}, &res)
	r.metrics.exchange("hub", err)
	if err != nil {
		if o, ok := errors.AsType[*ocpi.Error](err); ok {
			res.Message = o.Message
			r.log.WarnContext(ctx, "connecting to a platform failed", "platform", id, "err", err)
			return res, nil
		}
		return res, err
	}
	res.Status = StateConnected
	r.log.InfoContext(ctx, "credentials exchanged", "platform", id, "version", res.Version, "started_by", "hub")
	return res, nil
}

// connect does the handshake. An *ocpi.Error is the partner's failure.
func (r *Registry) connect(ctx context.Context, p *Platform, at peer, res *ConnectResult) error {
	m, err := r.discover(ctx, at, highest)
	if err != nil {
		return err
	}
	res.Version = m.version
	if res.MissingModules = r.missing(m, p.Parties); len(res.MissingModules) > 0 {
		return &ocpi.Error{Status: ocpi.StatusNoMatchingEndpoints, Message: "the partner lacks required modules"}
	}
	token := mintToken()
	fresh := r.keys.digest(token)
	if err := r.offerToken(ctx, p.ID, fresh, KindPending); err != nil {
		return err
	}
	at.encoding = m.encoding
	o, _, err := r.exchangeAt(ctx, http.MethodPost, p.ID, at, m, token)
	if err == nil {
		res.IgnoredRoles, err = r.finish(ctx, p, o, m, at.versions, fresh, (*tokenRecord).full)
	}
	if err != nil {
		res.Version = ""
		return errors.Join(err, r.dropToken(ctx, fresh))
	}
	return nil
}

// highest returns the newest version that the hub speaks and the list has.
func highest(list []ocpi.Version) ocpi.Version {
	own := ocpi.Versions()
	for _, v := range slices.Backward(own) {
		if slices.Contains(list, v) {
			return v
		}
	}
	return ""
}

// offerToken makes a token that the hub is about to offer acceptable.
func (r *Registry) offerToken(ctx context.Context, platform string, hash digest, kind TokenKind) error {
	lifetime := pendingLifetime
	if kind == KindNext {
		lifetime = overlapLifetime
	}
	return r.change(ctx, func(d *draft) error {
		if _, err := d.platform(platform); err != nil {
			return err
		}
		d.putToken(tokenRecord{hash: hash, platform: platform, kind: kind, created: d.now, expires: d.now.Add(lifetime)})
		return nil
	})
}

// dropToken takes back a token that the partner did not accept.
func (r *Registry) dropToken(ctx context.Context, hash digest) error {
	return r.change(ctx, func(d *draft) error {
		if t := d.tokens.get(hash); t != nil {
			d.deleteToken(t)
		}
		return nil
	})
}

// exchangeAt sends the hub's credentials object to the partner's credentials
// endpoint and reads the one that comes back. unknown reports that the partner
// may have accepted although there is an error.
func (r *Registry) exchangeAt(ctx context.Context, method, platform string, at peer, m *remote, token string) (o *offer, unknown bool, err error) {
	body, err := r.identity(platform, m.version, token)
	if err != nil {
		return nil, false, err
	}
	res, err := r.ask(ctx, at, m.encoding, method, m.endpoints[EndpointKey{ocpi.Credentials, ocpi.Sender}], body)
	if err != nil {
		e, ok := errors.AsType[*egress.Error](err)
		unknown = !ok || e.Failure == egress.TimedOut || e.Failure == egress.Broken
		return nil, unknown, cannotUse("the partner's credentials endpoint did not answer", err)
	}
	e, err := ocpi.ParseEnvelope(res.Body)
	switch {
	case res.Status >= 500:
		return nil, true, cannotUse(fmt.Sprintf("the partner answered HTTP %d", res.Status), err)
	case res.Status >= 300:
		return nil, false, cannotUse(fmt.Sprintf("the partner answered HTTP %d", res.Status), err)
	case err != nil:
		return nil, true, cannotUse("the partner's answer cannot be read", err)
	case !e.Success():
		return nil, false, cannotUse(fmt.Sprintf("the partner answered with status %d", e.StatusCode), nil)
	}
	o, err = parseOffer(e.Data)
	if err != nil {
		return nil, true, cannotUse("the partner's credentials cannot be used: "+ocpi.AsError(err).Message, err)
	}
	return o, false, nil
}

// finish writes the outcome of a handshake that the hub started. Roles that
// were not granted are returned and otherwise ignored.
func (r *Registry) finish(ctx context.Context, p *Platform, o *offer, m *remote, versionsURL string, fresh digest, keep func(*tokenRecord) bool) (ignored []string, err error) {
	if r.o.Egress.CheckURL(o.url) != nil {
		o.url = versionsURL // the one that just worked
	}
	x := exchange{platform: p.ID, offer: o, remote: m, fresh: fresh, sealed: r.keys.seal(p.ID, o.token), keep: keep, lenient: true}
	err = r.change(ctx, func(d *draft) error {
		ignored = nil
		for _, k := range o.roles {
			if q := d.parties.get(k); q == nil || q.platform != p.ID {
				ignored = append(ignored, k.ID.String()+" "+string(k.Role))
			}
		}
		if t := d.tokens.get(fresh); t == nil {
			return fmt.Errorf("%w: the platform was changed during the handshake", ErrConflict)
		}
		return d.install(x)
	})
	if err == nil {
		r.o.Egress.Forget(p.ID)
	}
	if len(ignored) > 0 {
		r.log.WarnContext(ctx, "a platform claims roles that were not granted to it", "audit", true, "platform", p.ID, "roles", ignored)
	}
	return ignored, err
}

// ErrRotation is wrapped when a partner did not take a new token.
var ErrRotation = errors.New("the partner did not take the new token")

// ErrRotationUnknown is wrapped when it is not known whether a partner took a
// new token. Both are accepted then: the old one without end, the new one for
// 24 hours or, once it is used, instead of the old one.
var ErrRotationUnknown = errors.New("it is not known whether the partner took the new token")

// Rotate gives a connected partner a new token by PUT (OCPI 2.2.1 §7.1.4) and
// takes the one it answers with. The old one stays valid until the new one is
// first used, 24 h at most. The error wraps ErrNotFound, ErrConflict (not
// connected), ErrRotation or ErrRotationUnknown.
func (r *Registry) Rotate(ctx context.Context, id string) error {
	p := r.Platform(ctx, id)
	if p == nil {
		return fmt.Errorf("platform %s: %w", id, ErrNotFound)
	}
	leave, err := r.enter(ctx, p)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConflict, err)
	}
	defer leave()
	if p = r.Snapshot().Platform(id); p == nil || p.State != StateConnected {
		return fmt.Errorf("%w: platform %s is not connected", ErrConflict, id)
	}
	if _, ok := p.Endpoint(ocpi.Credentials, ocpi.Sender); !ok {
		return fmt.Errorf("%w: platform %s has no credentials endpoint", ErrConflict, id)
	}
	err = r.rotate(ctx, p)
	r.metrics.exchange("hub", err)
	if err != nil {
		r.log.WarnContext(ctx, "rotating the token of a platform failed", "platform", id, "err", err)
		return err
	}
	r.log.InfoContext(ctx, "token rotated", "platform", id)
	return nil
}

func (r *Registry) rotate(ctx context.Context, p *Platform) error {
	token := mintToken()
	fresh := r.keys.digest(token)
	if err := r.offerToken(ctx, p.ID, fresh, KindNext); err != nil {
		return err
	}
	at := peer{p.ID, p.VersionsURL, p.Token, p.Encoding}
	m := &remote{version: p.Version, endpoints: p.Endpoints, encoding: p.Encoding}
	o, unknown, err := r.exchangeAt(ctx, http.MethodPut, p.ID, at, m, token)
	if err == nil {
		_, err = r.finish(ctx, p, o, m, p.VersionsURL, fresh, func(t *tokenRecord) bool { return t.kind.Registered() })
		unknown = true // the partner has taken it, whatever became of our write
	}
	switch {
	case err == nil:
		return nil
	case unknown:
		return fmt.Errorf("%w: %w", ErrRotationUnknown, err)
	}
	return errors.Join(fmt.Errorf("%w: %w", ErrRotation, err), r.dropToken(ctx, fresh))
}
