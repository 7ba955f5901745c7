package tariff

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// tried reads, compiles and prices, and returns what is wrong.
func tried(v ocpi.Version, tariffJSON, cdrJSON string, zone *time.Location) (Result, []Finding, error) {
	tariffs, _, err := ParseTariffs(v, []byte(tariffJSON))
	if err != nil {
		return Result{}, nil, err
	}
	l, err := Compile(tariffs...)
	if err != nil {
		return Result{}, nil, err
	}
	c, findings, err := ParseCDR(v, []byte(cdrJSON), zone)
	if err != nil {
		return Result{}, nil, err
	}
	r, err := l.Price(&c.Session, Policy{})
	return r, findings, err
}

func TestBadInput(t *testing.T) {
	good := testCDR("", "ENERGY 10 TIME 1")
	tar := lintTariff(elements(plain))
	many := func(n int, e string) string {
		return lintTariff("elements=[" + strings.TrimSuffix(strings.Repeat(e+",", n), ",") + "]")
	}
	component := `{"type":"ENERGY","price":1,"step_size":1}`
	at := "/elements/0/price_components/0/"
	for _, row := range []struct {
		name, tariff, cdr string
		code, pointer     string
		zoneless          bool
	}{
		{name: "NaN", tariff: lintTariff(elements("ENERGY NaN 1")), code: "json", pointer: at + "price"},
		{name: "NaN as a string", tariff: lintTariff(elements(`ENERGY "NaN" 1`)), code: "field", pointer: at + "price"},
		{name: "too large a number", tariff: lintTariff(elements("ENERGY 1e400 1")), code: "field", pointer: at + "price"},
		{name: "too small a number", tariff: lintTariff(elements("ENERGY 1e-30 1")), code: "field", pointer: at + "price"},
		{name: "30 decimals", tariff: lintTariff(elements("ENERGY 0.333333333333333333333333333333 1")), code: "field", pointer: at + "price"},
		{name: "20 digits", tariff: lintTariff(elements("ENERGY 1.0000000000000000001 1")), code: "field", pointer: at + "price"},
		{name: "30 digits of tax", tariff: lintTariff(elements("ENERGY 1 1 1.000000000000000000000000000001")), code: "field", pointer: at + "vat"},
		{name: "negative tax", tariff: lintTariff(elements("ENERGY 1 1 -1")), code: "field", pointer: at + "vat"},
		{name: "absurd tax", tariff: lintTariff(elements("ENERGY 1 1 10001")), code: "field", pointer: at + "vat"},
		{name: "negative step", tariff: lintTariff(elements("ENERGY 1 -1")), code: "field", pointer: at + "step_size"},
		{name: "broken step", tariff: lintTariff(elements("ENERGY 1 0.5")), code: "field", pointer: at + "step_size"},
		{name: "huge step", tariff: lintTariff(elements("ENERGY 1 9223372036854775807")), code: "field", pointer: at + "step_size"},
		{name: "no price", tariff: many(1, `{"price_components":[{"type":"ENERGY","step_size":1}]}`), code: "field", pointer: at + "price"},
		{name: "unknown dimension", tariff: lintTariff(elements("POWER 1 1")), code: "field", pointer: at + "type"},
		{name: "no elements", tariff: lintTariff("elements=[]"), code: "field", pointer: "/elements"},
		{name: "null elements", tariff: lintTariff("elements=null"), code: "field", pointer: "/elements"},
		{name: "null element", tariff: lintTariff("elements=[null]"), code: "field", pointer: "/elements/0/price_components"},
		{name: "no components", tariff: lintTariff(`elements=[{"price_components":[]}]`), code: "field", pointer: "/elements/0/price_components"},
		{name: "10,001 elements", tariff: many(10_001, `{"price_components":[`+component+`]}`), code: "too_large", pointer: "/elements"},
		{name: "101 components", tariff: lintTariff(`elements=[{"price_components":[` + strings.Repeat(component+",", 100) + component + `]}]`), code: "too_large", pointer: "/elements/0/price_components"},
		{name: "restrictions of another kind", tariff: lintTariff(elements(`ENERGY 1 1 - [1]`)), code: "field", pointer: "/elements/0/restrictions"},
		{name: "time without minutes", tariff: lintTariff(elements(`ENERGY 1 1 - {"start_time":"13"}`)), code: "field", pointer: "/elements/0/restrictions/start_time"},
		{name: "time with seconds", tariff: lintTariff(elements(`ENERGY 1 1 - {"end_time":"13:00:30"}`)), code: "field", pointer: "/elements/0/restrictions/end_time"},
		{name: "no such date", tariff: lintTariff(elements(`ENERGY 1 1 - {"end_date":"2025-02-30"}`)), code: "field", pointer: "/elements/0/restrictions/end_date"},
		{name: "no such day", tariff: lintTariff(elements(`ENERGY 1 1 - {"day_of_week":["MONDAY","Tue"]}`)), code: "field", pointer: "/elements/0/restrictions/day_of_week/1"},
		{name: "no such booking", tariff: lintTariff(elements(`TIME 1 1 - {"booking":"X"}`)), code: "field", pointer: "/elements/0/restrictions/booking"},
		{name: "no such reservation", tariff: lintTariff(elements(`TIME 1 1 - {"reservation":"X"}`)), code: "field", pointer: "/elements/0/restrictions/reservation"},
		{name: "broken duration", tariff: lintTariff(elements(`TIME 1 1 - {"max_duration":0.5}`)), code: "field", pointer: "/elements/0/restrictions/max_duration"},
		{name: "limit without amount", tariff: lintTariff(`min_price={"incl_vat":1}`), code: "field", pointer: "/min_price"},
		{name: "no currency", tariff: lintTariff("currency="), code: "field", pointer: "/currency"},
		{name: "no tariff", tariff: "[]", code: "no_valid_tariff"},
		{name: "null", tariff: "null", code: "json"},
		{name: "a number", tariff: "5", code: "json"},
		{name: "nothing", tariff: "", code: "json"},
		{name: "twice the same key", tariff: `{"id":"1","id":"2"}`, code: "json", pointer: "/id"},
		{name: "deep", tariff: `{"x":` + strings.Repeat("[", 20_000), code: "json"},
		{name: "two currencies", tariff: "[" + tar + "," + lintTariff(`currency="SEK"`) + "]", code: "currency_mismatch", pointer: "/1/currency"},
		{name: "tariff not valid yet", tariff: lintTariff(`start_date_time="2025-01-13T10:00:01Z"`), code: "no_valid_tariff"},
		{name: "tariff not valid any more", tariff: lintTariff(`end_date_time="2025-01-13T10:00:00Z"`), code: "no_valid_tariff"},

		{name: "currency of the CDR", cdr: strings.Replace(good, "EUR", "SEK", 1), code: "currency_mismatch", pointer: "/currency"},
		{name: "no time zone", zoneless: true, code: "time_zone"},
		{name: "unknown time zone", cdr: strings.Replace(good, `"id":"C"`, `"location":{"time_zone":"Nowhere"}`, 1), zoneless: true, code: "time_zone", pointer: "/location/time_zone"},
		{name: "the zone of this machine", cdr: strings.Replace(good, `"id":"C"`, `"location":{"time_zone":"Local"}`, 1), zoneless: true, code: "time_zone", pointer: "/location/time_zone"},
		{name: "no periods", cdr: testCDR(""), code: "no_periods", pointer: "/charging_periods"},
		{name: "unknown tariff", cdr: strings.Replace(good, `"dimensions"`, `"tariff_id":"X","dimensions"`, 1), code: "unknown_tariff", pointer: "/charging_periods/0/tariff_id"},
		{name: "no volume", cdr: testCDR("", "ENERGY null"), code: "field", pointer: "/charging_periods/0/dimensions/0/volume"},
		{name: "huge volume", cdr: testCDR("", "ENERGY 1e12"), code: "field", pointer: "/charging_periods/0/dimensions/0/volume"},
		{name: "huge sum of volumes", cdr: testCDR("", strings.Repeat("ENERGY 9e6 ", 2)), code: "field", pointer: "/charging_periods/0/dimensions/1/volume"},
		{name: "negative time", cdr: testCDR("", "TIME -1"), code: "field", pointer: "/charging_periods/0/dimensions/0/volume"},
		{name: "ends before it starts", cdr: strings.Replace(good, "T11:", "T09:", 1), code: "field", pointer: "/end_date_time"},
		{name: "no such time", cdr: strings.Replace(good, "T11:", "T25:", 1), code: "field", pointer: "/end_date_time"},
		{name: "total of words", cdr: testCDR(`{"excl_vat":"ten"}`, "ENERGY 1"), code: "field", pointer: "/total_cost/excl_vat"},
		{name: "total of 20 digits", cdr: testCDR(`{"excl_vat":12345678901234567890}`, "ENERGY 1"), code: "field", pointer: "/total_cost"},
		{name: "amount out of range", tariff: lintTariff(elements("TIME 9999999999999999999 1 10000")), cdr: testCDR("", "TIME 3e8"), code: "overflow"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.tariff == "" && row.name != "nothing" {
				row.tariff = tar
			}
			if row.cdr == "" {
				row.cdr = good
			}
			zone := zones[0]
			if row.zoneless {
				zone = nil
			}
			_, _, err := tried(ocpi.V221, row.tariff, row.cdr, zone)
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Code != row.code || row.pointer != "" && e.Pointer != row.pointer || e.Message == "" {
				t.Errorf("got %#v, want %s at %s", err, row.code, row.pointer)
			}
			// A tariff that pricing refuses makes lint refuse or complain.
			if findings, err := LintJSON(ocpi.V221, []byte(row.tariff), LintOptions{}); err == nil && row.code == "field" && row.cdr == good &&
				!slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity == SeverityError }) {
				t.Errorf("lint finds nothing wrong: %+v", findings)
			}
		})
	}
}

