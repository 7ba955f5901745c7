package tariff

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json"
	"github.com/tidwall/gjson"

	"github.com/eroam/eroam/ocpi"
)

// DetectVersion guesses the OCPI version of a tariff, a list of them or a CDR from
// what only one version writes: 2.2.1 when nothing tells.
func DetectVersion(body []byte) ocpi.Version {
	one := gjson.ParseBytes(body)
	if one.IsArray() {
		one = one.Get("0")
	}
	cost := one.Get("total_cost")
	for _, path := range []string{"tax_included", "tariffs.0.tax_included", "total_cost.before_taxes", "min_price.before_taxes", "max_price.before_taxes"} {
		if one.Get(path).Exists() {
			return ocpi.V230
		}
	}
	if cost.Type == gjson.Number || one.Get("stop_date_time").Exists() || one.Get("auth_id").Exists() {
		return v211
	}
	return ocpi.V221
}

// ParsePolicy reads a policy. Unknown members are an error: a misspelt reading
// would silently be the default. The error is an *[Error].
func ParsePolicy(body []byte) (Policy, error) {
	var p Policy
	if err := json.Unmarshal(body, &p, json.RejectUnknownMembers(true)); err != nil {
		e := &Error{Code: "policy", Message: "cannot be read"}
		if s, ok := errors.AsType[*json.SemanticError](err); ok {
			e.Pointer = string(s.JSONPointer)
			if s.Err != nil {
				e.Message = s.Err.Error()
			}
		}
		return p, e
	}
	return p, p.check()
}

// ParseExternalTaxes reads a list of taxes that a tariff does not tell:
//
//	[{"name": "Sales Tax", "percentage": "7"}, {"name": "Excise", "per_kwh": "0.026"}]
//
// The error is an *[Error].
func ParseExternalTaxes(body []byte) ([]ExternalTax, error) {
	var list []struct {
		Name       string `json:"name"`
		Percentage number `json:"percentage"`
		PerKWh     number `json:"per_kwh"`
	}
	if err := unmarshal(bytes.TrimSpace(body), &list); err != nil {
		return nil, err
	}
	out := make([]ExternalTax, len(list))
	for i, t := range list {
		out[i] = ExternalTax{t.Name, t.Percentage.number(), t.PerKWh.number()}
	}
	return out, nil
}

// ParseEnergy reads a decimal number of kWh as 10⁻⁹ kWh; "" is 0.
func ParseEnergy(s string) (int64, error) { return parseFixed(s, 9) }

// ParsePower reads a decimal number of kW as 10⁻⁶ kW; "" is 0.
func ParsePower(s string) (int64, error) { return parseFixed(s, 6) }

func parseFixed(s string, scale int) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := ocpi.ParseNumber(s)
	if err != nil {
		return 0, err
	}
	return fixed(n.String(), scale)
}
