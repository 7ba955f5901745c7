package conform

import (
	"net/http"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// t10: whatever a push says, it moves no object to another owner or id, and
// takes no required field away.
func t10(t *T) {
	w := newWindow()
	id, uid := t.id(), t.id()
	loc := with(location(t.CPO1, id), "last_updated", quote(w.at(0)))
	tok := with(token(t.EMSP1, uid), "last_updated", quote(w.at(0)))
	t.ok(t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, loc, t.Hub)))
	t.ok(t.send(t.EMSP1, put(ocpi.Tokens, t.EMSP1, uid, tok, t.Hub)))
	future := quote(ocpi.FormatTime(time.Now().Add(24 * time.Hour)))
	later := `"last_updated":` + quote(w.at(5))

	patches := map[string]string{
		"country_code of another": `{"country_code":"BE",` + later + `}`,
		"party_id of another":     `{"party_id":"CP2",` + later + `}`,
		"country_code null":       `{"country_code":null,` + later + `}`,
		"party_id null":           `{"party_id":null,` + later + `}`,
		"party_id a number":       `{"party_id":1,` + later + `}`,
		"last_updated absent":     `{"name":"x","issuer":"x"}`,
		"last_updated null":       `{"last_updated":null}`,
		"last_updated no time":    `{"last_updated":"yesterday"}`,
		"last_updated in future":  `{"last_updated":` + future + `}`,
		"nothing":                 `{}`,
	}
	objects := []struct {
		module ocpi.Module
		owner  *Party
		id     string
		to     *Party
		more   map[string]string
	}{
		{ocpi.Locations, t.CPO1, id, t.EMSP1, map[string]string{
			"id of another": `{"id":"other",` + later + `}`, "id null": `{"id":null,` + later + `}`,
		}},
		{ocpi.Tokens, t.EMSP1, uid, t.CPO1, map[string]string{
			"uid of another": `{"uid":"other",` + later + `}`, "uid null": `{"uid":null,` + later + `}`,
		}},
	}
	start := time.Now()
	for _, o := range objects {
		for _, set := range []map[string]string{patches, o.more} {
			for name, body := range set {
				t.notef("given: %s", name)
				c := put(o.module, o.owner, o.id, body, t.Hub)
				c.Method = http.MethodPatch
				r := t.send(o.owner, c)
				t.require(r.Status == ocpi.StatusInvalidParameters || r.HTTP == http.StatusBadRequest, "%s: want 2001, got %s", name, r)
				if name == "last_updated absent" || name == "last_updated null" || name == "nothing" {
					continue // between two parties it is the receiver's business
				}
				c.To = o.to
				t.refused(t.send(o.owner, c))
			}
		}
	}
	for name, body := range map[string]string{
		"country_code null":      with(loc, "country_code", "null"),
		"party_id null":          with(loc, "party_id", "null"),
		"id null":                with(loc, "id", "null"),
		"id of another":          with(loc, "id", `"other"`),
		"last_updated in future": with(loc, "last_updated", future),
		"last_updated no time":   with(loc, "last_updated", `"2024-13-01T00:00:00Z"`),
	} {
		t.notef("given: PUT, %s", name)
		t.refused(t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, body, t.Hub)))
		t.refused(t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, body, t.EMSP1)))
	}
	t.unchanged(ocpi.Locations, t.CPO1, id, loc)
	t.unchanged(ocpi.Tokens, t.EMSP1, uid, tok)
	t.nothing(All(Since(start), With(http.MethodPatch), func(r *Request) bool { return About(id)(r) || About(uid)(r) }))
}
