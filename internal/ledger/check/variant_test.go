package check_test

import (
	"strings"
	"testing"

	"github.com/eroam/eroam/internal/ledger/check"
)

// TestVariants proves that findings are also made where they look otherwise than in
// TestEachFinding.
func TestVariants(t *testing.T) {
	session := func(path, value string) func(f *fixture) {
		return func(f *fixture) { f.Session = edit(f.t, f.Session, path, value) }
	}
	cdr := func(pairs ...string) func(f *fixture) {
		return func(f *fixture) {
			for i := 0; i < len(pairs); i += 2 {
				f.set(pairs[i], pairs[i+1])
			}
		}
	}
	own := func(path, value string) func(f *fixture) { return cdr("tariffs.0."+path, value) }
	for name, tt := range map[string]struct {
		want   string
		change func(f *fixture)
	}{
		"before the agreement":       {"C02/no_agreement", func(f *fixture) { f.Agreement.From = at("2026-03-02T09:00:01Z") }},
		"no agreement":               {"C02/no_agreement", func(f *fixture) { f.Agreement = nil }},
		"a quoted number":            {"C01/schema", cdr("charging_periods.0.dimensions.0.volume", `"18.5"`)},
		"updated in the future":      {"C07/future", cdr("last_updated", `"2026-03-02T11:36:06Z"`)},
		"ends when it starts":        {"C07/not_after_start C14/differs", cdr("end_date_time", `"2026-03-02T09:00:00Z"`)},
		"total_time in seconds":      {"C11/time_unit", cdr("total_time", "9000")},
		"periods in minutes":         {"C11/time_unit", cdr("charging_periods.0.dimensions.1.volume", "120", "charging_periods.1.dimensions.0.volume", "30", "total_parking_time", "30")},
		"periods in Wh":              {"C11/energy_unit", cdr("charging_periods.0.dimensions.0.volume", "18500")},
		"all energy in Wh":           {"C11/energy_unit", cdr("charging_periods.0.dimensions.0.volume", "18500", "total_energy", "18500")},
		"session of another token":   {"C14/differs", session("cdr_token.uid", `"OTHER"`)},
		"session of another driver":  {"C14/differs", session("cdr_token.party_id", `"EM2"`)},
		"session at another EVSE":    {"C14/differs", session("evse_uid", `"E2"`)},
		"session in another money":   {"C14/differs", session("currency", `"USD"`)},
		"session with another start": {"C14/differs", session("start_date_time", `"2026-03-02T08:58:59Z"`)},
		"session with another end":   {"C14/differs", session("end_date_time", `"2026-03-02T11:31:01Z"`)},
		"another session":            {"C14/differs", session("id", `"S2"`)},
		"session that is no object":  {"C14/session_unknown", func(f *fixture) { f.Session = object(`[]`) }},
		"far from the location":      {"C15/differs", cdr("cdr_location.coordinates.latitude", `"52.3800"`)},
		"another address":            {"C15/differs", cdr("cdr_location.address", `"Kade 2"`)},
		"another location":           {"C15/differs", cdr("cdr_location.id", `"LOC2"`)},
		"another evse_id":            {"C15/differs", cdr("cdr_location.evse_id", `"NL*CP1*E2"`)},
		"too much for one phase": {"C12/too_much_power C15/location_unknown", func(f *fixture) {
			f.Location = nil
			f.set("cdr_location.connector_power_type", `"AC_1_PHASE"`).drop("charging_periods.0.dimensions.2")
		}},
		"too much for volts and amperes": {"C12/too_much_power", func(f *fixture) {
			f.Location = edit(f.t, f.Location, "evses.1.connectors.0.max_amperage", "11")
			f.drop("charging_periods.0.dimensions.2")
		}},
		"negative total_energy": {"C10/priced_energy_differs C13/negative_energy C14/differs", cdr("total_energy", "-18.5")},
		"whitelisted never":     {"C16/no_authorization", func(f *fixture) { f.Auths = nil; f.drop("authorization_reference").set("auth_method", `"WHITELIST"`) }},
		"authorised afterwards": {"C16/no_authorization", func(f *fixture) { f.Auths[0].At = at("2026-03-02T11:35:01Z") }},
		"another tax rate":      {"C17/other_version", own("elements.1.price_components.0.vat", "20")},
		"without a tax rate":    {"C17/other_version", func(f *fixture) { f.drop("tariffs.0.elements.1.price_components.0.vat") }},
		"another step":          {"C17/other_version", own("elements.1.price_components.0.step_size", "100")},
		"another element":       {"C17/other_version", own("elements.4", `{"price_components":[{"type":"FLAT","price":9,"step_size":1}]}`)},
		"another time of day":   {"C17/other_version", own("elements.0.restrictions.start_time", `"08:00"`)},
		"another duration":      {"C17/other_version", own("elements.2.restrictions.min_duration", `3601`)},
		"another restriction":   {"C17/other_version", own("elements.2.restrictions.max_kwh", `9000`)},
		"a maximum":             {"C17/other_version", own("max_price", `{"excl_vat":100}`)},
		"another end":           {"C17/other_version", own("end_date_time", `"2027-01-01T00:00:00Z"`)},
		"a dearer minimum":      {"C17/dearer_version", own("min_price", `{"excl_vat":100,"incl_vat":121}`)},
		"parts taken back": {"C05/other_fields", func(f *fixture) {
			*f = *creditOf(f.t)
			f.set("total_energy_cost", `{"excl_vat":-7.03,"incl_vat":-8.5063}`).set("total_fixed_cost", `{"excl_vat":-0.35,"incl_vat":-0.4235}`).set("total_time_cost", `{"excl_vat":-0.12,"incl_vat":-0.1452}`).set("total_parking_cost", `{"excl_vat":-1.5,"incl_vat":-1.815}`)
		}},
		"a part of it taken back": {"C05/not_the_negation C18/undercharged C19/parts_do_not_sum", func(f *fixture) { *f = *creditOf(f.t); f.set("total_cost", `{"excl_vat":-4.50,"incl_vat":-5.445}`) }},
		"more than it taken back": {"C05/not_the_negation", func(f *fixture) { *f = *creditOf(f.t); f.set("total_cost", `{"excl_vat":-9.001,"incl_vat":-10.89}`) }},
		"another rate than 21 %": {"C19/tax_rate", func(f *fixture) {
			*f = *converted(t, f)
			f.set("total_cost.taxes", `[{"name":"VAT","percentage":40,"amount":1.89}]`)
		}},
		"a dear kWh without parts": {"C20/price_per_kwh", func(f *fixture) {
			f.Settings.MaxPricePerKWh = number("0.45")
			f.drop("total_energy_cost").drop("total_fixed_cost").drop("total_time_cost").drop("total_parking_cost")
		}},
		"a meter without a name": {"C21/meter_changed", func(f *fixture) { f.drop("meter_id") }},
		"signed by somebody else": {"C22/invalid", func(f *fixture) {
			f.sign().MeterKey = ""
			f.set("signed_data.public_key", `"`+good(t).sign().MeterKey+`"`)
		}},
		"another key enclosed":     {"C22/key_unknown", func(f *fixture) { f.sign().set("signed_data.public_key", `"`+good(t).sign().MeterKey+`"`) }},
		"another encoding":         {"C22/not_verified", func(f *fixture) { f.sign().set("signed_data.encoding_method", `"Alfen Eichrecht"`) }},
		"an unheard-of encoding":   {"C22/unreadable", func(f *fixture) { f.sign().set("signed_data.encoding_method", `"Morse"`) }},
		"signed for another token": {"C23/identity_differs", func(f *fixture) { f.sign(`"ID":"04A1B2C3"`, `"ID":"SOMEBODY"`) }},
		"signed at another time":   {"C23/time_differs", func(f *fixture) { f.sign(`10:00:05`, `10:05:05`) }},
	} {
		t.Run(name, func(t *testing.T) {
			f := good(t)
			tt.change(f)
			r := f.run()
			if got := codesOf(r); got != tt.want {
				t.Errorf("%s, want %s: %+v", got, tt.want, r.Findings)
			}
			for _, f := range r.Findings {
				if strings.Contains(f.Message, "SOMEBODY") || strings.Contains(f.Message, "%!") {
					t.Error(f.Message)
				}
			}
		})
	}
}

// TestSeveralTariffs proves which tariffs are taken where the CDR names none.
func TestSeveralTariffs(t *testing.T) {
	f := good(t)
	f.drop("tariffs").drop("charging_periods.0.tariff_id").drop("charging_periods.1.tariff_id")
	adHoc := version(t, replace(replace(goodTariff, `"id":"T1"`, `"id":"T0"`), `"REGULAR"`, `"AD_HOC_PAYMENT"`), "2026-01-01T00:00:00Z")
	adHoc.Tariff.Elements = adHoc.Tariff.Elements[:1]
	f.AtStart = []check.TariffVersion{adHoc, f.AtStart[0]}
	if r := f.run(); len(r.Findings) > 0 || r.Tariffs[0].ID != "T1" {
		t.Errorf("%+v %+v", r.Findings, r.Tariffs)
	}
}
