package catalog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/delivery"
	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// BenchmarkApplyPatch is what a change of status costs before the writer's
// turn, without reading the stored object: one EVSE of eight, 3.2 kB in all.
func BenchmarkApplyPatch(b *testing.B) {
	now := time.Now()
	evses := make([]string, 8)
	for i := range evses {
		evses[i] = fmt.Sprintf(`{"uid":"E%d","evse_id":"NL*CP1*E%d","status":"AVAILABLE","capabilities":["REMOTE_START_STOP_CAPABLE"],"directions":null,`+
			`"connectors":[{"id":"1","standard":"IEC_62196_T2","format":"SOCKET","power_type":"AC_3_PHASE","max_voltage":230,"max_amperage":32,`+
			`"tariff_ids":["T1"],"last_updated":%q}],"last_updated":%q}`, i, i, stamp1, stamp1)
	}
	body := fmt.Appendf(nil, `{"country_code":"NL","party_id":"CP1","id":"L","publish":true,"address":"Damrak 1","city":"Amsterdam","country":"NLD",`+
		`"coordinates":{"latitude":"52.37","longitude":"4.89"},"time_zone":"Europe/Amsterdam","evses":[%s],"last_updated":%q}`, strings.Join(evses, ","), stamp1)
	p := delivery.Push{
		From:    &party.Party{ID: ocpi.PartyID{CountryCode: "NL", ID: "CP1"}, Role: ocpi.RoleCPO},
		Version: ocpi.V221, Module: ocpi.Locations, Method: "PATCH", Path: []string{"NL", "CP1", "L", "E5"},
		Body: fmt.Appendf(nil, `{"status":"CHARGING","last_updated":%q}`, stamp2), CorrelationID: "c",
	}
	old := store.Object{Seq: 1, Version: "2.2.1", Body: body, Hash: contentOf(ocpi.Locations, body).bytes()}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		d, err := read(p, now)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := apply(d, &old, true, now); err != nil {
			b.Fatal(err)
		}
	}
}
