package ocmf

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxProblems bounds the list; what is wrong with a record of this many faults
// is told.
const maxProblems = 100

// maxMessage is the longest message, in bytes.
const maxMessage = 500

// Check joins the records of one session and lists what is wrong with them. It
// does not look at signatures. The order of the records is that of their pages.
// Where a record holds begin and end by itself the transaction is read from it
// (the last such record), and the others must not contradict it; otherwise all
// records together are the transaction and their pages must be consecutive. A
// record that comes twice counts once. A problem is told once for each register,
// with the first reading that has it; at most 100 are told.
func Check(records []*Record, want Expected) (Transaction, []Problem) {
	empty := func(s string) bool { return plain(s) == "" }
	want.Tokens = slices.DeleteFunc(slices.Clone(want.Tokens), empty)
	want.EVSEs = slices.DeleteFunc(slices.Clone(want.EVSEs), empty)
	c := checker{want: want, told: make(map[string]bool)}
	records = inOrder(records)
	if len(records) == 0 {
		c.addf(BeginMissing, "", "there is no reading")
		return Transaction{}, c.problems
	}
	for _, r := range records {
		c.record(r, records[0])
	}
	c.identity(records)
	parts := records
	if i := lastWhole(records); i >= 0 {
		parts = records[i : i+1]
		for j, r := range records {
			if j != i {
				c.agree(r, records[i])
			}
		}
	} else {
		c.pages(records)
	}
	series, order := gather(parts)
	for _, name := range order {
		c.series(name, series[name])
	}
	tx := transaction(records, series, order)
	if !slices.ContainsFunc(tx.Registers, func(r Register) bool { return countsEnergy(r.Unit) }) {
		c.addf(ValueUnreadable, "", "no register counts energy in kWh or Wh")
	}
	return tx, c.problems
}

// checker collects problems.
type checker struct {
	want     Expected
	problems []Problem
	told     map[string]bool // by code and subject
}

// addf tells a problem once for each subject.
func (c *checker) addf(code Code, subject, format string, args ...any) {
	key := string(code) + "|" + subject
	if c.told[key] || len(c.problems) >= maxProblems {
		return
	}
	c.told[key] = true
	text := fmt.Sprintf(format, args...)
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + "…"
	}
	c.problems = append(c.problems, Problem{code, text})
}

// inOrder drops records that come twice and sorts by page where all have one.
func inOrder(records []*Record) []*Record {
	var out []*Record
	paged := true
	seen := make(map[string]bool, len(records))
	for _, r := range records {
		if r == nil || seen[string(r.Payload)] {
			continue
		}
		seen[string(r.Payload)] = true
		out = append(out, r)
		paged = paged && r.Context == 'T'
	}
	if paged {
		slices.SortStableFunc(out, func(a, b *Record) int { return cmp.Compare(a.Page, b.Page) })
	}
	return out
}

// record checks what every record must have, and that it is of the same meter
// as the first.
func (c *checker) record(r, first *Record) {
	switch {
	case r.Context == 0:
		c.addf(PaginationWrong, "", "PG %.40q is not T or F and a number", r.pagination)
	case r.Context != 'T':
		c.addf(PaginationWrong, "", "PG %s is not of a transaction (T)", r.pagination)
	}
	switch {
	case r.Meter == "" && r.Gateway == "":
		c.addf(MeterDiffers, "none", "%s names neither meter (MS) nor gateway (GS)", r.name())
	case r.Meter != first.Meter:
		c.addf(MeterDiffers, "MS", "%s is of the meter %.60q, %s of %.60q", r.name(), r.Meter, first.name(), first.Meter)
	case r.Gateway != first.Gateway:
		c.addf(MeterDiffers, "GS", "%s is of the gateway %.60q, %s of %.60q", r.name(), r.Gateway, first.name(), first.Gateway)
	}
	if r.EVSEType == "EVSEID" && len(c.want.EVSEs) > 0 && !slices.ContainsFunc(c.want.EVSEs, func(e string) bool { return plain(e) == plain(r.EVSE) }) {
		c.addf(EVSEDiffers, "", "CI is %.60q, not %s", r.EVSE, strings.Join(c.want.EVSEs, " or "))
	}
}

