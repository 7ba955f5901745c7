package ledger

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/relay"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

// How far around a session the checks look.
const (
	authsBefore  = 24 * time.Hour
	othersAround = 6 * time.Hour
	maxOthers    = 200
	maxAuths     = 500 // the newest, of the token and of the reference; twice that is what a check looks at
	degree       = 1e7 // units of the ledger's coordinates
)

// gather reads what the hub knows that has to do with a CDR. Nothing is locked:
// what comes in between is for the transaction to see, or for the next CDR.
func (l *Ledger) gather(ctx context.Context, cdr *check.CDR, x *relay.Exchange, e *entry, now time.Time) (*check.Case, error) {
	c := &check.Case{CDR: cdr, Now: now, Settings: e.terms.settings, Sender: x.Request.From.ID, Receiver: x.Target.ID}
	c.Agreement = l.agreementOn(cdr, x, now)
	if err := l.gatherObjects(ctx, c); err != nil {
		return nil, err
	}
	if err := l.gatherTariffs(ctx, c); err != nil {
		return nil, err
	}
	if err := l.gatherCDRs(ctx, c, e); err != nil {
		return nil, err
	}
	if err := l.gatherAuths(ctx, c); err != nil {
		return nil, err
	}
	c.Usual = l.usual.of(usualKey{cdr.Party, cdr.Currency, cdr.Place.PowerType})
	return c, l.gatherMeter(ctx, c)
}

// gatherAuths reads the authorisations that may belong to a CDR.
func (l *Ledger) gatherAuths(ctx context.Context, c *check.Case) error {
	auths, err := l.authsOf(ctx, c.CDR)
	if err != nil {
		return err
	}
	for _, a := range auths {
		c.Auths = append(c.Auths, check.Authorization{
			ID: a.ID, At: time.UnixMicro(a.At).UTC(), Reference: a.Reference, Token: a.Token, Contract: a.Contract,
			Location: a.Location, Session: a.Session, Method: a.Method,
		})
	}
	return nil
}

// authsOf returns the authorisations of the token around the session, and those
// with the reference that the CDR names.
func (l *Ledger) authsOf(ctx context.Context, cdr *check.CDR) ([]store.Authorization, error) {
	from, to := cdr.Start.Add(-authsBefore).UnixMicro(), cdr.End.UnixMicro()
	auths, err := l.o.Store.Authorizations(ctx, cdr.Token.Party, cdr.Token.Key, from, to, maxAuths)
	if err != nil {
		return nil, err
	}
	ref := ocpi.FoldID(cdr.Reference)
	if ref == "" || slices.ContainsFunc(auths, func(a store.Authorization) bool { return a.Reference == ref }) {
		return auths, nil
	}
	named, err := l.o.Store.AuthorizationsByReference(ctx, cdr.Party, ref, maxAuths)
	return append(auths, named...), err
}

// agreementOn is what the two had agreed on the day of the session, else what
// they agree on now.
func (l *Ledger) agreementOn(cdr *check.CDR, x *relay.Exchange, now time.Time) *check.Agreement {
	snap := l.o.Registry.Snapshot()
	g := snap.Agreement(x.Request.From, x.Target, party.Scope(ocpi.CDRs), cdr.Start)
	if g == nil {
		g = snap.Agreement(x.Request.From, x.Target, party.Scope(ocpi.CDRs), now)
	}
	if g == nil {
		return nil
	}
	return &check.Agreement{From: g.ValidFrom, Until: g.ValidTo, Currency: g.Currency}
}

// gatherObjects reads the session, the location and the token.
func (l *Ledger) gatherObjects(ctx context.Context, c *check.Case) (err error) {
	cdr := c.CDR
	if cdr.SessionID != "" {
		if c.Session, err = l.object(ctx, ocpi.Sessions, cdr.Party, cdr.SessionID); err != nil {
			return err
		}
	}
	if c.Location, err = l.object(ctx, ocpi.Locations, cdr.Party, cdr.Place.LocationKey); err != nil {
		return err
	}
	if c.Location != nil {
		c.Zone = l.zones.load(gjson.GetBytes(c.Location.Body, "time_zone").Str)
	}
	c.Token, err = l.object(ctx, ocpi.Tokens, cdr.Token.Party, cdr.Token.Key)
	return err
}