// TestNullAndEmpty has null wherever OCPI allows a field to be absent.
func TestNullAndEmpty(t *testing.T) {
	null := lintTariff("type=null", "tariff_alt_text=null", "tariff_alt_url=null", "min_price=null", "max_price=null", "start_date_time=null", "end_date_time=null", "energy_mix=null",
		elements(`ENERGY 0.4 1 null {"start_time":null,"end_time":null,"start_date":null,"end_date":null,"min_kwh":null,"max_kwh":null,"min_current":null,"max_current":null,`+
			`"min_power":null,"max_power":null,"min_duration":null,"max_duration":null,"day_of_week":null,"reservation":null}`))
	cdr := strings.Replace(testCDR("null", "ENERGY 10"), `"id":"C"`, `"tariffs":null,"cdr_location":null,"total_energy":null,"total_parking_time":null,"total_fixed_cost":null,"credit":null`, 1)
	for _, tar := range []string{null, lintTariff("tariff_alt_text=[]", elements(`ENERGY 0.4 1 null null`)), lintTariff(elements(`ENERGY 0.4 1 null []`)), lintTariff(elements(`ENERGY 0.4 1 null {}`))} {
		for _, v := range versions {
			r, findings, err := tried(v, tar, cdr, zones[0])
			if err != nil || r.TotalExcl.String() != "4.0000" || len(findings) != 0 {
				t.Errorf("%s: %s, %v, %v", v, r.TotalExcl, findings, err)
			}
			if f, err := LintJSON(v, []byte(tar), LintOptions{}); err != nil || slices.ContainsFunc(f, func(f Finding) bool { return f.Severity == SeverityError }) {
				t.Errorf("%s: lint says %v, %v", v, f, err)
			}
		}
	}
}

