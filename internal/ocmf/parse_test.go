package ocmf_test

import (
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/ocmf"
)

func TestParse(t *testing.T) {
	r := parse(t, "OCMF|"+`{"FV":"1.4","GI":"x","GS":"G","PG":"T18446744073709551615","MS":"M","IS":true,"IL":"TRUSTED","IF":["A"],"IT":"EMAID","ID":"é","TT":"t",`+
		`"CT":"EVSEID","CI":"c","XY":{"a":[1]},"RD":[{"TM":"2018-07-24T13:22:04,123+0200 S","TX":"B","RV":2935.600,"RI":"r","RU":"kWh","RT":"DC","CL":0,"EF":"Et","ST":"G"},{"TX":"E"}]}`+
		`|{"SA":"a","SE":"b","SM":"c","SD":"d"}`)
	at := time.Date(2018, 7, 24, 11, 22, 4, 123e6, time.UTC)
	one, two := r.Readings[0], r.Readings[1]
	if r.Version != "1.4" || r.Gateway != "G" || r.Meter != "M" || r.Context != 'T' || r.Page != 1<<64-1 || !r.Identified || r.IDType != "EMAID" ||
		r.ID != "é" || r.Tariff != "t" || r.EVSEType != "EVSEID" || r.EVSE != "c" || r.Signature != (ocmf.Signature{Algorithm: "a", Encoding: "b", MIME: "c", Data: "d"}) {
		t.Errorf("%+v", r)
	}
	if !one.Time.Equal(at) || one.Clock != 'S' || one.Reason != 'B' || one.Value != "2935.600" || one.Energy != 2935_600_000_000 || !one.Exact ||
		one.Register != "r" || one.Unit != "kWh" || one.Current != "DC" || one.Loss != "0" || one.Errors != "Et" || one.Status != "G" {
		t.Errorf("%+v", one)
	}
	if two.Reason != 'E' || two.Loss != "" || two.Energy != one.Energy || !two.Time.Equal(at) || two.Errors != "Et" || two.Status != "G" {
		t.Errorf("%+v", two)
	}
}

func TestRefusedRecords(t *testing.T) {
	good := payload("T1", begin, end)
	for name, c := range map[string]struct{ text, word string }{
		"empty":           {"", "does not begin"},
		"other format":    {"EDL|{}|{}", "does not begin"},
		"two sections":    {"OCMF|" + good, "three sections"},
		"four sections":   {unsigned(good) + "|{}", "three sections"},
		"no object":       {`OCMF|[]|{"SD":"00"}`, "payload: it is not a JSON object"},
		"null":            {`OCMF|null|{"SD":"00"}`, "payload: it is not"},
		"signature text":  {`OCMF|` + good + `|"00"`, "signature section: it is not"},
		"no SD":           {`OCMF|` + good + `|{}`, "SD is missing"},
		"name twice":      {unsigned(strings.Replace(good, `"MS"`, `"MS":"x","MS"`, 1)), "duplicate"},
		"name twice deep": {unsigned(strings.Replace(good, `"EF"`, `"XX":1,"XX":2,"EF"`, 1)), "duplicate"},
		"RV as text":      {unsigned(strings.Replace(good, "100.5", `"100.5"`, 1)), "RD[0]: RV is not a number"},
		"RV null":         {unsigned(strings.Replace(good, "112.75", `null`, 1)), "RD[1]: RV is not a number"},
		"CL as text":      {unsigned(strings.Replace(good, "100.5", `1,"CL":"0"`, 1)), "RD[0]: CL is not a number"},
		"MS as number":    {unsigned(strings.Replace(good, `"M-1"`, "1", 1)), "payload"},
		"IS as text":      {unsigned(strings.Replace(good, `true`, `"true"`, 1)), "payload"},
		"RD as object":    {unsigned(`{"RD":{}}`), "payload"},
		"no RD":           {unsigned(`{}`), "RD must have"},
		"too many":        {unsigned(`{"RD":[` + strings.Repeat("{},", ocmf.MaxReadings) + `{}]}`), "RD must have"},
		"long RI":         {unsigned(strings.Replace(good, "01-00", strings.Repeat("0", 200), 1)), "RI has"},
		"trailing":        {unsigned(good + "{}"), "payload"},
		"bad UTF-8":       {unsigned(strings.Replace(good, "M-1", "M\xff", 1)), "payload"},
		"too large":       {unsigned(good) + strings.Repeat(" ", ocmf.MaxRecord), "at most"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := ocmf.Parse(c.text)
			if err == nil || !strings.Contains(err.Error(), c.word) {
				t.Errorf("%+v %v; want %q", r, err, c.word)
			}
		})
	}
}