func (l *Ledger) object(ctx context.Context, m ocpi.Module, owner ocpi.PartyID, id string) (*check.Object, error) {
	if id == "" {
		return nil, nil
	}
	o, found, err := l.o.Store.Object(ctx, store.ObjectKey{Kind: string(m), Party: owner, ID: id})
	if err != nil || !found || o.Deleted {
		return nil, err
	}
	return &check.Object{Version: ocpi.Version(o.Version), Body: o.Body}, nil
}

// zoneCache keeps time zones: reading one is slow. The zero value is ready.
type zoneCache struct{ by sync.Map } // of string to *time.Location; at most one entry per zone that exists

// maxZoneName bounds what is looked up; the longest name in use has 32.
const maxZoneName = 40

// load returns a time zone; nil when the name is none.
func (c *zoneCache) load(name string) *time.Location {
	if name == "" || name == "Local" || len(name) > maxZoneName {
		return nil
	}
	if z, ok := c.by.Load(name); ok {
		zone, _ := z.(*time.Location)
		return zone
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	c.by.Store(name, z)
	return z
}

// gatherTariffs reads the versions of the tariffs that the hub had when the
// session started, and has now.
func (l *Ledger) gatherTariffs(ctx context.Context, c *check.Case) error {
	ids := c.CDR.TariffIDs
	if len(ids) == 0 && c.Location != nil {
		ids = connectorTariffs(c.Location.Body, c.CDR.Place.EVSEKey, c.CDR.Place.Connector)
	}
	start := c.CDR.Start.UnixMicro()
	for _, id := range ids {
		last, err := l.tariffAt(ctx, c.CDR.Party, id, c.Now.UnixMicro())
		if err != nil {
			return err
		}
		if last == nil {
			continue
		}
		c.Latest = append(c.Latest, *last)
		then := last
		if last.Received.UnixMicro() > start { // it has changed since
			if then, err = l.tariffAt(ctx, c.CDR.Party, id, start); err != nil {
				return err
			}
		}
		if then != nil {
			c.AtStart = append(c.AtStart, *then)
		}
	}
	return nil
}

// connectorTariffs returns the folded ids of the tariffs of a connector.
func connectorTariffs(location []byte, evse, connector string) (ids []string) {
	gjson.GetBytes(location, "evses").ForEach(func(_, e gjson.Result) bool {
		if ocpi.FoldID(e.Get("uid").Str) != evse {
			return true
		}
		e.Get("connectors").ForEach(func(_, c gjson.Result) bool {
			if !strings.EqualFold(c.Get("id").Str, connector) {
				return true
			}
			for _, t := range c.Get("tariff_ids").Array() {
				ids = append(ids, ocpi.FoldID(t.Str))
			}
			return false
		})
		return false
	})
	return ids
}

// tariffAt returns the version of a tariff that was the newest at a time; nil when
// there was none, or when it cannot be read: it was checked when it was published,
// and an odd one prices nothing.
func (l *Ledger) tariffAt(ctx context.Context, owner ocpi.PartyID, id string, at int64) (*check.TariffVersion, error) {
	received, found, err := l.o.Store.TariffReceived(ctx, owner, id, at)
	if err != nil || !found {
		return nil, err
	}
	k := tariffKey{owner, id, received}
	if hit, ok := l.tariffs.get(k); ok {
		return &hit, nil
	}
	v, found, err := l.o.Store.TariffVersionAt(ctx, owner, id, received)
	if err != nil || !found {
		return nil, err
	}
	t, ok := l.tariffs.put(k, &v)
	if !ok {
		return nil, nil
	}
	return &t, nil
}

// tariffCache keeps tariffs that were read. The zero value is ready.
type tariffCache struct {
	mu   sync.Mutex
	by   map[tariffKey]check.TariffVersion
	size int // of their bodies, in bytes
}

type tariffKey struct {
	owner    ocpi.PartyID
	id       string
	received int64
}

// maxTariffBytes bounds the tariffs in the cache by the size of their bodies: some
// 20,000 usual ones. What is made of one takes several times that.
const maxTariffBytes = 16 << 20

func (t *tariffCache) get(k tariffKey) (check.TariffVersion, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	hit, ok := t.by[k]
	return hit, ok
}

// put reads a version and keeps it; false when it cannot be read.
func (t *tariffCache) put(k tariffKey, v *store.TariffVersion) (check.TariffVersion, bool) {
	out := check.TariffVersion{Received: time.UnixMicro(v.Received).UTC(), Deleted: v.Deleted}
	if !v.Deleted {
		out.Hash = hexDigest(v.Body) // so that the evidence, whose digest is in the log, proves each byte
		var err error
		if out.Tariff, err = check.ReadTariff(ocpi.Version(v.Version), v.Body); err != nil {
			return out, false
		}
		if list, err := tariff.Compile(out.Tariff); err == nil { // else the check says why
			out.List = list
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	cost := len(v.Body) + 64
	if t.by == nil || t.size+cost > maxTariffBytes {
		t.by, t.size = make(map[tariffKey]check.TariffVersion), 0
	}
	t.by[k] = out
	t.size += cost
	return out, true
}

// gatherCDRs reads the other CDRs that a CDR may be in conflict with, and the
// one that it takes back.
func (l *Ledger) gatherCDRs(ctx context.Context, c *check.Case, e *entry) error {
	cdr := c.CDR
	others, err := l.o.Store.RelatedCDRs(ctx, store.RelatedQuery{
		Owner: cdr.Party, EMSP: c.Receiver, Session: cdr.SessionID, Token: cdr.Token.Key, EVSE: cdr.Place.EVSEKey,
		From: cdr.Start.Add(-othersAround).UnixMicro(), To: cdr.End.Add(othersAround).UnixMicro(), Limit: maxOthers,
	})
	if err != nil {
		return err
	}
	for i := range others {
		if o := &others[i]; State(o.State) != StateRefused && (o.Owner != cdr.Party || o.CDRID != cdr.Key) {
			c.Others = append(c.Others, other(o))
			e.rival = e.rival || isRival(cdr, o)
		}
	}
	if cdr.CreditKey == "" {
		return nil
	}
	o, found, err := l.o.Store.CDR(ctx, cdr.Party, cdr.CreditKey)
	if err != nil || !found || State(o.State) == StateRefused {
		return err
	}
	body, found, err := l.o.Store.Object(ctx, objectKey(o.Owner, o.CDRID))
	if err != nil || !found {
		return err
	}
	e.original = o.Evidence
	c.Original = &check.Original{
		CPO: o.Owner, EMSP: o.EMSP, ID: o.Name, Currency: o.Currency, Net: o.Net, Gross: o.Gross,
		Credit: o.CreditOf != "", Version: ocpi.Version(o.Version), Body: body.Body,
	}
	if o.CreditedBy != 0 {
		by, found, err := l.o.Store.CDRByID(ctx, o.CreditedBy)
		if err != nil {
			return err
		}
		c.Original.Credited = "another"
		if found {
			c.Original.Credited = by.Name
		}
	}
	return nil
}

func other(o *store.RelatedCDR) check.Other {
	return check.Other{
		Party: o.Owner, ID: o.Name, Session: o.Session, Token: o.Token, EVSE: o.EVSE,
		Start: time.UnixMicro(o.Started).UTC(), End: time.UnixMicro(o.Ended).UTC(),
		Currency: o.Currency, Net: o.Net, Gross: o.Gross, Energy: o.Energy,
		Credit: o.CreditOf != "", Credited: o.CreditedBy != 0,
		Latitude: float64(o.Latitude) / degree, Longitude: float64(o.Longitude) / degree, HasPlace: o.HasPlace,
	}
}

// gatherMeter reads what is known of the meter.
func (l *Ledger) gatherMeter(ctx context.Context, c *check.Case) error {
	cdr := c.CDR
	if cdr.Meter != "" {
		last, found, err := l.o.Store.LastRegister(ctx, cdr.Party, ocpi.FoldID(cdr.Meter), cdr.Start.UnixMicro())
		if err != nil {
			return err
		}
		if found {
			c.LastRegister = &check.Register{Energy: last.Register, At: time.UnixMicro(last.Ended).UTC(), CDR: last.Name}
		}
	}
	if cdr.Signed == nil {
		return nil
	}
	last, found, err := l.o.Store.LastAtEVSE(ctx, cdr.Party, cdr.Place.EVSEKey, cdr.Start.UnixMicro())
	if err != nil {
		return err
	}
	if found {
		c.LastMeter = last.Meter
	}
	if cdr.Signed == nil {
		return nil
	}
	c.MeterKey, err = l.o.Store.MeterKey(ctx, cdr.Party, cdr.Place.EVSEKey)
	return err
}
