package check

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/govalues/decimal"
	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

// Settings are what an agreement decides about the checks. Make them by
// DefaultSettings or ParseSettings; they may be shared and must not be changed
// while they are in use. Amounts are in the currency of the CDR.
type Settings struct {
	// Severity of a check, by its id ("C24"), or of one finding of it, by id and code
	// ("C24/very_late"). The code counts more than the id, and both more than the
	// defaults of Codes.
	Severity map[string]Severity `json:"severity,omitempty"`

	// C07, C12, C13
	ClockSkewSeconds   int         `json:"clock_skew_seconds"`   // 300
	MaxDurationHours   int         `json:"max_duration_hours"`   // 168
	MinDurationSeconds int         `json:"min_duration_seconds"` // 0
	AllowUnknownTimes  bool        `json:"allow_unknown_times"`  // false; 1970-01-01 for "not known"
	MinKWh             ocpi.Number `json:"min_kwh"`              // 0
	MaxKWh             ocpi.Number `json:"max_kwh"`              // 400
	AllowNegative      bool        `json:"allow_negative"`       // false; energy that the vehicle fed back

	// C14
	SessionSeconds int         `json:"session_seconds"` // 60
	SessionKWh     ocpi.Number `json:"session_kwh"`     // 0.1, or 1 %

	// C18, C20. A limit of 0 is none. MaxTotal and MaxPricePerKWh are, when not set,
	// 1000 and 5 in AUD, CAD, CHF, EUR, GBP and USD, and none in other currencies.
	PriceTolerance        ocpi.Number   `json:"price_tolerance"`         // 0.01
	PriceTolerancePercent ocpi.Number   `json:"price_tolerance_percent"` // 1; only for a difference that a known rounding explains
	MaxTotal              ocpi.Number   `json:"max_total,omitzero"`      // before tax
	MaxPricePerKWh        ocpi.Number   `json:"max_price_per_kwh,omitzero"`
	Pricing               tariff.Policy `json:"pricing"` // its tolerance is price_tolerance

	// C22, C23: signed meter data is required, and what is wrong with it holds the
	// CDR; otherwise it is a warning.
	Eichrecht bool `json:"eichrecht"`

	// C24, C26
	LateWarnDays       int `json:"late_warn_days"`       // 30
	LateHoldDays       int `json:"late_hold_days"`       // 90
	MissingCDRHours    int `json:"missing_cdr_hours"`    // 4; after the end of a session
	SilentSessionHours int `json:"silent_session_hours"` // 24; after the last update of one that runs

	// C27
	MaxSpeedKmh  int         `json:"max_speed_kmh"` // 200; of one token between two places
	MaxDeviation ocpi.Number `json:"max_deviation"` // 4; standard deviations
}

// DefaultSettings returns the defaults, which are beside the fields.
func DefaultSettings() *Settings {
	n := ocpi.MustNumber
	return &Settings{
		ClockSkewSeconds: 300, MaxDurationHours: 168, MinKWh: n("0"), MaxKWh: n("400"),
		SessionSeconds: 60, SessionKWh: n("0.1"),
		PriceTolerance: n("0.01"), PriceTolerancePercent: n("1"),
		LateWarnDays: 30, LateHoldDays: 90, MissingCDRHours: 4, SilentSessionHours: 24,
		MaxSpeedKmh: 200, MaxDeviation: n("4"),
	}
}

