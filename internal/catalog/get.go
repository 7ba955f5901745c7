package catalog

import (
	"context"
	"net/http"
	"net/url"

	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/convert"
)

// Get returns one object, or an EVSE or connector of a location, in version v.
// On a receiver interface the path begins with the owner; on the sender
// interface of locations it does not, and the owner is found from the id, which
// must then be known from one visible owner only. tag is the entity tag of the
// answer: it is another whenever data is.
//
// The error is the same HTTP 404 for what the hub does not have and for what
// viewer may not see.
func (c *Catalog) Get(ctx context.Context, viewer *party.Party, v ocpi.Version, m ocpi.Module, i ocpi.Interface, path []string, query url.Values) (data []byte, tag string, err error) {
	owners, rest, err := c.ownersOf(ctx, m, i, path)
	if err != nil {
		return nil, "", err
	}
	var found *store.Object
	for _, owner := range owners {
		o, ok, err := c.o.Store.Object(ctx, objectKey(m, owner, rest[0], query.Get("type")))
		if err != nil {
			return nil, "", unavailable(err)
		}
		if !ok || o.Deleted || !c.visible(m, &o, viewer) {
			continue
		}
		if found != nil {
			return nil, "", ocpi.Invalid("path", "the id is known from several parties; name the one you mean")
		}
		found = &o
	}
	if found == nil {
		return nil, "", unknown(m)
	}
	body := found.Body
	for depth, id := range rest[1:] {
		if body = part(body, depth, id); body == nil {
			return nil, "", unknown(m)
		}
	}
	out, _, err := convert.Body(convert.Message{
		Module: m, Interface: i, Method: http.MethodGet, Path: path, Response: true,
	}, ocpi.Version(found.Version), v, body)
	if err != nil {
		return nil, "", &ocpi.Error{Status: ocpi.StatusServerError, Message: "the object has no form in your OCPI version", Err: err}
	}
	return out, c.tagOfOne(m, v, found, rest), nil
}

// ownersOf returns who may own what a path names, and the ids in it.
func (c *Catalog) ownersOf(ctx context.Context, m ocpi.Module, i ocpi.Interface, path []string) ([]ocpi.PartyID, []string, error) {
	if i == ocpi.Sender && m == ocpi.Locations && len(path) >= 1 && len(path) <= 3 {
		owners, err := c.o.Store.Owners(ctx, store.OwnerOfLocation, ocpi.FoldID(path[0]))
		return owners, path, unavailable(err)
	}
	if i != ocpi.Receiver || len(path) < 3 || len(path) > 3 && m != ocpi.Locations || len(path) > 5 {
		return nil, nil, unknown(m)
	}
	owner, err := ocpi.ParsePartyID(path[0], path[1])
	if err != nil {
		return nil, nil, unknown(m)
	}
	return []ocpi.PartyID{owner}, path[2:], nil
}

// visible reports whether viewer may see o.
func (c *Catalog) visible(m ocpi.Module, o *store.Object, viewer *party.Party) bool {
	if !delivery.Visible(c.o.Registry.Snapshot(), m, o.Party, viewer, c.now()) {
		return false
	}
	return !private(m) || viewer.Role.Side() == m.Implementer(ocpi.Sender) || o.Audience == viewer.ID.String()
}

// private reports whether objects of m are for one party besides their owner.
func private(m ocpi.Module) bool { return m == ocpi.Sessions || m == ocpi.CDRs }

// part returns the EVSE (depth 0) of a location or the connector (depth 1) of
// an EVSE, nil when there is none.
func part(body []byte, depth int, id string) []byte {
	n := nesting[depth]
	var out []byte
	gjson.GetBytes(body, n.list).ForEach(func(_, v gjson.Result) bool {
		if k := v.Get(n.key); k.Type == gjson.String && ocpi.FoldID(k.Str) == ocpi.FoldID(id) {
			out = []byte(v.Raw)
		}
		return out == nil
	})
	return out
}
