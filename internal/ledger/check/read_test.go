package check_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/ocpi"
)

// TestRead proves what is read, in both versions.
func TestRead(t *testing.T) {
	for _, f := range []*fixture{good(t), converted(t, good(t))} {
		c, err := check.Read(f.v, f.body, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.Party != cpo || c.Token.Party != emsp || c.ID != "CDR1" || c.Key != "cdr1" || c.Session != "S1" || c.SessionID != "s1" || c.Token.Key != tokenKey ||
			c.Token.Contract != "DE-EM1-C12345678-X" || c.Method != "AUTH_REQUEST" || c.Reference != "REF1" || c.Meter != "M1" || c.Currency != "EUR" {
			t.Errorf("%s: %+v", f.v, c)
		}
		if p := c.Place; p.EVSEKey != "e1" || p.EVSEID != "NL*CP1*E1" || p.LocationKey != "loc1" || p.Latitude != 52.37 || p.Longitude != 4.9 || p.PowerType != "AC_3_PHASE" || p.Country != "NLD" {
			t.Errorf("%s: %+v", f.v, p)
		}
		if c.Net != 900 || c.Gross != 1089 || !c.TaxKnown || c.Energy != 18_500_000_000 || c.SumEnergy != c.Energy || c.Time != 150*time.Minute ||
			c.Parking != 30*time.Minute || c.SumTime != 2*time.Hour || c.SumParking != c.Parking || len(c.TariffIDs) != 1 || c.TariffIDs[0] != "t1" {
			t.Errorf("%s: %+v", f.v, c)
		}
	}
}

// TestReadAmounts proves that amounts become minor units of their currency, half
// away from zero, and that tax which is not told is not guessed.
func TestReadAmounts(t *testing.T) {
	for _, tt := range []struct {
		currency, cost string
		net, gross     int64
		known          bool
	}{
		{"EUR", `{"excl_vat":1.005}`, 101, 101, false},
		{"EUR", `{"excl_vat":-1.005,"incl_vat":-1.2049}`, -101, -120, true},
		{"eur", `{"excl_vat":0,"incl_vat":null}`, 0, 0, false},
		{"JPY", `{"excl_vat":100.5,"incl_vat":110.4}`, 101, 110, true},
		{"KWD", `{"excl_vat":0.0005,"incl_vat":1e-2}`, 1, 10, true},
	} {
		f := good(t).set("currency", `"`+tt.currency+`"`).set("total_cost", tt.cost).drop("tariffs")
		c, err := check.Read(f.v, f.body, nil)
		if err != nil || c.Net != tt.net || c.Gross != tt.gross || c.TaxKnown != tt.known {
			t.Errorf("%+v: %+v %v", tt, c, err)
		}
	}
	f := converted(t, good(t)).set("total_cost", `{"before_taxes":10,"taxes":[{"name":"GST","percentage":5,"amount":0.5},{"name":"PST","percentage":7,"amount":0.7}]}`)
	if c, err := check.Read(f.v, f.body, nil); err != nil || c.Net != 1000 || c.Gross != 1120 {
		t.Errorf("%+v %v", c, err)
	}
	f.set("total_cost", `{"before_taxes":10}`).set("end_date_time", `"2026-03-02T08:00:00Z"`)
	if c, err := check.Read(f.v, f.body, nil); err != nil || c.Net != 1000 || c.TaxKnown {
		t.Errorf("%+v %v", c, err)
	}
	f.set("total_cost", `{"before_taxes":10,"taxes":[{"name":"GST","amount":0.5}]}`)
	if c, err := check.Read(f.v, f.body, nil); err != nil || c.Gross != 1050 || !c.TaxKnown {
		t.Errorf("%+v %v", c, err)
	}
}

// TestReadRefused proves that what can never be billed is refused by the name of the
// field.
func TestReadRefused(t *testing.T) {
	for _, tt := range []struct{ path, value, want string }{
		{"country_code", `"N1"`, "country_code: "},
		{"party_id", `null`, "party_id: "},
		{"id", `""`, "id: "},
		{"id", `5`, "id: "},
		{"cdr_token.party_id", `"TOOLONG"`, "cdr_token: party_id: "},
		{"cdr_token", `null`, "cdr_token: "},
		{"cdr_token.uid", `{}`, "cdr_token.uid: must be a string"},
		{"start_date_time", `"yesterday"`, "start_date_time: "},
		{"end_date_time", `null`, "end_date_time: "},
		{"last_updated", `"2026-03-02T11:31:00+01:00"`, "last_updated: "},
		{"currency", `"EURO"`, "currency: "},
		{"total_cost", `{}`, "total_cost: has no amount before tax"},
		{"total_cost.excl_vat", `1e400`, "total_cost: "},
		{"total_cost.excl_vat", `99999999999999`, "total_cost: is out of range"},
		{"total_cost.incl_vat", `99999999999999`, "total_cost: is out of range"},
		{"total_energy", `"18.5"`, "total_energy: must be a number"},
		{"total_energy", `1e99`, "total_energy: "},
		{"total_energy", `0.00000000000000000000000000000001`, "total_energy: "},
		{"total_time", `2000000`, "total_time: is out of range"},
		{"credit", `"true"`, "credit: "},
		{"cdr_location.evse_uid", `7`, "cdr_location.evse_uid: "},
		{"cdr_location", `[]`, "cdr_location"},
		{"signed_data", `{"signed_values":5}`, "signed_data: "},
		{"charging_periods", `[]`, "charging_periods: "},
		{"charging_periods.1.start_date_time", `""`, "charging_periods[1].start_date_time: "},
		{"charging_periods.0.dimensions.0.volume", `1e30`, "charging_periods[0].dimensions[0].volume: "},
		{"tariffs.0.elements.0.price_components.0.step_size", `1e30`, "tariffs[0].elements[0].price_components[0].step_size: "},
	} {
		f := good(t).set(tt.path, tt.value)
		_, err := check.Read(f.v, f.body, nil)
		e, ok := errors.AsType[*ocpi.Error](err)
		if !ok || e.Status != ocpi.StatusInvalidParameters || !strings.HasPrefix(e.Message, tt.want) {
			t.Errorf("%s = %s: %v, want %s", tt.path, tt.value, err, tt.want)
		}
	}
	for _, body := range []string{``, `null`, `[]`, `{`, `{}`, `{"id":"a","id":"b"}`, "\xef\xbb\xbf{}", `{"id":"` + "\xff" + `"}`} {
		if _, err := check.Read(ocpi.V221, []byte(body), nil); err == nil {
			t.Errorf("%q is read", body)
		}
	}
	if _, err := check.Read("2.1.1", []byte(goodCDR), nil); err == nil {
		t.Error("2.1.1 is read")
	}
}
