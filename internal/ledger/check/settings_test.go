package check_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/ocpi"
)

// TestParseSettings proves that what is absent has its default, and that what is
// there is read.
func TestParseSettings(t *testing.T) {
	numbers := cmp.Comparer(func(a, b ocpi.Number) bool { return a == b })
	for _, body := range []string{``, `{}`} {
		s, err := check.ParseSettings([]byte(body))
		if err != nil || cmp.Diff(s, check.DefaultSettings(), numbers) != "" {
			t.Errorf("%q: %v %s", body, err, cmp.Diff(s, check.DefaultSettings(), numbers))
		}
	}
	s, err := check.ParseSettings([]byte(`{"severity":{"C24":"off","C18/undercharged":"warn"},"late_hold_days":10,"max_kwh":0,"price_tolerance":0.005,"eichrecht":true,"pricing":{"step_size":"off"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if s.Severity["C24"] != check.Off || s.LateHoldDays != 10 || s.LateWarnDays != 30 || s.MaxKWh.String() != "0" || s.PriceTolerance.String() != "0.005" || !s.Eichrecht || s.Pricing.StepSize != "off" {
		t.Errorf("%+v", s)
	}
	body, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	again, err := check.ParseSettings(body)
	if err != nil || cmp.Diff(s, again, numbers) != "" {
		t.Errorf("after writing and reading: %v %s", err, cmp.Diff(s, again, numbers))
	}
}

// TestSettingsRefused proves that what cannot be meant is refused by the name of the
// field.
func TestSettingsRefused(t *testing.T) {
	for body, want := range map[string]string{
		`[]`:                     "settings: must be an object",
		`{"late_hold":1}`:        "late_hold: is not a setting",
		`{"late_hold_days":"x"}`: "late_hold_days: ",
		`{"late_hold_days":-1}`:  "late_hold_days: must be 0 to 3650",
		`{"late_hold_days":1,"late_hold_days":2}`:  "late_hold_days: ",
		`{"severity":{"C28":"hold"}}`:              "severity.C28: is not a check",
		`{"severity":{"C18/late":"hold"}}`:         "severity.C18/late: is not a check",
		`{"severity":{"C18":"fatal"}}`:             "severity.C18: must be one of reject, hold, warn, info, off",
		`{"severity":{"C18":"pass"}}`:              "severity.C18: must be one of",
		`{"price_tolerance":"0.01"}`:               "price_tolerance: ",
		`{"price_tolerance":-0.01}`:                "price_tolerance: must be a number from 0",
		`{"max_total":1e400}`:                      "max_total: must be a number from 0",
		`{"max_kwh":0.0000000001}`:                 "max_kwh: must be a number from 0",
		`{"pricing":{"step_size":"sometimes"}}`:    "pricing.step_size: ",
		`{"pricing":{"stepsize":"off"}}`:           "pricing.stepsize: is not a setting",
		`{"pricing":{"tolerance":"0.1"}}`:          "pricing.tolerance: is price_tolerance here",
		`{"pricing":{"rounding":{"decimals":99}}}`: "pricing.rounding.decimals: ",
		`{"late_hold_days":null}`:                  "late_hold_days: must not be null",
		`{"eichrecht":1}`:                          "eichrecht: ",
		`{`:                                        "settings: ",
	} {
		_, err := check.ParseSettings([]byte(body))
		e, ok := errors.AsType[*ocpi.Error](err)
		if !ok || e.Status != ocpi.StatusInvalidParameters || !strings.HasPrefix(e.Message, want) {
			t.Errorf("%s: %v, want %s", body, err, want)
		}
	}
}

// TestSeverity proves which setting counts: the finding before the check before the
// default.
func TestSeverity(t *testing.T) {
	late := func(change func(s *check.Settings)) check.Severity {
		f := good(t)
		f.Now = f.Now.AddDate(0, 0, 91)
		change(f.Settings)
		return f.run().Verdict
	}
	for name, tt := range map[string]struct {
		severity map[string]check.Severity
		want     check.Severity
	}{
		"default": {nil, check.Hold},
		"check":   {map[string]check.Severity{"C24": check.Info}, check.Info},
		"finding": {map[string]check.Severity{"C24": check.Info, "C24/very_late": check.Reject}, check.Reject},
		"other":   {map[string]check.Severity{"C24/late": check.Reject}, check.Hold},
		"off":     {map[string]check.Severity{"C24": check.Hold, "C24/very_late": check.Off}, check.Pass},
	} {
		if got := late(func(s *check.Settings) { s.Severity = tt.severity }); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	if got := late(func(s *check.Settings) { s.LateHoldDays = 0 }); got != check.Warn {
		t.Errorf("without a limit to hold: %s", got)
	}
}

// TestEichrecht proves that all that is wrong with signed data holds a CDR where
// it is required.
func TestEichrecht(t *testing.T) {
	for _, tt := range findings {
		if !strings.HasPrefix(tt.want, "C22/") && !strings.HasPrefix(tt.want, "C23/") {
			continue
		}
		f := tt.make(t)
		f.Settings.Eichrecht = true
		if r := f.run(); r.Verdict != check.Hold || codesOf(r) != tt.want {
			t.Errorf("%s: %s %s", tt.want, r.Verdict, codesOf(r))
		}
		f.Settings.Severity = map[string]check.Severity{"C22": check.Off, "C23": check.Off}
		if r := f.run(); r.Verdict != check.Pass {
			t.Errorf("%s off: %s", tt.want, codesOf(r))
		}
	}
	if r := good(t).run(); r.Verdict != check.Pass {
		t.Errorf("without: %s", codesOf(r))
	}
}