func TestLimitsThatNobodyReaches(t *testing.T) {
	tar := lintTariff(elements(`ENERGY 0.4 1 - {"max_kwh":99999999,"min_kwh":-99999999}`))
	if r, _, err := tried(ocpi.V221, tar, testCDR("", "ENERGY 10"), zones[0]); err != nil || r.TotalExcl.String() != "4.0000" {
		t.Errorf("%s, %v", r.TotalExcl, err)
	}
}

// TestHugeVolumes builds a session by hand whose sum would leave its integer.
func TestHugeVolumes(t *testing.T) {
	l, c, _ := priceOne(t, ocpi.V221, lintTariff(elements(plain)), testCDR("", "ENERGY 1", "ENERGY 1"), Policy{})
	for i := range c.Session.Periods {
		c.Session.Periods[i].Energy = 1 << 62
	}
	_, err := l.Price(&c.Session, Policy{})
	if e, ok := errors.AsType[*Error](err); !ok || e.Code != "overflow" {
		t.Errorf("two periods of 2^62: %v", err)
	}
	c.Session.Periods[0].Energy, c.Session.Periods[1].Time = 0, -1
	_, err = l.Price(&c.Session, Policy{})
	if e, ok := errors.AsType[*Error](err); !ok || e.Pointer != "/charging_periods/1" {
		t.Errorf("a negative time: %v", err)
	}
}

// TestWhyNamesEveryRestriction has them all, and met.
func TestWhyNamesEveryRestriction(t *testing.T) {
	tar := lintTariff(elements(`ENERGY 1 1 - {"start_time":"11:00","end_time":"12:00","start_date":"2025-01-01","end_date":"2025-02-01","min_kwh":0,"max_kwh":9,` +
		`"min_duration":0,"max_duration":9,"min_power":1,"max_power":9,"min_current":1,"max_current":9,"day_of_week":["MONDAY"]}`))
	l, c, _ := priceOne(t, ocpi.V221, tar, testCDR("", "ENERGY 1 MIN_POWER 2 MAX_POWER 3 MIN_CURRENT 4 MAX_CURRENT 5"), Policy{})
	r, err := l.Explain(&c.Session, Policy{})
	if err != nil || len(r.Lines) != 1 {
		t.Fatalf("%+v %v", r.Lines, err)
	}
	want := []string{"start_time/end_time", "day_of_week", "start_date", "end_date", "min_kwh", "max_kwh", "min_duration", "max_duration", "min_power", "max_power", "min_current", "max_current"}
	if !slices.Equal(r.Lines[0].Why.Matched, want) {
		t.Errorf("matched %v, want %v", r.Lines[0].Why.Matched, want)
	}
}