// ParseSettings reads settings as JSON. Fields that are absent have their
// defaults; an empty body gives all of them. The error is an *ocpi.Error with
// status 2001 that names the field.
func ParseSettings(body []byte) (*Settings, error) {
	s := DefaultSettings()
	if len(body) == 0 {
		return s, nil
	}
	if !ocpi.IsObject(body) {
		return nil, ocpi.Invalid("settings", "must be an object")
	}
	if err := json.Unmarshal(body, s, json.RejectUnknownMembers(true)); err != nil {
		return nil, settingsError(err)
	}
	if name := nullMember(body); name != "" {
		return nil, ocpi.Invalid(name, "must not be null")
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	s.Severity = maps.Clone(s.Severity)
	return s, nil
}

// nullMember returns the name of a member that is null: it would be 0 in silence,
// which for many settings means no limit.
func nullMember(object []byte) (null string) {
	gjson.ParseBytes(object).ForEach(func(name, v gjson.Result) bool {
		if v.Type == gjson.Null {
			null = name.Str
		}
		return null == ""
	})
	return null
}

func settingsError(err error) error {
	if s, ok := errors.AsType[*json.SemanticError](err); ok {
		field := path(string(s.JSONPointer))
		switch {
		case field == "":
			field = "settings"
		case errors.Is(s.Err, json.ErrUnknownName):
			return ocpi.Invalid(field, "is not a setting")
		}
		if s.Err != nil {
			return ocpi.Invalid(field, s.Err.Error())
		}
		return ocpi.Invalid(field, fmt.Sprintf("must not be a JSON %s", s.JSONKind))
	}
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok && s.JSONPointer != "" {
		return ocpi.Invalid(path(string(s.JSONPointer)), s.Err.Error())
	}
	return ocpi.Invalid("settings", "is not JSON")
}

// path turns a JSON pointer into a path such as elements[0].price.
func path(pointer string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch {
		case part != "" && strings.Trim(part, "0123456789") == "":
			b.WriteString("[" + part + "]")
		case b.Len() > 0:
			b.WriteString("." + part)
		default:
			b.WriteString(part)
		}
	}
	return b.String()
}

// maxSetting is the largest number that a setting may have.
var maxSetting = decimal.MustNew(1_000_000_000, 0)

// check refuses what cannot be meant.
func (s *Settings) check() error {
	for key, severity := range s.Severity {
		if !knownKey(key) {
			return ocpi.Invalid("severity."+key, "is not a check such as C18, or a finding such as C18/overcharged")
		}
		switch severity {
		case Reject, Hold, Warn, Info, Off:
		default:
			return ocpi.Invalid("severity."+key, "must be one of reject, hold, warn, info, off")
		}
	}
	for _, f := range []struct {
		name       string
		value, max int
	}{
		{"clock_skew_seconds", s.ClockSkewSeconds, 86_400}, {"max_duration_hours", s.MaxDurationHours, 87_600},
		{"min_duration_seconds", s.MinDurationSeconds, 86_400}, {"session_seconds", s.SessionSeconds, 86_400},
		{"late_warn_days", s.LateWarnDays, 3_650}, {"late_hold_days", s.LateHoldDays, 3_650},
		{"missing_cdr_hours", s.MissingCDRHours, 87_600}, {"silent_session_hours", s.SilentSessionHours, 87_600},
		{"max_speed_kmh", s.MaxSpeedKmh, 100_000},
	} {
		if f.value < 0 || f.value > f.max {
			return ocpi.Invalid(f.name, fmt.Sprintf("must be 0 to %d", f.max))
		}
	}
	for _, f := range []struct {
		name string
		n    ocpi.Number
	}{
		{"min_kwh", s.MinKWh}, {"max_kwh", s.MaxKWh}, {"session_kwh", s.SessionKWh}, {"price_tolerance", s.PriceTolerance},
		{"price_tolerance_percent", s.PriceTolerancePercent}, {"max_total", s.MaxTotal},
		{"max_price_per_kwh", s.MaxPricePerKWh}, {"max_deviation", s.MaxDeviation},
	} {
		if d, err := f.n.Decimal(); err != nil || d.IsNeg() || d.Scale() > 9 || d.Cmp(maxSetting) > 0 {
			return ocpi.Invalid(f.name, "must be a number from 0 to 1000000000 with at most nine decimals")
		}
	}
	if s.Pricing.Tolerance != "" {
		return ocpi.Invalid("pricing.tolerance", "is price_tolerance here")
	}
	return s.checkPolicy()
}

func (s *Settings) checkPolicy() error {
	body, err := json.Marshal(s.Pricing)
	if err == nil {
		_, err = tariff.ParsePolicy(body)
	}
	if e, ok := errors.AsType[*tariff.Error](err); ok {
		return ocpi.Invalid("pricing."+path(e.Pointer), e.Message)
	}
	return err
}

// severity returns what a finding of a check leads to.
func (s *Settings) severity(c *Code) Severity {
	if len(s.Severity) > 0 {
		if v, ok := s.Severity[c.Check+"/"+c.Code]; ok {
			return v
		}
		if v, ok := s.Severity[c.Check]; ok {
			return v
		}
	}
	if s.Eichrecht && c.Eichrecht != "" {
		return c.Eichrecht
	}
	return c.Severity
}