// name is how messages refer to a record.
func (r *Record) name() string {
	return fmt.Sprintf("record %.40s", cmp.Or(r.pagination, "without PG"))
}

// identity compares the driver. One record that names none is normal where
// another names one: the card may come after the plug.
func (c *checker) identity(records []*Record) {
	if len(c.want.Tokens) == 0 {
		return
	}
	missing := true
	for _, r := range records {
		if !r.Identified || r.ID == "" || r.IDType == "NONE" || r.IDType == "DENIED" {
			continue
		}
		missing = false
		if !slices.ContainsFunc(c.want.Tokens, func(t string) bool { return sameToken(t, r.ID) }) {
			c.addf(IDDiffers, "", "ID of %s is not the token's", r.name())
		}
	}
	if missing {
		c.addf(IDMissing, "", "no record identifies the driver (IS, IT, ID)")
	}
}

// sameToken compares without separators and letter case; a contract id may lack
// its check digit, the fifteenth character.
func sameToken(a, b string) bool {
	a, b = plain(a), plain(b)
	if len(a) > len(b) {
		a, b = b, a
	}
	return a == b || len(a) == 14 && len(b) == 15 && b[:14] == a
}

// plain folds letter case and drops separators.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("-*:. ", r) {
			return -1
		}
		return r
	}, strings.ToUpper(s))
}

// pages checks that no record of a split transaction is missing.
func (c *checker) pages(records []*Record) {
	for i, r := range records[1:] {
		before := records[i]
		if r.Context == 'T' && before.Context == 'T' && r.Page-before.Page != 1 {
			c.addf(PaginationWrong, "gap", "PG %s follows %s: a record is missing, or stands twice", r.pagination, before.pagination)
		}
	}
	names := registers(records[0])
	for _, r := range records[1:] {
		if !slices.Equal(names, registers(r)) {
			c.addf(RegisterDiffers, "", "%s has the registers %s, %s has %s", records[0].name(), strings.Join(names, ", "), r.name(), strings.Join(registers(r), ", "))
		}
	}
}

// registers names what a record reads, sorted.
func registers(r *Record) []string {
	_, order := gather([]*Record{r})
	slices.Sort(order)
	return order
}

// lastWhole gives the last record in which each register begins and ends; -1
// none.
func lastWhole(records []*Record) int {
	for i, r := range slices.Backward(records) {
		series, order := gather([]*Record{r})
		if !slices.ContainsFunc(order, func(name string) bool {
			s := series[name]
			return s[0].Reason != 'B' || !s[len(s)-1].ends()
		}) {
			return i
		}
	}
	return -1
}

// agree checks that a further record holds no fault, and does not tell another
// begin or end than the whole one.
func (c *checker) agree(r, whole *Record) {
	series, _ := gather([]*Record{whole})
	other, order := gather([]*Record{r})
	for _, name := range order {
		all, ok := series[name]
		if !ok {
			c.addf(RegisterDiffers, "", "%s reads %s, which %s does not", r.name(), name, whole.name())
			continue
		}
		for i, rd := range other[name] {
			c.reading(name, i, rd)
			if begin := all[0]; rd.Reason == 'B' && !rd.same(begin) {
				c.addf(BeginDiffers, name, "%s begins %s with %s %s at %s, %s with %s %s at %s", r.name(), name, rd.Value, rd.Unit, rd.time, whole.name(), begin.Value, begin.Unit, begin.time)
			}
			if end := all[len(all)-1]; rd.ends() && !rd.same(end) {
				c.addf(EndDiffers, name, "%s ends %s with %s %s at %s, %s with %s %s at %s", r.name(), name, rd.Value, rd.Unit, rd.time, whole.name(), end.Value, end.Unit, end.time)
			}
		}
	}
}

// same reports whether two readings tell the same value at the same time.
func (r Reading) same(o Reading) bool {
	if r.Exact && o.Exact {
		return r.Energy == o.Energy && r.Time.Equal(o.Time)
	}
	return r.Value == o.Value && r.Unit == o.Unit && r.Time.Equal(o.Time)
}

// ends reports whether the reading is the last of a transaction.
func (r Reading) ends() bool {
	switch r.Reason {
	case 'E', 'L', 'R', 'A', 'P':
		return true
	}
	return false
}
