package ocmf_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eroam/eroam/internal/ocmf"
)

// Readings of one session, and the payload around them.
const (
	begin  = `{"TM":"2026-03-01T12:00:00,000+0100 S","TX":"B","RV":100.5,"RI":"01-00:B2.08.00*FF","RU":"kWh","EF":"","ST":"G"}`
	middle = `{"TM":"2026-03-01T12:10:00,000+0100 S","TX":"C","RV":104,"RI":"01-00:B2.08.00*FF","RU":"kWh","EF":"","ST":"G"}`
	end    = `{"TM":"2026-03-01T12:30:00,000+0100 S","TX":"E","RV":112.75,"RI":"01-00:B2.08.00*FF","RU":"kWh","EF":"","ST":"G"}`
)

func payload(pg string, readings ...string) string {
	return `{"FV":"1.4","GS":"G-1","PG":"` + pg + `","MS":"M-1","IS":true,"IT":"ISO14443","ID":"1F2D3A4F5506C7","CT":"EVSEID","CI":"DE*CP1*E100","RD":[` +
		strings.Join(readings, ",") + `]}`
}

// unsigned is a record whose signature nobody looks at.
func unsigned(payload string) string { return "OCMF|" + payload + `|{"SD":"00"}` }

var expected = ocmf.Expected{Tokens: []string{"1f2d3a4f5506c7"}, EVSEs: []string{"uid-1", "DE*CP1*E100"}, TimeBilled: true}

// codes lists the codes of problems.
func codes(problems []ocmf.Problem) []ocmf.Code {
	var out []ocmf.Code
	for _, p := range problems {
		out = append(out, p.Code)
	}
	return out
}

// check parses payloads and gives what is wrong with them.
func check(t *testing.T, want ocmf.Expected, payloads ...string) (ocmf.Transaction, []ocmf.Problem) {
	t.Helper()
	var records []*ocmf.Record
	for _, p := range payloads {
		records = append(records, parse(t, unsigned(p)))
	}
	return ocmf.Check(records, want)
}

