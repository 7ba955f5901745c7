package catalog

import (
	"net/http"
	"strings"
	"time"

	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// document is a push that was checked on its own: it is JSON that can be read
// in one way, belongs to its sender, and path and body name the same object.
type document struct {
	delivery.Push
	key   store.ObjectKey
	name  string   // the id as the owner spells it
	ids   []string // below the location: EVSE uid, connector id
	stamp string   // last_updated as written; empty for DELETE
	at    int64    // … in microseconds
	// newest is the latest last_updated in the body, parts included.
	newest int64
}

// level is 0 for a whole object, 1 for an EVSE, 2 for a connector.
func (d *document) level() int { return len(d.ids) }

// idName is the field that holds the id of the object at a level.
func idName(m ocpi.Module, level int) string {
	if m == ocpi.Tokens || m == ocpi.Locations && level == 1 {
		return "uid"
	}
	return "id"
}

// read checks a push to a path /{country_code}/{party_id}/{id}….
func read(p delivery.Push, now time.Time) (*document, error) {
	limit := 3
	if p.Module == ocpi.Locations {
		limit = 5
	}
	if len(p.Path) < 3 || len(p.Path) > limit {
		return nil, ocpi.NotFound(ocpi.StatusClientError, "path: no such resource in this module")
	}
	owner, err := ocpi.ParsePartyID(p.Path[0], p.Path[1])
	if err != nil || owner != p.From.ID {
		return nil, ocpi.Invalid("path", "country_code and party_id are not those of the sender")
	}
	if p.From.Role.Side() != p.Module.Implementer(ocpi.Sender) {
		return nil, ocpi.Invalid("OCPI-from-party-id", "is not a party that owns objects of this module")
	}
	d := &document{Push: p, name: p.Path[2], ids: p.Path[3:]}
	if p.Method == http.MethodDelete {
		d.key = objectKey(p.Module, owner, d.name, "")
		return d, nil
	}
	if err := d.readBody(owner, now); err != nil {
		return nil, err
	}
	tokenType, err := d.tokenType()
	if err != nil {
		return nil, err
	}
	d.key = objectKey(p.Module, owner, d.name, tokenType)
	if p.Method == http.MethodPut {
		return d, check(p.Version, p.Module, d.level(), p.Body)
	}
	return d, nil
}

func (d *document) readBody(owner ocpi.PartyID, now time.Time) error {
	if err := ocpi.CheckJSON(d.Body); err != nil {
		return err
	}
	if !ocpi.IsObject(d.Body) {
		return ocpi.Invalid("body", "must be a JSON object")
	}
	id := idName(d.Module, d.level())
	if err := checkNames(d.Body, "country_code", "party_id", id, "type", "last_updated", "cdr_token", "evses", "connectors"); err != nil {
		return err
	}
	if v := field(d.Body, "country_code"); v != nil && !strings.EqualFold(text(v), owner.CountryCode) {
		return ocpi.Invalid("country_code", "differs from the path")
	}
	if v := field(d.Body, "party_id"); v != nil && !strings.EqualFold(text(v), owner.ID) {
		return ocpi.Invalid("party_id", "differs from the path")
	}
	if v := field(d.Body, id); v != nil && !is(v, ocpi.FoldID(d.Path[len(d.Path)-1])) {
		return ocpi.Invalid(id, "differs from the path")
	}
	return d.readTimes(now)
}

// checkNames does what ocpi.CheckNames does, for JSON that was checked.
func checkNames(object []byte, names ...string) error {
	for c := walk(object); ; {
		got, _, ok := c.member()
		if !ok {
			return nil
		}
		for _, want := range names {
			if string(got) != want && strings.EqualFold(string(got), want) {
				return ocpi.Invalid(want, "also occurs in another spelling")
			}
		}
	}
}

// readTimes reads last_updated, which every push carries, and refuses times
// that lie too far ahead: they would shut out all later changes.
func (d *document) readTimes(now time.Time) error {
	stamp := field(d.Body, "last_updated")
	if !kind(stamp, '"') {
		return ocpi.Invalid("last_updated", "must be present")
	}
	d.stamp = text(stamp)
	at, err := ocpi.ParseTime(d.stamp)
	if err != nil {
		return ocpi.Invalid("last_updated", err.Error())
	}
	d.at = at.UnixMicro()
	latest := now.Add(maxAhead)
	if at.After(latest) {
		return ocpi.Invalid("last_updated", "lies more than 5 minutes in the future")
	}
	if d.newest = d.at; d.Module != ocpi.Locations {
		return nil
	}
	parts, path := partTimes(d.Body, "")
	if parts > latest.UnixMicro() {
		return ocpi.Invalid(path+"last_updated", "lies more than 5 minutes in the future")
	}
	d.newest = max(d.newest, parts)
	return nil
}

// newest returns the latest last_updated in a location and its parts.
func newest(doc []byte) int64 {
	parts, _ := partTimes(doc, "")
	if t, err := ocpi.ParseTime(text(field(doc, "last_updated"))); err == nil {
		parts = max(parts, t.UnixMicro())
	}
	return parts
}

// partTimes returns the latest last_updated of the EVSEs and connectors in an
// object at a path, 0 for none, and where it stands, such as "evses[].".
func partTimes(object []byte, path string) (latest int64, at string) {
	for c := walk(object); ; {
		name, v, ok := c.member()
		if !ok {
			return latest, at
		}
		if list := string(name); (list == "evses" || list == "connectors") && kind(v, '[') {
			for l := walk(v); ; {
				e, ok := l.element()
				if !ok {
					break
				}
				if !kind(e, '{') {
					continue
				}
				under := path + list + "[]."
				if t, err := ocpi.ParseTime(text(field(e, "last_updated"))); err == nil && t.UnixMicro() > latest {
					latest, at = t.UnixMicro(), under
				}
				if t, where := partTimes(e, under); t > latest {
					latest, at = t, where
				}
			}
		}
	}
}

// tokenType reads the type of a token from the query and the body, which must
// not contradict each other. The body alone will do, although OCPI 2.2.1 §12.2
// takes a missing parameter for RFID: senders leave it out.
func (d *document) tokenType() (string, error) {
	if d.Module != ocpi.Tokens {
		return "", nil
	}
	inBody := text(field(d.Body, "type"))
	inQuery := d.Query.Get("type")
	if inBody != "" && inQuery != "" && inBody != inQuery {
		return "", ocpi.Invalid("type", "differs from the query")
	}
	if inBody == "" {
		inBody = inQuery
	}
	return inBody, checkTokenType(inBody)
}
