package party

import (
	"context"
	"net/http"
	"slices"

	"github.com/eroam/eroam/ocpi"
)

// Credentials answers a request to the credentials module of version v (OCPI
// 2.2.1 §7). data is what a success carries; the error is an *ocpi.Error:
//
//   - 405 for what the kind of token does not allow: POST when registered;
//     GET, PUT and DELETE when not; every other method;
//   - 400 and 2001 for a body that cannot be used, or that names a role which
//     was not granted to this platform;
//   - 3001, 3002, 3003 with HTTP 200 when the call-back to the partner fails.
//
// After any error nothing has changed: tokens, endpoints and roles are as
// before, and the same request may be sent again with the same token.
func (r *Registry) Credentials(ctx context.Context, a *Access, v ocpi.Version, method string, body []byte) (data []byte, err error) {
	if a.Kind == KindPending {
		return nil, ocpi.Unauthorized()
	}
	switch {
	case a.Registered() && method == http.MethodGet:
		return r.identity(a.Platform.ID, v, a.token)
	case a.Registered() && method == http.MethodDelete:
		return nil, r.unregister(ctx, a)
	case a.Registered() && method == http.MethodPut, a.Kind == KindInvite && method == http.MethodPost:
		data, err = r.register(ctx, a, v, body)
		r.metrics.exchange("partner", err)
		return data, err
	}
	return nil, &ocpi.Error{HTTP: http.StatusMethodNotAllowed, Status: ocpi.StatusClientError, Message: "not allowed with this token: " + registrationState(a)}
}

func registrationState(a *Access) string {
	if a.Registered() {
		return "the platform is registered"
	}
	return "the platform is not registered"
}

// register is POST and PUT: the partner offers its token, the hub calls back
// with it, and answers with a new token of its own.
func (r *Registry) register(ctx context.Context, a *Access, v ocpi.Version, body []byte) ([]byte, error) {
	o, err := parseOffer(body)
	if err != nil {
		return nil, err
	}
	if _, err := r.checkRoles(ctx, r.Snapshot().Platform(a.Platform.ID), o); err != nil {
		return nil, err
	}
	leave, err := r.enter(ctx, a.Platform)
	if err != nil {
		return nil, err
	}
	defer leave()
	c := r.view.Load().tokens.get(a.hash)
	if c == nil { // used by the exchange that held the lock
		return nil, ocpi.Unauthorized()
	}
	p := c.platform
	m, err := r.discover(ctx, peer{p.ID, o.url, o.token, p.Encoding}, func(list []ocpi.Version) ocpi.Version {
		return only(list, v)
	})
	if err != nil {
		r.log.WarnContext(ctx, "credentials exchange failed", "platform", p.ID, "err", err)
		return nil, err
	}
	if missing := r.missing(m, p.Parties); len(missing) > 0 {
		return nil, &ocpi.Error{Status: ocpi.StatusNoMatchingEndpoints, Message: "the version details lack the module " + string(missing[0])}
	}
	token := mintToken()
	x := exchange{platform: p.ID, offer: o, remote: m, fresh: r.keys.digest(token), sealed: r.keys.seal(p.ID, o.token)}
	err = r.change(ctx, func(d *draft) error {
		t := d.tokens.get(a.hash)
		if t == nil || t.expired(d.now) {
			return ocpi.Unauthorized()
		}
		if t.kind == KindInvite {
			if err := d.spendToken(a.hash); err != nil {
				return err
			}
			x.keep = (*tokenRecord).full
		} else {
			x.keep = func(t *tokenRecord) bool { return t.hash == a.hash }
		}
		return d.install(x)
	})
	if err != nil {
		return nil, unavailable(err)
	}
	r.o.Egress.Forget(p.ID)
	r.log.InfoContext(ctx, "credentials exchanged", "platform", p.ID, "version", v, "started_by", "partner")
	return r.identity(p.ID, v, token)
}

// only returns v when the list has it, else "".
func only(list []ocpi.Version, v ocpi.Version) ocpi.Version {
	if slices.Contains(list, v) {
		return v
	}
	return ""
}