// Every rule: a session that is right, changed in one thing, fails for just that
// reason.
func TestRules(t *testing.T) {
	change := func(in string, pairs ...string) string {
		out := strings.NewReplacer(pairs...).Replace(in)
		if out == in {
			t.Fatalf("%v changes nothing in %s", pairs, in)
		}
		return out
	}
	whole := payload("T7", begin, middle, end)
	first, inner, last := payload("T7", begin), payload("T8", middle), payload("T9", end)
	for name, c := range map[string]struct {
		payloads []string
		want     ocmf.Code
	}{
		"whole":               {[]string{whole}, ""},
		"split":               {[]string{first, inner, last}, ""},
		"split in disorder":   {[]string{last, first, inner}, ""},
		"twice":               {[]string{whole, whole}, ""},
		"start and whole":     {[]string{first, payload("T8", begin, end)}, ""},
		"gap beside whole":    {[]string{first, payload("T12", begin, end)}, ""},
		"Wh":                  {[]string{change(whole, "100.5", "100500", "104,", "104000,", "112.75", "1.1275e5", "kWh", "Wh")}, ""},
		"relative time":       {[]string{change(whole, " S", " R")}, ""},
		"loss":                {[]string{change(whole, `"RV":100.5`, `"RV":100.5,"CL":0.00`, `"RV":112.75`, `"RV":112.75,"CL":0.1`)}, ""},
		"other ends":          {[]string{change(whole, `"E"`, `"P"`)}, ""},
		"charge box":          {[]string{change(whole, "EVSEID", "CBIDC", "DE*CP1*E100", "BOX 1")}, ""},
		"card after the plug": {[]string{change(first, `"IS":true`, `"IS":false`, "1F2D3A4F5506C7", ""), payload("T8", end)}, ""},

		"no begin":               {[]string{change(whole, `"B"`, `"C"`)}, ocmf.BeginMissing},
		"no end":                 {[]string{change(whole, `"E"`, `"C"`)}, ocmf.EndMissing},
		"exception beside it":    {[]string{first, change(inner, `"C"`, `"X"`), payload("T9", begin, end)}, ocmf.Exception},
		"bad state beside it":    {[]string{first, change(inner, `"ST":"G"`, `"ST":"D"`), payload("T9", begin, end)}, ocmf.StatusBad},
		"intermediate beside it": {[]string{first, inner, payload("T9", begin, end)}, ""},
		"begin lost":             {[]string{inner, last}, ocmf.BeginMissing},
		"end lost":               {[]string{first, inner}, ocmf.EndMissing},
		"begin in the middle":    {[]string{change(whole, `"C"`, `"B"`)}, ocmf.OrderWrong},
		"end in the middle":      {[]string{change(whole, `"C"`, `"L"`)}, ocmf.OrderWrong},
		"unknown TX":             {[]string{change(whole, `"C"`, `"Q"`)}, ocmf.OrderWrong},
		"time backwards":         {[]string{change(whole, "12:10:00", "12:40:00")}, ocmf.OrderWrong},
		"other meter":            {[]string{first, change(payload("T8", end), "M-1", "M-2")}, ocmf.MeterDiffers},
		"other gateway":          {[]string{first, change(payload("T8", end), "G-1", "G-2")}, ocmf.MeterDiffers},
		"no meter":               {[]string{change(whole, "M-1", "", "G-1", "")}, ocmf.MeterDiffers},
		"page missing":           {[]string{first, last}, ocmf.PaginationWrong},
		"page twice":             {[]string{first, payload("T7", end)}, ocmf.PaginationWrong},
		"fiscal":                 {[]string{change(whole, "T7", "F7")}, ocmf.PaginationWrong},
		"leading zero":           {[]string{change(whole, "T7", "T07")}, ocmf.PaginationWrong},
		"no page":                {[]string{change(whole, "T7", "")}, ocmf.PaginationWrong},
		"status":                 {[]string{change(whole, `"ST":"G"`, `"ST":"T"`)}, ocmf.StatusBad},
		"error flag":             {[]string{change(whole, `"EF":""`, `"EF":"E"`)}, ocmf.ErrorFlagged},
		"exception":              {[]string{change(whole, `"C"`, `"X"`)}, ocmf.Exception},
		"suspended":              {[]string{change(whole, `"C"`, `"S"`)}, ocmf.Suspended},
		"informative clock":      {[]string{change(whole, " S", " I")}, ocmf.ClockUnfit},
		"unknown clock":          {[]string{change(whole, " S", " U")}, ocmf.ClockUnfit},
		"no clock":               {[]string{change(whole, " S", "")}, ocmf.TimeUnreadable},
		"odd time":               {[]string{change(whole, "2026-03-01T12:10", "1.3.2026 12:10")}, ocmf.TimeUnreadable},
		"too many decimals":      {[]string{change(whole, "104,", "104.0000000001,")}, ocmf.ValueUnreadable},
		"too large":              {[]string{change(whole, "112.75", "1e30")}, ocmf.ValueUnreadable},
		"no value":               {[]string{change(whole, `"RV":100.5,`, "")}, ocmf.ValueUnreadable},
		"no unit":                {[]string{change(whole, `"RU":"kWh",`, "")}, ocmf.ValueUnreadable},
		"no energy":              {[]string{change(whole, "kWh", "mOhm")}, ocmf.ValueUnreadable},
		"register backwards":     {[]string{change(whole, "104,", "100.4,")}, ocmf.ValueDecreases},
		"end below":              {[]string{change(whole, "112.75", "103.9")}, ocmf.ValueDecreases},
		"not identified":         {[]string{change(whole, `"IS":true`, `"IS":false`)}, ocmf.IDMissing},
		"no ID":                  {[]string{change(whole, "1F2D3A4F5506C7", "")}, ocmf.IDMissing},
		"type none":              {[]string{change(whole, "ISO14443", "NONE")}, ocmf.IDMissing},
		"other ID":               {[]string{change(whole, "1F2D3A4F5506C7", "1F2D3A4F5506C8")}, ocmf.IDDiffers},
		"other EVSE":             {[]string{change(whole, "E100", "E101")}, ocmf.EVSEDiffers},
		"loss at begin":          {[]string{change(whole, `"RV":100.5`, `"RV":100.5,"CL":0.1`)}, ocmf.LossWrong},
		"loss backwards":         {[]string{change(whole, `"RV":104`, `"RV":104,"CL":0.2`, `"RV":112.75`, `"RV":112.75,"CL":0.1`)}, ocmf.LossWrong},
		"other begin":            {[]string{change(first, "100.5", "100.4"), payload("T8", begin, end)}, ocmf.BeginDiffers},
		"other begin time":       {[]string{change(first, "12:00:00", "11:59:59"), payload("T8", begin, end)}, ocmf.BeginDiffers},
		"other end":              {[]string{payload("T8", begin, end), payload("T9", change(end, "112.75", "113"))}, ocmf.EndDiffers},
		"register beside it":     {[]string{change(first, "B2", "B0"), payload("T8", begin, end)}, ocmf.RegisterDiffers},
	} {
		t.Run(name, func(t *testing.T) {
			tx, problems := check(t, expected, c.payloads...)
			var want []ocmf.Code
			if c.want != "" {
				want = []ocmf.Code{c.want}
			} else if tx.EndEnergy-tx.StartEnergy != 12_250_000_000 || !tx.HasEnergy || tx.Duration() != 30*time.Minute {
				t.Errorf("%+v", tx)
			}
			if diff := cmp.Diff(want, codes(problems)); diff != "" {
				t.Errorf("%s%v", diff, problems)
			}
		})
	}
}

// What is not expected is not compared; time that is not billed may be rough.
func TestNothingExpected(t *testing.T) {
	text := strings.NewReplacer(" S", " I", `"C"`, `"S"`, "E100", "E9", "1F2D", "0000").Replace(payload("T7", begin, middle, end))
	if _, problems := check(t, ocmf.Expected{}, text); len(problems) != 0 {
		t.Error(problems)
	}
	if _, problems := check(t, ocmf.Expected{Tokens: []string{""}, EVSEs: []string{"*", ""}}, text); len(problems) != 0 {
		t.Error(problems)
	}
	if _, problems := check(t, ocmf.Expected{Tokens: []string{"", "AA"}}, strings.Replace(text, "00003A4F5506C7", "-", 1)); len(problems) != 1 {
		t.Error(problems)
	}
	_, problems := check(t, ocmf.Expected{})
	if diff := cmp.Diff([]ocmf.Code{ocmf.BeginMissing}, codes(problems)); diff != "" {
		t.Error(diff)
	}
}

