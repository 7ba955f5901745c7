package tariff

import (
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Results are written by hand: a ledger stores one for each CDR, and reflection
// takes longer than pricing.

// AppendJSON appends the result as a JSON object: amounts and volumes as decimal
// strings, null where unknown; taxes_unknown says that one of the totals is.
func (r *Result) AppendJSON(b []byte) []byte {
	b = append(appendText(append(b, `{"currency":`...), r.Currency), `,"total_excl":`...)
	b = append(r.TotalExcl.appendJSON(b), `,"total_incl":`...)
	b = append(r.TotalIncl.appendJSON(b), `,"rounded":{"decimals":`...)
	b = append(strconv.AppendInt(b, int64(r.Rounded.Decimals), 10), `,"mode":`...)
	b = append(appendText(b, string(r.Rounded.Mode)), `,"total_excl":`...)
	b = append(r.Rounded.TotalExcl.appendJSON(b), `,"total_incl":`...)
	b = append(r.Rounded.TotalIncl.appendJSON(b), `},"taxes_unknown":`...)
	b = append(strconv.AppendBool(b, !r.TotalExcl.Known() || !r.TotalIncl.Known()), `,"by_dimension":`...)
	b = append(r.ByDimension.appendJSON(b), `,"lines":[`...)
	for i := range r.Lines {
		if i > 0 {
			b = append(b, ',')
		}
		b = r.Lines[i].appendJSON(b)
	}
	b = append(b, `],"limit_applied":`...)
	if b = appendOptional(b, r.LimitApplied); r.BeforeLimits != nil {
		b = append(r.BeforeLimits.Excl.appendJSON(append(b, `,"before_limits":{"total_excl":`...)), `,"total_incl":`...)
		b = append(r.BeforeLimits.Incl.appendJSON(b), '}')
	}
	b = append(b, `,"tax_by_rate":[`...)
	for i := range r.TaxByRate {
		if i > 0 {
			b = append(b, ',')
		}
		g := &r.TaxByRate[i]
		b = append(appendOptional(append(b, `{"rate":`...), g.Rate), `,"base":`...)
		b = append(g.Base.appendJSON(b), `,"tax":`...)
		b = append(g.Tax.appendJSON(b), '}')
	}
	b = append(b, `],"findings":[`...)
	for i := range r.Findings {
		if i > 0 {
			b = append(b, ',')
		}
		b = r.Findings[i].appendJSON(b)
	}
	b = append(b, `],"policy":`...)
	if r.Policy == (Policy{Tolerance: r.Policy.Tolerance}) {
		b = append(b, `{"rounding":{}`...)
		if r.Policy.Tolerance != "" {
			b = appendText(append(b, `,"tolerance":`...), r.Policy.Tolerance)
		}
		b = append(b, '}')
	} else if p, err := json.Marshal(r.Policy); err == nil { // it holds texts and flags only
		b = append(b, p...)
	}
	b = appendText(append(b, `,"engine":`...), r.Engine)
	b = appendText(append(b, `,"tariff_hash":`...), r.TariffHash)
	b = appendText(append(b, `,"time_zone":`...), r.zone)
	return append(b, '}')
}

// MarshalJSON writes what AppendJSON appends.
func (r Result) MarshalJSON() ([]byte, error) { return r.AppendJSON(make([]byte, 0, 4096)), nil }

func (l *Line) appendJSON(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"period":`...), int64(l.Period), 10)
	b = appendText(append(b, `,"tariff_id":`...), l.TariffID)
	b = strconv.AppendInt(append(b, `,"element":`...), int64(l.Element), 10)
	b = strconv.AppendInt(append(b, `,"component":`...), int64(l.Component), 10)
	b = appendText(append(b, `,"dimension":`...), string(l.Dimension))
	b = appendText(append(b, `,"component_type":`...), string(l.Type))
	b = append(l.Volume.appendText(append(b, `,"volume":"`...)), '"')
	b = append(l.Billed.appendText(append(b, `,"billed_volume":"`...)), '"')
	if l.StepSize != 0 {
		b = strconv.AppendInt(append(b, `,"step_size":`...), l.StepSize, 10)
	}
	b = append(append(append(b, `,"unit_price":"`...), l.UnitPrice.String()...), `","vat":`...)
	if l.VAT.IsSet() {
		b = append(append(append(b, '"'), l.VAT.String()...), '"')
	} else {
		b = append(b, "null"...)
	}
	b = l.Excl.appendJSON(append(b, `,"excl":`...))
	b = l.Incl.appendJSON(append(b, `,"incl":`...))
	if l.Why != nil {
		b = l.Why.appendJSON(append(b, `,"why":`...))
	}
	return append(b, '}')
}

// appendJSON writes what json.Marshal does.
func (w *Why) appendJSON(b []byte) []byte {
	b = append(b, '{')
	if len(w.Matched) > 0 {
		b = append(b, `"matched":`...)
		for i, name := range w.Matched {
			b = appendText(append(b, before(i)), name)
		}
		b = append(b, ']')
	}
	if len(w.Passed) > 0 {
		if len(w.Matched) > 0 {
			b = append(b, ',')
		}
		b = append(b, `"passed_over":`...)
		for i := range w.Passed {
			p := &w.Passed[i]
			b = strconv.AppendInt(append(append(b, before(i)), `{"element":`...), int64(p.Element), 10)
			b = strconv.AppendInt(append(b, `,"component":`...), int64(p.Component), 10)
			b = appendText(append(b, `,"restriction":`...), p.Restriction)
			if p.Missing {
				b = append(b, `,"unknown":true`...)
			}
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// before returns what stands before an item of a list.
func before(item int) byte {
	if item == 0 {
		return '['
	}
	return ','
}

// MarshalJSON writes the line; unit_price and vat are decimal strings as the
// tariff spells them, vat null where there is none.
func (l Line) MarshalJSON() ([]byte, error) { return l.appendJSON(nil), nil }

func (s *Sums) appendJSON(b []byte) []byte {
	b = append(b, '{')
	first := true
	for i := range s {
		if !s[i].there {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(appendText(b, string(s[i].Dimension)), `:{`...)
		if s[i].Priced.unit != count {
			b = append(s[i].Priced.appendText(append(b, `"priced_volume":"`...)), `","billed_volume":"`...)
			b = append(append(s[i].Billed.appendText(b), `","unit":"`...), s[i].Priced.Unit()...)
			b = append(b, `",`...)
		}
		b = append(s[i].Excl.appendJSON(append(b, `"excl":`...)), `,"incl":`...)
		b = append(s[i].Incl.appendJSON(b), '}')
	}
	return append(b, '}')
}

// MarshalJSON writes an object with a member per dimension that occurs.
func (s Sums) MarshalJSON() ([]byte, error) { return s.appendJSON(nil), nil }

func (f *Finding) appendJSON(b []byte) []byte {
	v, err := json.Marshal(f) // texts and numbers only
	if err != nil {
		return append(b, "null"...)
	}
	return append(b, v...)
}

func (a Amount) appendJSON(b []byte) []byte {
	if !a.known {
		return append(b, "null"...)
	}
	return append(a.x.appendText(append(b, '"'), 4, 10), '"')
}

func (a roundAmount) appendJSON(b []byte) []byte {
	if !a.known {
		return append(b, "null"...)
	}
	return append(a.x.appendText(append(b, '"'), a.decimals, a.decimals), '"')
}

func appendOptional(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return appendText(b, *s)
}

// appendText appends a JSON string. Texts come out of JSON, so they are valid.
func appendText(b []byte, s string) []byte {
	out, err := jsontext.AppendQuote(b, s)
	if err != nil {
		return append(b, `""`...)
	}
	return out
}