// unregister is DELETE: all tokens of the platform die and its parties are
// suspended. It can come back with a new invitation.
func (r *Registry) unregister(ctx context.Context, a *Access) error {
	id := a.Platform.ID
	leave, err := r.enter(ctx, a.Platform)
	if err != nil {
		return err
	}
	defer leave()
	err = r.change(ctx, func(d *draft) error {
		p, err := d.platform(id)
		if err != nil || d.tokens.get(a.hash) == nil {
			return ocpi.Unauthorized()
		}
		for _, t := range d.tokensOf(id) {
			d.deleteToken(t)
		}
		d.forget(&p)
		p.State = StateSuspended
		d.putPlatform(p)
		d.setStatuses(id, func(q partyRecord) partyRecord {
			q.confirmed, q.status = false, Suspended
			return q
		})
		return nil
	})
	if err != nil {
		return unavailable(err)
	}
	r.o.Egress.Forget(id)
	r.log.InfoContext(ctx, "platform unregistered", "platform", id)
	return nil
}

// checkRoles compares what a partner says it is with what was granted to it. A
// role that is not granted is 2001 and an audit line: a credentials exchange
// can confirm roles, never add one or take one from another platform. Another
// hub may list the parties behind it; there, what is not granted is left out.
func (r *Registry) checkRoles(ctx context.Context, p *Platform, o *offer) (ignored []partyKey, err error) {
	if p == nil {
		return nil, ocpi.Unauthorized()
	}
	granted := make(map[partyKey]bool, len(p.Parties))
	var hubs int
	for _, q := range p.Parties {
		granted[partyKey{q.ID, q.Role}] = true
		if q.Role == ocpi.RoleHub {
			hubs++
		}
	}
	named := o.roles
	if !o.hub.IsZero() && hubs > 0 { // what 2.3.0 says instead of the role HUB
		named = append([]partyKey{{o.hub, ocpi.RoleHub}}, named...)
	}
	for _, k := range named {
		if granted[k] {
			continue
		}
		if p.Hub && (k.Role != ocpi.RoleHub || hubs == 0) {
			ignored = append(ignored, k)
			continue
		}
		r.log.WarnContext(ctx, "a platform claims a role that was not granted to it", "audit", true,
			"platform", p.ID, "party", k.ID.String(), "role", string(k.Role))
		return nil, ocpi.Invalid("roles", "the role "+string(k.Role)+" of "+k.ID.String()+" is not granted to this platform")
	}
	return ignored, nil
}

// exchange is the outcome of a handshake, ready to be written.
type exchange struct {
	platform string
	offer    *offer
	remote   *remote
	sealed   []byte // offer.token
	fresh    digest // of the token that the partner uses from now on
	// keep tells the tokens that stay alive until fresh is first used.
	keep func(t *tokenRecord) bool
	// lenient leaves out roles that were not granted instead of failing.
	lenient bool
}

// install writes the outcome of a handshake: new tokens, endpoints, version and
// confirmed roles, all at once.
func (d *draft) install(x exchange) error {
	p, err := d.platform(x.platform)
	if err != nil || p.State == StateSuspended {
		return ocpi.Unauthorized() // removed or suspended in the meantime
	}
	named := make(map[partyKey]bool, len(x.offer.roles))
	for _, k := range x.offer.roles {
		named[k] = true
		// Grants may have changed since they were checked.
		if q := d.parties.get(k); !x.lenient && !p.Hub && (q == nil || q.platform != p.ID) {
			return ocpi.Invalid("roles", "the role "+string(k.Role)+" of "+k.ID.String()+" is not granted to this platform")
		}
	}
	for _, t := range d.tokensOf(p.ID) {
		switch {
		case t.hash == x.fresh:
		case x.keep(t):
			n := *t
			n.kind, n.expires = KindPrevious, d.now.Add(overlapLifetime)
			d.putToken(n)
		default:
			d.deleteToken(t)
		}
	}
	d.putToken(tokenRecord{hash: x.fresh, platform: p.ID, kind: KindFull, created: d.now})
	p.State, p.Offline = StateConnected, false
	p.Version, p.Endpoints = x.remote.version, x.remote.endpoints
	p.VersionsURL, p.Token, p.sealed = x.offer.url, x.offer.token, x.sealed
	if p.Encoding == ocpi.EncodingAuto {
		p.Encoding = x.remote.encoding
	}
	p.live.reset(d.now)
	d.putPlatform(p)
	d.setStatuses(p.ID, func(q partyRecord) partyRecord {
		switch {
		case named[q.partyKey] || p.Hub:
			q.confirmed, q.status = true, Connected
		case q.confirmed: // it was connected and is no longer
			q.confirmed, q.status = false, Suspended
		}
		return q
	})
	return nil
}