// A contract id is the same with other separators and without its check digit.
func TestContractIDs(t *testing.T) {
	for id, same := range map[string]bool{"DE-8AA-C12345678-5": true, "de8aac12345678": true, "DE8AAC123456785": true, "DE8AAC12345679": false, "DE8AAC123456786": false} {
		text := strings.Replace(payload("T7", begin, end), "1F2D3A4F5506C7", id, 1)
		_, problems := check(t, ocmf.Expected{Tokens: []string{"04AA", "DE-8AA-C12345678-5"}}, text)
		if (len(problems) == 0) != same {
			t.Errorf("%s: %v", id, problems)
		}
	}
}

// A split transaction whose records read other registers.
func TestOtherRegister(t *testing.T) {
	for _, change := range [][2]string{{"B2", "B0"}, {"kWh", "Wh"}} {
		_, problems := check(t, expected, payload("T7", begin), strings.Replace(payload("T8", end), change[0], change[1], 1))
		if got := codes(problems); len(got) == 0 || got[0] != ocmf.RegisterDiffers {
			t.Errorf("%v: %v", change, problems)
		}
	}
}

// Three registers in one record, with what is equal left out: CL of one does not
// reach into the next.
func TestRegisters(t *testing.T) {
	tx, problems := check(t, expected, payload("T7",
		`{"TM":"2026-03-01T12:00:00,000+0100 S","TX":"B","RV":2935.600,"RI":"01-00:B0.08.00*FF","RU":"kWh","EF":"","ST":"G"}`,
		`{"TM":"2026-03-01T12:04:00,000+0100 S","TX":"E","RV":2965.100,"CL":0.5}`,
		`{"TM":"2026-03-01T12:00:00,000+0100 S","TX":"B","RV":0,"RI":"01-00:B3.08.00*FF","RU":"Wh"}`,
		`{"TM":"2026-03-01T12:04:00,000+0100 S","TX":"E","RV":29000}`,
		`{"TX":"B","RV":12,"RI":"R","RU":"mOhm"}`,
		`{"TX":"E"}`,
	))
	if len(problems) != 0 {
		t.Error(problems)
	}
	at := func(minute int) time.Time { return time.Date(2026, 3, 1, 11, minute, 0, 0, time.UTC) }
	want := []ocmf.Register{
		{ID: "01-00:B0.08.00*FF", Unit: "kWh", Start: at(0), End: at(4), StartEnergy: 2935_600_000_000, EndEnergy: 2965_100_000_000, HasEnergy: true},
		{ID: "01-00:B3.08.00*FF", Unit: "Wh", Start: at(0), End: at(4), EndEnergy: 29_000_000_000, HasEnergy: true},
		{ID: "R", Unit: "mOhm", Start: at(4), End: at(4)},
	}
	if diff := cmp.Diff(want, tx.Registers); diff != "" {
		t.Error(diff)
	}
	if tx.StartEnergy != want[0].StartEnergy || tx.Unit != "kWh" || tx.ID != "1F2D3A4F5506C7" || tx.EVSE != "DE*CP1*E100" || tx.Gateway != "G-1" {
		t.Errorf("%+v", tx)
	}
}

func TestResets(t *testing.T) {
	for id, want := range map[string]bool{
		"01-00:B2.08.00*FF": true, "01-00:b3.08.00*FF": true, "01-00:C2.08.00*FF": true, "01-00:C3.08.00*FF": true,
		"01-00:B0.08.00*FF": false, "01-0B:01.08.00*FF": false, "1-0:1.8.0": false, "01-00:B": false, "": false,
	} {
		tx, problems := check(t, expected, strings.ReplaceAll(payload("T7", begin, end), "01-00:B2.08.00*FF", id))
		if tx.Resets() != want || tx.Register != id || len(problems) != 0 {
			t.Errorf("%q: %+v %v", id, tx, problems)
		}
	}
}

// However much is wrong, the list and its messages stay short.
func TestBoundedProblems(t *testing.T) {
	var readings []string
	for i := range 300 {
		readings = append(readings, `{"RI":"`+strings.Repeat("x", 100)+strings.Repeat("y", i%28)+string(rune('a'+i/28))+`","RU":"`+strings.Repeat("z", 128)+`","ST":"X","EF":"E"}`)
	}
	_, problems := check(t, expected, payload("x", readings...), payload("y", readings[1:]...))
	if len(problems) != 100 {
		t.Errorf("%d problems", len(problems))
	}
	for _, p := range problems {
		if len(p.Message) > 510 {
			t.Errorf("%d bytes: %s", len(p.Message), p.Message)
		}
	}
}
