package delivery_test

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/eroam/eroam/internal/delivery/deliverytest"
	"github.com/eroam/eroam/ocpi"
)

// What a receiver says in its own words about a token does not tell who drives.
func TestDeadLetterHidesDriversInAnswers(t *testing.T) {
	for _, said := range []string{"token SecretUID of %q is not known", `it said %s: DE8ACC12E46L89`} {
		h := New(t, true)
		cpo := h.Join(ocpi.V221, one("NL-CP1", ocpi.RoleCPO), ocpi.Tokens)
		emsp := h.Join(ocpi.V221, one("DE-EM1", ocpi.RoleEMSP), ocpi.Locations)
		cpo.Answers(func(r Request) Answer {
			return Answer{HTTP: 400, Body: fmt.Sprintf(`{"status_code":2001,"status_message":%q,"timestamp":"2026-01-01T00:00:00Z"}`, fmt.Sprintf(said, r.Path))}
		})
		h.Start()
		h.MustPublish(emsp, "PUT", ocpi.Tokens, "DE/EM1/SECRETUID", Token("SECRETUID", "RFID", t1))
		h.Idle()
		list := letters(t, h)
		if len(list) != 1 {
			t.Fatalf("%d dead letters", len(list))
		}
		d := list[0]
		text := d.ResponseHeader + string(d.Response)
		for _, secret := range []string{"secretuid", "de8acc12e46l89"} {
			if strings.Contains(strings.ToLower(text), secret) {
				t.Errorf("it holds %q: %s", secret, text)
			}
		}
	}
}
