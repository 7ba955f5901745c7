package party

import (
	"context"
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// Access is what a token opens. It belongs to one request.
type Access struct {
	Platform *Platform
	Kind     TokenKind
	hash     digest
	token    string // as presented; only for the answer to GET credentials
}

// Registered reports whether the token opens the functional modules. Other
// tokens open versions, version details and credentials only (OCPI 2.2.1 §4.1.2).
func (a *Access) Registered() bool { return a.Kind.Registered() }

// String keeps the token out of logs.
func (a *Access) String() string { return a.Platform.ID + " " + string(a.Kind) }

// Authenticate finds the platform that the value of an Authorization header
// belongs to. The error is the same 401 for every header that opens nothing:
// missing, not a token, unknown, expired, of a suspended platform, in an
// encoding that the connection does not use, or with two readings that lead to
// different platforms.
//
// The database is not asked, but for whether another process that shares it has
// changed the registry, when a token is not known. It is written in three cases, before the answer:
// the first use of a token after a rotation ends the previous one, the first
// use of a full token pins the encoding of the connection, and a token of a
// rotation without known end is settled. When the first of these cannot be
// written the error is 503.
func (r *Registry) Authenticate(ctx context.Context, authorization string) (*Access, error) {
	a, settle, err := r.lookUp(authorization)
	if err != nil && r.o.Store.Shared() && r.refresh(ctx) == nil {
		a, settle, err = r.lookUp(authorization) // another process may just have made it
	}
	if err != nil || settle == nil {
		return a, err
	}
	if err := r.settle(ctx, settle); err != nil {
		if !settle.supersedes {
			return a, nil // the pin can wait for the next request
		}
		return nil, unavailable(err)
	}
	a, _, err = r.lookUp(authorization)
	return a, err
}

// firstUse is what the first use of a token has to write.
type firstUse struct {
	hash       digest
	supersedes bool
	encoding   ocpi.TokenEncoding // to pin; "" for nothing
}

func (r *Registry) lookUp(authorization string) (*Access, *firstUse, error) {
	v, now := r.view.Load(), r.now()
	header := sha256.Sum256([]byte(authorization))
	if hit := v.headers.get(header); hit != nil && hit.credential.usable(now, hit.encoding) {
		c := hit.credential
		return &Access{Platform: c.platform, Kind: c.kind, hash: c.hash, token: hit.token}, nil, nil
	}
	readings, _ := ocpi.ParseAuthorization(authorization)
	// Both are hashed always, so that the time says nothing.
	rawHash, decodedHash := r.keys.digest(readings.Raw), r.keys.digest(readings.Decoded)
	raw, decoded := v.tokens.get(rawHash), v.tokens.get(decodedHash)
	if raw != nil && decoded != nil && raw.platform != decoded.platform {
		return nil, nil, ocpi.Unauthorized()
	}
	c, token, encoding := decoded, readings.Decoded, ocpi.EncodingBase64
	if !c.usable(now, encoding) {
		c, token, encoding = raw, readings.Raw, ocpi.EncodingRaw
	}
	if !c.usable(now, encoding) {
		return nil, nil, ocpi.Unauthorized()
	}
	a := &Access{Platform: c.platform, Kind: c.kind, hash: c.hash, token: token}
	use := firstUse{hash: c.hash, supersedes: c.supersedes}
	if c.kind == KindFull && c.platform.Encoding == ocpi.EncodingAuto {
		use.encoding = encoding
	}
	if c.kind == KindNext && now.Sub(c.created) > unsettled {
		use.supersedes = true
	}
	if use.supersedes || use.encoding != "" {
		return a, &use, nil
	}
	if c.kind == KindFull { // what the others open depends on the time
		v.headers.put(header, &knownHeader{c, encoding, token})
	}
	return a, nil, nil
}

// maxHeaders bounds a headerCache: a token has a few spellings, and white space
// behind an encoded one makes more.
const maxHeaders = 1 << 14

// headerCache remembers the headers that opened something, so that each request
// after the first costs one hash instead of a decoding and two keyed ones. It is
// part of a view: whatever changes, it begins anew.
type headerCache struct {
	known sync.Map // SHA-256 of a header → *knownHeader
	n     atomic.Int64
}

type knownHeader struct {
	credential *credential
	encoding   ocpi.TokenEncoding
	token      string
}

func (c *headerCache) get(header digest) *knownHeader {
	v, ok := c.known.Load(header)
	if !ok {
		return nil
	}
	h, _ := v.(*knownHeader)
	return h
}

func (c *headerCache) put(header digest, h *knownHeader) {
	if c.n.Add(1) <= maxHeaders {
		c.known.Store(header, h)
	}
}

// usable reports whether c opens something now when it was spelled in enc.
func (c *credential) usable(now time.Time, enc ocpi.TokenEncoding) bool {
	if c == nil || c.expired(now) || c.platform.State == StateSuspended {
		return false
	}
	return c.platform.Encoding == ocpi.EncodingAuto || c.platform.Encoding == enc
}

// settle writes what the first use of a token brings.
func (r *Registry) settle(ctx context.Context, use *firstUse) error {
	return r.change(ctx, func(d *draft) error {
		t := d.tokens.get(use.hash)
		if t == nil {
			return ocpi.Unauthorized()
		}
		p, err := d.platform(t.platform)
		if err != nil {
			return ocpi.Unauthorized()
		}
		if use.supersedes {
			d.promote(t)
		}
		if use.encoding != "" && p.Encoding == ocpi.EncodingAuto {
			p.Encoding = use.encoding
			d.putPlatform(p)
		}
		return nil
	})
}

// promote makes t the only token of its platform that opens everything.
func (d *draft) promote(t *tokenRecord) {
	for _, o := range d.tokensOf(t.platform) {
		if o.hash != t.hash && o.kind.Registered() {
			d.deleteToken(o)
		}
	}
	if t.kind != KindFull {
		n := *t
		n.kind, n.expires = KindFull, time.Time{}
		d.putToken(n)
	}
}