func TestEnergies(t *testing.T) {
	for _, c := range []struct {
		value, unit string
		want        int64
		ok          bool
	}{
		{"0", "kWh", 0, true}, {"-0.0", "kWh", 0, true}, {"0.000000001", "kWh", 1, true}, {"0.0000000010", "kWh", 1, true},
		{"0.0000000001", "kWh", 0, false}, {"2935.600", "kWh", 2935_600_000_000, true}, {"1", "Wh", 1_000_000, true}, {"0.000001", "Wh", 1, true},
		{"0.0000001", "Wh", 0, false}, {"1.5E3", "Wh", 1_500_000_000, true}, {"15e-1", "kWh", 1_500_000_000, true}, {"-2.5", "kWh", -2_500_000_000, true},
		{"9223372036.854775807", "kWh", 1<<63 - 1, true}, {"9223372036.854775808", "kWh", 0, false}, {"1e99", "kWh", 0, false}, {"0e99", "kWh", 0, true},
		{"1e-101", "kWh", 0, false}, {"1e999999999999", "kWh", 0, false}, {"1", "kwh", 0, false}, {"1", "MWh", 0, false}, {"1", "", 0, false},
		{"1." + strings.Repeat("0", 60), "kWh", 1_000_000_000, true}, {"1." + strings.Repeat("0", 63), "kWh", 0, false},
	} {
		rd := parse(t, unsigned(payload("T1", `{"RV":`+c.value+`,"RU":"`+c.unit+`"}`))).Readings[0]
		if rd.Energy != c.want || rd.Exact != c.ok || rd.Value != c.value {
			t.Errorf("%s %s: %d %v", c.value, c.unit, rd.Energy, rd.Exact)
		}
	}
}

func TestTimes(t *testing.T) {
	at := time.Date(2026, 3, 1, 11, 0, 0, 5e6, time.UTC)
	for tm, ok := range map[string]bool{
		"2026-03-01T12:00:00,005+0100 S": true, "2026-03-01T12:00:00.005+01:00 R": true, "2026-03-01T11:00:00,005Z I": true,
		"2026-03-01T12:00:00,005+0100": false, "2026-03-01T12:00:00,005+0100 s": false, "2026-03-01T12:00:00,005 S": false,
		"2026-02-30T12:00:00,005+0100 S": false, "2026-03-01T12:00:00,005+0100 S S": false, "": false,
	} {
		rd := parse(t, unsigned(payload("T1", `{"TM":"`+tm+`"}`))).Readings[0]
		if got := rd.Time.Equal(at); got != ok || !ok && (!rd.Time.IsZero() || rd.Clock != 0) {
			t.Errorf("%s: %s %c", tm, rd.Time, rd.Clock)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(unsigned(payload("T7", begin, middle, end)))
	f.Add(string(read(f, "testdata/p256-whole.ocmf")))
	f.Add(string(read(f, "testdata/p256-spaced.ocmf")))
	k, err := ocmf.ParseKey(string(read(f, "testdata/p256-whole.key")))
	if err != nil {
		f.Fatal(err)
	}
	signed := string(parse(f, string(read(f, "testdata/p256-whole.ocmf"))).Payload)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ocmf.Parse(text)
		if err != nil {
			return
		}
		if !strings.Contains(text, "OCMF|"+string(r.Payload)+"|") {
			t.Fatal("the payload is not verbatim")
		}
		if v := r.Verify(k); v.Outcome == ocmf.Verified && string(r.Payload) != signed {
			t.Fatalf("another payload is verified: %s", r.Payload)
		}
		ocmf.Check([]*ocmf.Record{r, r}, expected)
	})
}

func FuzzParseKey(f *testing.F) {
	for _, name := range []string{"p256-whole", "p384-sha256", "secp192k1", "brainpool384r1"} {
		f.Add(string(read(f, "testdata/"+name+".key")))
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ocmf.ParseKey(text)
		if err != nil {
			return
		}
		if again, err := ocmf.ParseKey(text); err != nil || !again.Equal(k) {
			t.Fatal("a key is not equal to itself")
		}
	})
}
