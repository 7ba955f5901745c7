package ocmf

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eroam/eroam/ocpi/v221"
)

// maxValues is how many signed values of a CDR are read.
const maxValues = 1000

// Report is what can be said of the signed_data of a CDR.
type Report struct {
	Encoding    string // encoding_method as OCPI spells it, or as it came where OCPI does not know it
	Transaction Transaction
	Problems    []Problem
	// Verification joins the values': by the known key of the EVSE only. Invalid
	// where one is, else CannotVerify where one is, else NoKey, else Verified.
	Verification Verification
	// Enclosed is the same by public_key, for information: it shows that the data
	// were not changed by somebody without that key, not whose key it is. NoKey
	// where none is enclosed.
	Enclosed Verification
	Values   []Value
}

// Value is one signed value.
type Value struct {
	Nature       string  // as it came: Start, End, Intermediate
	Record       *Record // nil where it is unreadable
	Verification Verification
}

// encodings are those that OCPI 2.2.1 §10.4.7 names.
var encodings = []string{"OCMF", "Alfen Eichrecht", "EDL40 E-Mobility Extension", "EDL40 Mennekes"}

// FromOCPI judges signed data (OCPI 2.2.1 §10.4.7; 2.3.0 has the same class).
// knownKey is the public key registered for the EVSE, "" where none is. A record
// is read from signed_data, plain or base64; where that holds none, from
// plain_data. Nothing of public_key has a part in Verification.
func FromOCPI(s v221.SignedData, knownKey string, want Expected) Report {
	rep := Report{Encoding: strings.TrimSpace(s.EncodingMethod)}
	c := checker{told: make(map[string]bool)}
	named := false
	for _, name := range encodings {
		if strings.EqualFold(name, rep.Encoding) {
			rep.Encoding, named = name, true
		}
	}
	if rep.Encoding != encodings[0] {
		rep.foreign(&c, named)
		return rep
	}
	known, verdict := keyFor(knownKey, "the known key of the EVSE")
	if verdict.Outcome == CannotVerify {
		c.addf(KnownKeyUnusable, "", "%s", verdict.Reason)
	}
	enclosed, claim := keyFor(s.PublicKey, "the enclosed key")
	if claim.Outcome == CannotVerify {
		c.addf(EnclosedKeyBroken, "", "%s", claim.Reason)
	}
	if known != nil && enclosed != nil && !known.Equal(enclosed) {
		c.addf(EnclosedKeyOther, "", "the enclosed key is not the known key of the EVSE")
	}
	if len(s.SignedValues) > maxValues {
		c.addf(RecordUnreadable, "many", "there are %d signed values; %d are read", len(s.SignedValues), maxValues)
		s.SignedValues = s.SignedValues[:maxValues]
	}
	if len(s.SignedValues) == 0 {
		c.addf(RecordUnreadable, "none", "there is no signed value")
	}
	var records []*Record
	var verdicts, claims []Verification
	for i, v := range s.SignedValues {
		value := Value{Nature: v.Nature}
		value.Record, value.Verification = readValue(&c, i, v)
		claimed := value.Verification
		if value.Record != nil {
			records = append(records, value.Record)
			value.Verification, claimed = judge(value.Record, known, verdict), judge(value.Record, enclosed, claim)
		}
		rep.Values = append(rep.Values, value)
		verdicts, claims = append(verdicts, value.Verification), append(claims, claimed)
	}
	rep.Verification, rep.Enclosed = join(verdicts), join(claims)
	if len(records) > 0 {
		rep.natures(&c)
		rep.Transaction, rep.Problems = Check(records, want)
	}
	rep.Problems = append(c.problems, rep.Problems...)
	return rep
}

// foreign is the report on an encoding that is not read here.
func (rep *Report) foreign(c *checker, named bool) {
	rep.Verification = outcome(CannotVerify, "the encoding %.36q cannot be read here", rep.Encoding)
	rep.Enclosed = rep.Verification
	if named {
		c.addf(EncodingForeign, "", "signed data of the encoding %q are not read here", rep.Encoding)
	} else {
		c.addf(EncodingUnknown, "", "encoding_method %.36q is none that OCPI names", rep.Encoding)
	}
	rep.Problems = c.problems
}

