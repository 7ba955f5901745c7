package simulation

import (
	"fmt"
	"net/http"
	"time"

	"pgregory.net/rapid"

	"github.com/eroam/eroam/ocpi"
)

// draw makes up a push for an object of a run. Values and times come from small
// sets, so that equal ones and older ones are as likely as new ones.
func (l *lab) draw(t *rapid.T, run string, base time.Time) push {
	at := base.Add(time.Duration(rapid.IntRange(-3, 3).Draw(t, "at")) * time.Minute)
	if rapid.IntRange(0, 9).Draw(t, "future") == 0 {
		at = base.Add(time.Hour)
	}
	n := rapid.IntRange(1, 4).Draw(t, "value")
	id := fmt.Sprintf("R%s-%d", run, rapid.IntRange(0, 1).Draw(t, "object"))
	switch rapid.IntRange(0, 5).Draw(t, "module") {
	case 0:
		o := objectID{ocpi.Tariffs, l.cpo.id, id}
		if rapid.IntRange(0, 2).Draw(t, "delete") == 0 {
			return push{o, http.MethodDelete, nil, nil}
		}
		return push{o, http.MethodPut, nil, newTariff(o, n, at)}
	case 1:
		o := objectID{ocpi.Tokens, l.emsp.id, id}
		if rapid.Bool().Draw(t, "patch") {
			return push{o, http.MethodPatch, nil, doc{"valid": n > 2, "last_updated": format(at)}}
		}
		return push{o, http.MethodPut, nil, newToken(o, n > 2, n, at)}
	}
	o := objectID{ocpi.Locations, l.cpo.id, id}
	uid := fmt.Sprintf("E%d", rapid.IntRange(0, 2).Draw(t, "evse"))
	conn := fmt.Sprint(rapid.IntRange(1, 2).Draw(t, "connector"))
	stamp := format(at)
	switch rapid.IntRange(0, 8).Draw(t, "kind") {
	case 0, 1:
		var evses []doc
		for i := range 3 {
			if rapid.IntRange(0, 3).Draw(t, "has") > 0 {
				evses = append(evses, newEVSE(fmt.Sprintf("E%d", i), "AVAILABLE", 1, at))
			}
		}
		return push{o, http.MethodPut, nil, newLocation(o, n, 1, true, at, evses...)}
	case 2:
		var name any = mark(n)
		if n == 4 {
			name = nil
		}
		return push{o, http.MethodPatch, nil, doc{"name": name, "last_updated": stamp}}
	case 3:
		return push{o, http.MethodPatch, nil, doc{"evses": []any{newEVSE(uid, "BLOCKED", n, at)}, "last_updated": stamp}}
	case 4:
		return push{o, http.MethodPut, []string{uid}, newEVSE(uid, "AVAILABLE", n, at)}
	case 5:
		status := []string{"AVAILABLE", "CHARGING", "OUTOFORDER", "REMOVED"}[n-1]
		return push{o, http.MethodPatch, []string{uid}, doc{"status": status, "last_updated": stamp}}
	case 6:
		return push{o, http.MethodPatch, []string{uid}, doc{"connectors": []any{newConnector(conn, 16, n, at)}, "last_updated": stamp}}
	case 7:
		return push{o, http.MethodPut, []string{uid, conn}, newConnector(conn, 63, n, at)}
	}
	return push{o, http.MethodPatch, []string{uid, conn}, doc{"max_amperage": 10.0 + float64(n), "last_updated": stamp}}
}
