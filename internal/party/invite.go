package party

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/eroam/eroam/ocpi"
)

// Grant is a role that the operator gives to a platform.
type Grant struct {
	CountryCode string    `json:"country_code"`
	PartyID     string    `json:"party_id"`
	Role        ocpi.Role `json:"role"`
	Name        string    `json:"name,omitempty"`
}

// Invitation makes a platform. Hub (or a grant of role HUB) says that it is
// another hub; the other grants are then the parties behind it.
type Invitation struct {
	Name     string
	Parties  []Grant
	Encoding ocpi.TokenEncoding // "" means auto
	Hub      bool
}

// Invited is what a partner needs to register. TokenA is shown here only.
type Invited struct {
	ID          string    `json:"id"`
	VersionsURL string    `json:"versions_url"`
	TokenA      string    `json:"token_a"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// Update changes a platform; nil fields stay. Parties replaces what is granted:
// a new role is unconfirmed until the next credentials exchange, a role that
// is gone is unreachable at once.
type Update struct {
	Name      *string
	Parties   *[]Grant
	Suspended *bool
	Limits    *Limits
	Encoding  *ocpi.TokenEncoding
	Pull      *PullSettings
}

// VersionsURL is the URL that partners register with.
func (r *Registry) VersionsURL() string {
	return strings.TrimRight(r.o.PublicURL, "/") + "/ocpi/versions"
}

// Invite makes a platform with the granted parties and a TOKEN_A for it: single
// use, valid for 72 hours, for versions, version details and credentials only.
// The parties are PLANNED. The error wraps ErrInvalid or, when a party is
// granted to another platform, ErrConflict.
func (r *Registry) Invite(ctx context.Context, inv Invitation) (Invited, error) {
	grants, err := r.parseGrants(inv.Parties)
	if err != nil {
		return Invited{}, err
	}
	if inv.Encoding == "" {
		inv.Encoding = ocpi.EncodingAuto
	}
	if err := checkPlatform(inv.Name, inv.Encoding); err != nil {
		return Invited{}, err
	}
	out := Invited{ID: strings.ToLower(rand.Text()[:12]), VersionsURL: r.VersionsURL()}
	err = r.change(ctx, func(d *draft) error {
		d.putPlatform(record{Platform: Platform{
			ID: out.ID, Name: inv.Name, State: StatePlanned, Hub: inv.Hub || grantsHub(grants),
			Encoding: inv.Encoding, Created: d.now, live: newLive(d.now),
		}})
		if err := d.grant(out.ID, grants); err != nil {
			return err
		}
		out.TokenA, out.ExpiresAt = d.invite(r.keys, out.ID)
		return nil
	})
	if err != nil {
		return Invited{}, err
	}
	r.log.InfoContext(ctx, "platform invited", "platform", out.ID, "name", inv.Name, "parties", len(grants))
	return out, nil
}

// Reinvite makes a fresh TOKEN_A for a platform that exists, so that it can
// register again; earlier ones die. A platform that is connected stays so until
// the new token is used; one that was suspended becomes PLANNED.
func (r *Registry) Reinvite(ctx context.Context, id string) (Invited, error) {
	out := Invited{ID: id, VersionsURL: r.VersionsURL()}
	err := r.change(ctx, func(d *draft) error {
		p, err := d.platform(id)
		if err != nil {
			return err
		}
		for _, t := range d.tokensOf(id) {
			if t.kind == KindInvite || p.State == StateSuspended {
				d.deleteToken(t)
			}
		}
		if p.State == StateSuspended {
			d.forget(&p)
			p.State = StatePlanned
			d.putPlatform(p)
			d.setStatuses(id, func(q partyRecord) partyRecord {
				q.confirmed, q.status = false, Planned
				return q
			})
		}
		out.TokenA, out.ExpiresAt = d.invite(r.keys, id)
		return nil
	})
	if err != nil {
		return Invited{}, err
	}
	r.log.InfoContext(ctx, "platform invited again", "platform", id)
	return out, nil
}

// invite mints a TOKEN_A.
func (d *draft) invite(keys *keyring, platform string) (token string, expires time.Time) {
	token, expires = mintToken(), d.now.Add(inviteLifetime)
	d.putToken(tokenRecord{hash: keys.digest(token), platform: platform, kind: KindInvite, created: d.now, expires: expires})
	return token, expires
}

// forget drops what the hub needs to call a platform.
func (d *draft) forget(p *record) {
	p.Token, p.sealed, p.Endpoints, p.Version, p.Offline = "", nil, nil, "", false
}

// Update changes a platform; everything given takes effect together, at once.
func (r *Registry) Update(ctx context.Context, id string, u Update) error {
	var grants []grant
	if u.Parties != nil {
		var err error
		if grants, err = r.parseGrants(*u.Parties); err != nil {
			return err
		}
	}
	err := r.change(ctx, func(d *draft) error {
		p, err := d.platform(id)
		if err != nil {
			return err
		}
		if u.Name != nil {
			p.Name = *u.Name
		}
		if u.Encoding != nil {
			p.Encoding = *u.Encoding
		}
		if u.Limits != nil {
			p.Limits = *u.Limits
		}
		if u.Pull != nil {
			if p.Pull, err = u.Pull.normal(); err != nil {
				return err
			}
		}
		if err := checkPlatform(p.Name, p.Encoding); err != nil {
			return err
		}
		if err := checkLimits(p.Limits); err != nil {
			return err
		}
		if u.Parties != nil {
			p.Hub = p.Hub || grantsHub(grants)
			d.putPlatform(p)
			if err := d.grant(id, grants); err != nil {
				return err
			}
		}
		if u.Suspended != nil {
			d.suspend(&p, *u.Suspended)
		}
		d.putPlatform(p)
		return nil
	})
	if err == nil {
		r.log.InfoContext(ctx, "platform updated", "platform", id, "grants_replaced", u.Parties != nil, "suspension_set", u.Suspended != nil)
	}
	return err
}

// suspend stops a platform or lets it go on. Tokens are kept, so that a platform
// that was connected is so again.
func (d *draft) suspend(p *record, stop bool) {
	switch {
	case stop && p.State != StateSuspended:
		p.State, p.Offline = StateSuspended, false
		d.setStatuses(p.ID, func(q partyRecord) partyRecord {
			q.status = Suspended
			return q
		})
	case !stop && p.State == StateSuspended:
		p.State = StatePlanned
		for _, t := range d.tokensOf(p.ID) {
			if t.kind == KindFull && p.Token != "" {
				p.State = StateConnected
			}
		}
		connected := p.State == StateConnected
		d.setStatuses(p.ID, func(q partyRecord) partyRecord {
			q.status = Planned
			if connected && q.confirmed {
				q.status = Connected
			}
			return q
		})
	}
}

// Remove deletes a platform and frees its parties for others. Its tokens die at
// once; agreements stay.
func (r *Registry) Remove(ctx context.Context, id string) error {
	err := r.change(ctx, func(d *draft) error {
		if _, err := d.platform(id); err != nil {
			return err
		}
		d.deletePlatform(id)
		return nil
	})
	if err != nil {
		return err
	}
	r.o.Egress.Forget(id)
	r.log.InfoContext(ctx, "platform removed", "platform", id)
	return nil
}

type grant struct {
	partyKey
	name string
}

func grantsHub(grants []grant) bool {
	for _, g := range grants {
		if g.Role == ocpi.RoleHub {
			return true
		}
	}
	return false
}

// parseGrants checks the list on its own; conflicts with others are found in
// draft.grant.
func (r *Registry) parseGrants(list []Grant) ([]grant, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: at least one party must be granted", ErrInvalid)
	}
	seen := make(map[partyKey]bool, len(list))
	out := make([]grant, 0, len(list))
	for _, g := range list {
		id, err := ocpi.ParsePartyID(g.CountryCode, g.PartyID)
		if err != nil {
			return nil, fmt.Errorf("%w: %s", ErrInvalid, ocpi.AsError(err).Message)
		}
		k := partyKey{id, g.Role}
		switch {
		case !g.Role.Known():
			return nil, fmt.Errorf("%w: role %q of %s is unknown", ErrInvalid, g.Role, id)
		case id == r.o.Hub:
			return nil, fmt.Errorf("%w: %s is the hub itself", ErrInvalid, id)
		case seen[k]:
			return nil, fmt.Errorf("%w: %s %s is granted twice", ErrInvalid, id, g.Role)
		}
		if err := checkName(g.Name); err != nil {
			return nil, err
		}
		seen[k] = true
		out = append(out, grant{k, g.Name})
	}
	return out, nil
}

// grant makes list what is granted to a platform.
func (d *draft) grant(platform string, list []grant) error {
	wanted := make(map[partyKey]bool, len(list))
	for _, g := range list {
		if q := d.parties.get(g.partyKey); q != nil && q.platform != platform {
			return fmt.Errorf("%w: %s %s is granted to platform %s", ErrConflict, g.ID, g.Role, q.platform)
		}
		wanted[g.partyKey] = true
	}
	for _, q := range d.of(platform) {
		if !wanted[q.partyKey] {
			d.removeParty(q)
		}
	}
	p := d.platforms.get(platform)
	for _, g := range list {
		q := partyRecord{partyKey: g.partyKey, platform: platform, status: Planned}
		if p.State == StateSuspended {
			q.status = Suspended
		} else if p.Hub && p.State == StateConnected { // no exchange names the parties behind a hub
			q.confirmed, q.status = true, Connected
		}
		if old := d.parties.get(g.partyKey); old != nil {
			q = *old
		}
		q.name = g.name
		d.putParty(q)
	}
	return nil
}

func checkPlatform(name string, enc ocpi.TokenEncoding) error {
	switch enc {
	case ocpi.EncodingAuto, ocpi.EncodingBase64, ocpi.EncodingRaw:
	default:
		return fmt.Errorf("%w: token_encoding must be auto, base64 or raw", ErrInvalid)
	}
	return checkName(name)
}

func checkLimits(l Limits) error {
	if !(l.RequestsPerSecond >= 0) || l.Burst < 0 || l.Concurrent < 0 {
		return fmt.Errorf("%w: limits must not be negative", ErrInvalid)
	}
	return nil
}

// maxName is the longest name of a business in OCPI (BusinessDetails.name).
const maxName = 100

func checkName(name string) error {
	n := 0
	for _, c := range name {
		if n++; n > maxName || !unicode.IsPrint(c) {
			return fmt.Errorf("%w: a name has at most %d printable characters", ErrInvalid, maxName)
		}
	}
	return nil
}
