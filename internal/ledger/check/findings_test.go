package check_test

import (
	"testing"
	"time"

	"github.com/eroam/eroam/internal/ledger/check"
)

type finding struct {
	want string
	make func(t *testing.T) *fixture
}

// with changes the good case.
func with(want string, change func(f *fixture)) finding {
	return finding{want, func(t *testing.T) *fixture {
		f := good(t)
		change(f)
		return f
	}}
}

// cred changes the good credit.
func cred(want string, change func(f *fixture)) finding {
	return finding{want, func(t *testing.T) *fixture {
		f := creditOf(t)
		change(f)
		return f
	}}
}

// signedBy changes the good case with signed data, and the text that is signed.
func signedBy(want string, change func(f *fixture), text ...string) finding {
	return finding{want, func(t *testing.T) *fixture {
		f := good(t).sign(text...)
		change(f)
		return f
	}}
}

const energyPrice = `0.38`

var findings = []finding{
	with("C01/schema", func(f *fixture) { f.drop("cdr_location.evse_id") }),

	with("C02/foreign_party", func(f *fixture) { f.Sender.ID = "CP2" }),
	with("C02/wrong_receiver", func(f *fixture) { f.Receiver.ID = "EM2" }),
	with("C02/no_agreement", func(f *fixture) { f.Agreement.Until = at("2026-03-02T09:00:00Z") }),

	with("C03/other_content", func(f *fixture) { f.Stored = make([]byte, 32) }),

	with("C04/second_for_session", func(f *fixture) {
		f.Others = append(f.Others, check.Other{Party: cpo, ID: "CDR2", Session: "s1", Start: f.Now, End: f.Now, Currency: "EUR"})
	}),
	with("C04/overlapping", func(f *fixture) {
		f.Others = append(f.Others, check.Other{Party: cpo, ID: "CDR2", Session: "s2", Token: tokenKey, EVSE: "e1", Start: at("2026-03-02T11:29:59Z"), End: f.Now, Currency: "EUR"})
	}),

	cred("C05/reference_missing", func(f *fixture) { f.drop("credit_reference_id") }),
	with("C05/reference_without_credit", func(f *fixture) { f.set("credit_reference_id", `"CDR0"`) }),
	cred("C05/original_unknown", func(f *fixture) { f.Original = nil }),
	cred("C05/credit_of_credit", func(f *fixture) { f.Original.Credit = true }),
	cred("C05/already_credited", func(f *fixture) { f.Original.Credited = "CREDIT0" }),
	cred("C05/other_parties", func(f *fixture) { f.Original.EMSP.ID = "EM2" }),
	cred("C05/other_currency", func(f *fixture) { f.Original.Currency = "USD" }),
	cred("C05/not_the_negation", func(f *fixture) { f.set("total_cost", `{"excl_vat":-9.00,"incl_vat":-10.891}`) }),
	cred("C05/other_facts", func(f *fixture) { f.set("session_id", `"S2"`) }),
	cred("C05/other_fields", func(f *fixture) { f.set("cdr_location.name", `"Quay"`) }),

	with("C06/not_a_currency", func(f *fixture) { f.set("currency", `"EUX"`); f.Session = edit(f.t, f.Session, "currency", `"EUX"`) }),
	with("C06/tariff_currency", func(f *fixture) {
		f.set("currency", `"USD"`)
		f.Session = edit(f.t, f.Session, "currency", `"USD"`)
		f.Agreement.Currency = ""
	}),
	with("C06/agreement_currency", func(f *fixture) { f.Agreement.Currency = "CHF" }),

	with("C07/not_after_start", func(f *fixture) {
		f.set("end_date_time", `"2026-03-02T08:59:59Z"`).set("total_time", "0")
		f.Session = edit(f.t, f.Session, "end_date_time", `"2026-03-02T08:59:59Z"`)
	}),
	with("C07/future", func(f *fixture) { f.Now = at("2026-03-02T11:25:59Z") }),
	with("C07/updated_before_end", func(f *fixture) { f.set("last_updated", `"2026-03-02T11:29:59Z"`) }),
	with("C07/too_long", func(f *fixture) { f.Settings.MaxDurationHours = 2 }),
	with("C07/too_short", func(f *fixture) { f.Settings.MinDurationSeconds = 9001 }),
	with("C07/unknown_time", func(f *fixture) {
		f.set("start_date_time", `"1970-01-01T00:00:00Z"`).drop("tariffs").set("charging_periods.0.start_date_time", `"1970-01-01T00:00:00Z"`)
		f.Session = edit(f.t, f.Session, "start_date_time", `"1970-01-01T00:00:00Z"`)
		f.AtStart[0].Received, f.Auths[0].At, f.Token = time.Time{}, time.Time{}, edit(f.t, f.Token, "valid", "true")
	}),

	with("C08/unsorted", func(f *fixture) {
		f.set("charging_periods.2", `{"start_date_time":"2026-03-02T10:30:00Z","dimensions":[{"type":"TIME","volume":0.5},{"type":"ENERGY","volume":8.5}]}`).
			set("charging_periods.0.dimensions.0.volume", "10").set("charging_periods.0.dimensions.1.volume", "1.5")
	}),
	with("C08/same_start", func(f *fixture) {
		f.set("charging_periods.1.start_date_time", `"2026-03-02T09:00:00Z"`).drop("total_parking_cost").drop("total_energy_cost").drop("total_time_cost").drop("total_fixed_cost")
		f.set("total_cost", `{"excl_vat":7.5,"incl_vat":9.075}`)
	}),
	with("C08/outside", func(f *fixture) { f.set("charging_periods.0.start_date_time", `"2026-03-02T08:59:00Z"`) }),

	with("C09/too_much_time", func(f *fixture) {
		f.set("charging_periods.1.start_date_time", `"2026-03-02T10:59:57Z"`)
	}),
	with("C09/time_missing", func(f *fixture) {
		f.set("charging_periods.0.dimensions.1.volume", "1.95").set("total_cost", `{"excl_vat":8.997,"incl_vat":10.88637}`).set("total_time_cost", `{"excl_vat":0.117,"incl_vat":0.14157}`)
	}),

	with("C10/energy_differs", func(f *fixture) {
		f.set("total_energy", "18.54")
		free := func(tariff string) string { return replace(tariff, `"price":`+energyPrice, `"price":0`) }
		f.set("tariffs", "["+free(goodTariff)+"]").set("total_cost", `{"excl_vat":1.97,"incl_vat":2.3837}`).set("total_energy_cost", `{"excl_vat":0,"incl_vat":0}`)
		f.AtStart[0], f.Usual = version(f.t, free(goodTariff), "2026-01-01T00:00:00Z"), nil
	}),
	with("C10/priced_energy_differs", func(f *fixture) { f.set("total_energy", "18.54") }),
	with("C10/time_differs", func(f *fixture) { f.set("total_time", "2.0") }),
	with("C10/parking_differs", func(f *fixture) {
		f.set("total_parking_time", "0.6")
		free := func(tariff string) string { return replace(tariff, `"price":3`, `"price":0`) }
		f.set("tariffs", "["+free(goodTariff)+"]").set("total_cost", `{"excl_vat":7.50,"incl_vat":9.075}`).set("total_parking_cost", `{"excl_vat":0,"incl_vat":0}`)
		f.AtStart[0] = version(f.t, free(goodTariff), "2026-01-01T00:00:00Z")
	}),
	with("C10/priced_parking_differs", func(f *fixture) { f.set("total_parking_time", "0.6") }),

	with("C11/energy_unit", func(f *fixture) { f.set("total_energy", "18500") }),
	with("C11/time_unit", func(f *fixture) { f.set("total_time", "150") }),

	with("C12/too_much_power", func(f *fixture) {
		f.Location = edit(f.t, f.Location, "evses.1.connectors.0.max_electric_power", "8000")
		f.drop("charging_periods.0.dimensions.2")
	}),
	with("C12/power_dimension", func(f *fixture) { f.set("charging_periods.0.dimensions.2.volume", "25") }),
	with("C12/too_much_energy", func(f *fixture) { f.Settings.MaxKWh = number("18.4") }),
	with("C12/too_little_energy", func(f *fixture) { f.Settings.MinKWh = number("18.6") }),

	with("C13/energy_without_time", func(f *fixture) {
		f.set("charging_periods.0.dimensions.1.type", `"STATE_OF_CHARGE"`).drop("total_time_cost").set("total_cost", `{"excl_vat":8.88,"incl_vat":10.7448}`)
	}),
	with("C13/time_without_energy", func(f *fixture) {
		f.set("charging_periods.0.dimensions.0.volume", "0").set("total_energy", "0").drop("total_energy_cost").set("total_cost", `{"excl_vat":1.97,"incl_vat":2.3837}`)
		f.Session = edit(f.t, f.Session, "kwh", "0")
	}),
	with("C13/negative_energy", func(f *fixture) {
		f.set("charging_periods.1.dimensions.1", `{"type":"ENERGY","volume":-1}`).set("charging_periods.0.dimensions.0.volume", "19.5")
	}),

	with("C14/session_unknown", func(f *fixture) { f.Session = nil }),
	with("C14/differs", func(f *fixture) { f.Session = edit(f.t, f.Session, "kwh", "18.3") }),
	with("C14/not_completed", func(f *fixture) { f.Session = edit(f.t, f.Session, "status", `"ACTIVE"`) }),
	with("C14/cost_above_session", func(f *fixture) { f.Session = edit(f.t, f.Session, "total_cost.excl_vat", "8.98") }),

	with("C15/location_unknown", func(f *fixture) { f.Location = nil }),
	with("C15/evse_unknown", func(f *fixture) { f.Location = edit(f.t, f.Location, "evses.1.uid", `"E2"`) }),
	with("C15/connector_unknown", func(f *fixture) { f.set("cdr_location.connector_id", `"2"`) }),
	with("C15/differs", func(f *fixture) { f.set("cdr_location.connector_format", `"CABLE"`) }),

	with("C16/token_unknown", func(f *fixture) { f.Token, f.Auths = nil, nil; f.drop("authorization_reference") }),
	with("C16/token_invalid", func(f *fixture) { f.Token = edit(f.t, f.Token, "valid", "false") }),
	with("C16/contract_differs", func(f *fixture) { f.set("cdr_token.contract_id", `"DE-EM1-C12345679-X"`) }),
	with("C16/no_authorization", func(f *fixture) { f.Auths = nil; f.drop("authorization_reference") }),
	with("C16/method_differs", func(f *fixture) { f.set("auth_method", `"COMMAND"`) }),
	with("C16/reference_unknown", func(f *fixture) { f.set("authorization_reference", `"REF2"`) }),
	with("C16/reference_outdated", func(f *fixture) {
		f.Auths = append(f.Auths, check.Authorization{ID: "A2", At: f.Auths[0].At.Add(time.Second), Reference: "REF2", Token: tokenKey, Location: "loc1", Method: "AUTH_REQUEST"})
	}),

	with("C17/no_tariff", func(f *fixture) { f.drop("tariffs"); f.AtStart, f.Latest = nil, nil }),
	with("C17/not_valid_at_start", func(f *fixture) {
		f.set("tariffs.0.start_date_time", `"2026-03-03T00:00:00Z"`)
		f.AtStart[0] = version(f.t, replace(goodTariff, `"type":"REGULAR"`, `"start_date_time":"2026-03-03T00:00:00Z"`), "2026-01-01T00:00:00Z")
	}),
	with("C17/not_published", func(f *fixture) { f.AtStart[0].Received = at("2026-03-02T09:00:01Z") }),
	with("C17/other_version", func(f *fixture) { f.set("tariffs.0.elements.1.price_components.0.price", "0.30") }),
	with("C17/dearer_version", func(f *fixture) { f.set("tariffs.0.elements.0.price_components.0.price", "0.39") }),

	with("C18/overcharged", func(f *fixture) {
		f.set("total_cost", `{"excl_vat":9.02,"incl_vat":10.9142}`).set("total_energy_cost", `{"excl_vat":7.05,"incl_vat":8.53}`)
		f.Session = edit(f.t, f.Session, "total_cost.excl_vat", "9.02")
	}),
	with("C18/undercharged", func(f *fixture) {
		f.set("total_cost", `{"excl_vat":8.98,"incl_vat":10.8658}`).set("total_energy_cost", `{"excl_vat":7.01,"incl_vat":8.4821}`)
	}),
	with("C18/rounded", func(f *fixture) { // lines rounded up to whole tenths of a euro
		f.Settings.PriceTolerance = number("0.001")
		f.set("total_cost", `{"excl_vat":9.00,"incl_vat":10.90}`)
	}),
	with("C18/parts_differ", func(f *fixture) {
		f.set("total_energy_cost", `{"excl_vat":7.00,"incl_vat":8.47}`).set("total_time_cost", `{"excl_vat":0.15,"incl_vat":0.1815}`)
	}),
	with("C18/not_priced", func(f *fixture) {
		f.AtStart[0] = version(f.t, replace(goodTariff, energyPrice, `0.38000000000000000000001`), "2026-01-01T00:00:00Z")
		f.drop("tariffs")
	}),

	with("C19/parts_do_not_sum", func(f *fixture) { f.drop("tariffs"); f.set("total_fixed_cost.excl_vat", "0.45") }),
	with("C19/below_before_tax", func(f *fixture) {
		free := replace(goodTariff, `,"vat":21`, ``)
		f.set("tariffs", "["+free+"]").set("total_cost.incl_vat", "8.99")
		for _, part := range []string{"fixed", "energy", "time", "parking"} {
			f.drop("total_" + part + "_cost")
		}
		f.AtStart[0] = version(f.t, free, "2026-01-01T00:00:00Z")
	}),
	with("C19/tax_rate", func(f *fixture) {
		dear := replace(goodTariff, `"vat":21`, `"vat":31`)
		f.set("tariffs", "["+dear+"]").set("total_cost.incl_vat", "11.79")
		for _, part := range []string{"fixed", "energy", "time", "parking"} {
			f.drop("total_" + part + "_cost")
		}
		f.AtStart[0] = version(f.t, dear, "2026-01-01T00:00:00Z")
	}),
	{"C19/tax_amount", func(t *testing.T) *fixture {
		f := converted(t, good(t))
		return f.set("total_cost.taxes", `[{"name":"VAT","percentage":20,"amount":1.89}]`)
	}},

	with("C20/above_limit", func(f *fixture) { f.Settings.MaxTotal = number("8.99") }),
	with("C20/price_per_kwh", func(f *fixture) { f.Settings.MaxPricePerKWh = number("0.37") }),
	with("C20/negative", func(f *fixture) {
		negative := replace(goodTariff, `"price":`+energyPrice, `"price":-0.62`)
		f.set("tariffs", "["+negative+"]").set("total_cost", `{"excl_vat":-9.5,"incl_vat":-11.495}`)
		for _, part := range []string{"fixed", "energy", "time", "parking"} {
			f.drop("total_" + part + "_cost")
		}
		f.AtStart[0], f.Usual = version(f.t, negative, "2026-01-01T00:00:00Z"), nil
	}),

	with("C21/meter_changed", func(f *fixture) { f.set("meter_id", `"M2"`) }),
	signedBy("C21/register_fell", func(f *fixture) {
		f.LastRegister = &check.Register{Energy: 1000_002_000_000, At: at("2026-03-01T00:00:00Z"), CDR: "CDR0"}
	}),

	with("C22/missing", func(f *fixture) { f.Settings.Eichrecht = true }),
	signedBy("C22/unreadable", func(f *fixture) {
		f.set("signed_data.signed_values.0.signed_data", `"junk"`).set("signed_data.signed_values.1.signed_data", `"junk"`)
	}),
	signedBy("C22/incomplete", func(*fixture) {}, `"TX":"E"`, `"TX":"C"`),
	signedBy("C22/invalid", func(f *fixture) {
		other := good(f.t).sign()
		f.MeterKey = other.MeterKey
		f.drop("signed_data.public_key")
	}),
	signedBy("C22/not_verified", func(f *fixture) { f.MeterKey = ""; f.drop("signed_data.public_key") }),
	signedBy("C22/key_unknown", func(f *fixture) { f.MeterKey = "" }),

	signedBy("C23/content", func(*fixture) {}, `"ST":"G"`, `"ST":"F"`),
	signedBy("C23/energy_differs", func(*fixture) {}, `1018.500`, `1018.480`),
	signedBy("C23/time_differs", func(*fixture) {}, `12:29:55`, `12:25:00`),
	signedBy("C23/identity_differs", func(*fixture) {}, `"CI":"NL*CP1*E1"`, `"CI":"NL*CP1*E2"`),

	with("C24/late", func(f *fixture) { f.Now = f.Now.AddDate(0, 0, 31) }),
	with("C24/very_late", func(f *fixture) { f.Now = f.Now.AddDate(0, 0, 91) }),

	with("C25/na_with_session", func(f *fixture) {
		f.set("cdr_location.evse_uid", `"#NA"`)
		f.Session = edit(f.t, f.Session, "evse_uid", `"#NA"`)
	}),
	with("C25/home_compensation", func(f *fixture) { f.set("home_charging_compensation", "true") }),

	with("C26/missing", func(f *fixture) { f.body, f.Now = nil, at("2026-03-02T15:29:41Z") }),
	with("C26/silent", func(f *fixture) {
		f.body, f.Now, f.Session = nil, at("2026-03-03T11:30:01Z"), edit(f.t, f.Session, "status", `"ACTIVE"`)
	}),

	with("C27/repeated", func(f *fixture) {
		o := &f.Others[0]
		o.End, o.Energy, o.Gross = o.Start.Add(150*time.Minute), 18_500_000_000, 1089
	}),
	with("C27/impossible_travel", func(f *fixture) {
		f.Others[0].Start, f.Others[0].End, f.Others[0].Latitude = at("2026-03-02T07:00:00Z"), at("2026-03-02T08:30:00Z"), 53.4
	}),
	with("C27/unusual_price", func(f *fixture) { f.Usual.Mean, f.Usual.Deviation = 0.40, 0.009 }),
}