// keyFor reads a key; without one the Verification is what it is for all values:
// NoKey where there is no text, CannotVerify where it is unreadable.
func keyFor(text, whose string) (*Key, Verification) {
	if strings.TrimSpace(text) == "" {
		return nil, outcome(NoKey, "%s is not there", whose)
	}
	k, err := ParseKey(text)
	if err != nil {
		return nil, outcome(CannotVerify, "%s is unreadable: %v", whose, err)
	}
	return k, Verification{}
}

// judge verifies a record, or gives the Verification that stands for all.
func judge(r *Record, k *Key, without Verification) Verification {
	if k == nil {
		return without
	}
	return r.Verify(k)
}

// join gives the worst of several outcomes, with its reason.
func join(all []Verification) Verification {
	for _, o := range []Outcome{Invalid, CannotVerify, NoKey} {
		for _, v := range all {
			if v.Outcome == o {
				return v
			}
		}
	}
	if len(all) == 0 {
		return outcome(CannotVerify, "there is no signed value")
	}
	return Verification{Outcome: Verified}
}

// value reads the record of one signed value.
func readValue(c *checker, i int, v v221.SignedValue) (*Record, Verification) {
	text, ok := recordText(v.SignedData)
	if !ok {
		if text, ok = recordText(v.PlainData); !ok {
			c.addf(RecordUnreadable, strconv.Itoa(i), "signed_values[%d] holds no OCMF record", i)
			return nil, outcome(CannotVerify, "signed_values[%d] holds no OCMF record", i)
		}
	}
	r, err := Parse(text)
	if err != nil {
		c.addf(RecordUnreadable, strconv.Itoa(i), "signed_values[%d]: %v", i, err)
		return nil, outcome(CannotVerify, "signed_values[%d]: %v", i, err)
	}
	if !r.plainAgrees(v.PlainData) {
		c.addf(PlainDiffers, strconv.Itoa(i), "signed_values[%d]: plain_data is not what was signed", i)
	}
	return r, Verification{}
}

// recordText gives the text of a record out of a member of OCPI, which may be
// base64.
func recordText(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "OCMF|") {
		return s, true
	}
	if len(s) > 2*MaxRecord {
		return "", false
	}
	b, err := fromBase64(strings.Join(strings.Fields(s), ""))
	if err != nil {
		return "", false
	}
	s = strings.TrimSpace(string(b))
	return s, strings.HasPrefix(s, "OCMF|")
}

// plainAgrees compares plain_data with what was signed, where it is a record or
// its payload; white space between JSON members aside. Other texts, as a bare
// meter value, are not compared.
func (r *Record) plainAgrees(data string) bool {
	text, ok := recordText(data)
	if !ok {
		text = strings.TrimSpace(data)
		if b, err := fromBase64(text); err == nil {
			text = strings.TrimSpace(string(b))
		}
	}
	text = strings.TrimPrefix(text, "OCMF|")
	text, _, _ = strings.Cut(text, "|")
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return true
	}
	plain, signed := jsontext.Value(text), jsontext.Value(bytes.Clone(r.Payload))
	return plain.Compact() == nil && signed.Compact() == nil && bytes.Equal(plain, signed)
}

// natures compares what OCPI says of the values with TX: a Start must hold a
// begin, an End an end, and both must be there unless one record holds both.
func (rep *Report) natures(c *checker) {
	var start, end, whole bool
	for i, v := range rep.Values {
		isStart, isEnd := strings.EqualFold(v.Nature, "Start"), strings.EqualFold(v.Nature, "End")
		start, end = start || isStart, end || isEnd
		if v.Record == nil {
			continue
		}
		var begins, ends bool
		for _, rd := range v.Record.Readings {
			begins, ends = begins || rd.Reason == 'B', ends || rd.ends()
		}
		whole = whole || begins && ends
		if isStart && !begins {
			c.addf(NatureDiffers, "start", "signed_values[%d] is a Start without a reading TX B", i)
		}
		if isEnd && !ends {
			c.addf(NatureDiffers, "end", "signed_values[%d] is an End without a reading TX E, L, R, A or P", i)
		}
	}
	if !whole && (!start || !end) {
		c.addf(NatureDiffers, "both", "signed_values lack a Start or an End")
	}
}
