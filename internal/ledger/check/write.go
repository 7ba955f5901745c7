package check

import (
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// AppendJSON appends the report as json.Marshal writes it. The ledger stores one
// for each CDR, and reflection takes five times as long; what few reports have is
// left to it.
func (r *Report) AppendJSON(b []byte) (_ []byte, err error) {
	rest := func(name string, v any) {
		if err == nil {
			var part []byte
			part, err = json.Marshal(v, json.Deterministic(true))
			b = append(append(b, name...), part...)
		}
	}
	if b = append(b, `{"findings":[]`...); len(r.Findings) > 0 {
		b = b[:len(b)-len("[]")]
		rest("", r.Findings)
	}
	b = appendText(append(b, `,"verdict":`...), string(r.Verdict))
	b = appendText(append(b, `,"basis":`...), string(r.Basis))
	if len(r.Tariffs) > 0 {
		b = append(b, `,"tariffs":`...)
		for i := range r.Tariffs {
			b = append(b, "[,"[min(i, 1)])
			b = r.Tariffs[i].appendJSON(b)
		}
		b = append(b, ']')
	}
	if r.Price != nil {
		b = r.Price.AppendJSON(append(b, `,"price":`...))
	}
	if c := r.Claim; c != nil && len(c.DifferingFields)+len(c.Differences)+len(c.ExplainedBy) == 0 {
		b = appendText(append(b, `,"claim":{"verdict":`...), c.Verdict)
		b = appendText(append(b, `,"compare_tolerance":`...), c.CompareTolerance)
		b = append(b, `,"differing_fields":[]}`...)
	} else if c != nil {
		rest(`,"claim":`, c)
	}
	if r.NotPriced != "" {
		b = appendText(append(b, `,"not_priced":`...), r.NotPriced)
	}
	if r.Register != nil {
		rest(`,"register":`, r.Register)
	}
	if r.Signature != "" {
		b = appendText(append(b, `,"signature":`...), string(r.Signature))
	}
	return append(b, '}'), err
}

func (t *TariffUsed) appendJSON(b []byte) []byte {
	b = appendText(append(b, `{"id":`...), t.ID)
	if !t.Received.IsZero() {
		b = appendTime(append(b, `,"received":`...), t.Received)
	}
	if t.Hash != "" {
		b = appendText(append(b, `,"hash":`...), t.Hash)
	}
	return append(b, '}')
}

// appendTime appends a time as json.Marshal writes it.
func appendTime(b []byte, t time.Time) []byte {
	return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

// appendText appends a JSON string. What is not UTF-8 becomes U+FFFD.
func appendText(b []byte, s string) []byte {
	out, err := jsontext.AppendQuote(b, s)
	if err != nil {
		out, _ = jsontext.AppendQuote(b, strings.ToValidUTF8(s, "\uFFFD"))
	}
	return out
}
