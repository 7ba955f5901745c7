package conform

import (
	"net/http"
	"strings"

	"github.com/eroam/eroam/ocpi"
)

func t38(t *T) {
	id := t.id()
	good := location(t.CPO1, id)
	inside := strings.TrimSuffix(good, "}")
	bad := map[string]string{
		"duplicate owner":             inside + `,"party_id":"CP2"}`,
		"duplicate id":                inside + `,"id":"other"}`,
		"duplicate in a nested array": strings.Replace(good, `"uid":"E1"`, `"uid":"E1","uid":"E2"`, 1),
		"other letter case":           inside + `,"Party_Id":"CP2"}`,
		"upper case":                  inside + `,"ID":"other"}`,
		"folded letter":               inside + `,"la` + "\u017f" + `t_updated":"2099-01-01T00:00:00Z"}`,
		"escaped folded letter":       inside + `,"country_\u0063ode2":1,"\u0050arty_id":"CP2"}`,
		"escaped duplicate":           inside + `,"\u0070arty_id":"CP2"}`,
		"trailing data":               good + good,
		"trailing comma":              inside + `,}`,
		"byte order mark":             "\ufeff" + good,
		"lone surrogate":              strings.Replace(good, `"Garage`, `"\ud800`, 1),
		"invalid UTF-8":               strings.Replace(good, `"Garage`, "\"\xff\xfe", 1),
		"invalid UTF-8 in the id":     strings.Replace(good, `"id":"`, "\"id\":\"\xc0\xaf", 1),
		"NaN":                         inside + `,"x":NaN}`,
		"comment":                     inside + `/* x */}`,
		"single quotes":               inside + `,'x':1}`,
		"a list":                      `[` + good + `]`,
		"deep nesting":                inside + `,"x":` + strings.Repeat("[", 9999) + strings.Repeat("]", 9999) + `}`,
	}
	for name, body := range bad {
		for _, to := range []*Party{t.EMSP1, t.Hub} {
			t.notef("%s:", name)
			r := t.refused(t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, body, to)))
			t.require(r.HTTP == http.StatusBadRequest || r.Status == ocpi.StatusInvalidParameters, "%s: want HTTP 400 or status 2001, got %s", name, r)
		}
	}
	t.nothing(About(id))
	t.httpStatus(t.send(t.CPO1, Call{
		Method: http.MethodGet, Module: ocpi.Locations, Interface: ocpi.Receiver, Path: t.CPO1.Path(id), To: t.Hub,
	}), http.StatusNotFound)

	body := with(good, "x_new", `{"Party_Id":"inside is free","a":[1.50,null]}`)
	t.ok(t.send(t.CPO1, put(ocpi.Locations, t.CPO1, id, body, t.EMSP1)))
	t.same("body", string(t.receives(t.EMSP1, About(id)).Body), body)
}
