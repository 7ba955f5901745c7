package ledger_test

import (
	"fmt"
	"slices"
	"testing"
)

// dear is a CDR over 10 kWh at another price, with a tariff of its own that says so.
func dear(id, net, gross, price string) string {
	return cdr(id, `"excl_vat":4.00,"incl_vat":4.84`, `"excl_vat":`+net+`,"incl_vat":`+gross, `"price":0.40`, `"price":`+price)
}

// A CDR that costs much more than those before it is told, by a hub that was
// started again as well; after a while the new price is usual.
func TestUnusualPrice(t *testing.T) {
	r := newRig(t)
	r.agree(normal)
	const finding = "C27 info unusual_price"
	told := func(id string) bool { return slices.Contains(r.found(id), finding) }
	for i := range 20 {
		id := fmt.Sprintf("C%d", i)
		r.accept(cdr(id))
		if told(id) {
			t.Errorf("%s is as dear as all before it", id)
		}
	}
	r.accept(dear("D2", "4.30", "5.20", "0.43"))
	r.accept(dear("D1", "10.00", "12.10", "1.00"))
	r.accept(cdr("D3", `AC_3_PHASE`, `DC`, `"excl_vat":4.00,"incl_vat":4.84`, `"excl_vat":7.00,"incl_vat":8.47`, `"price":0.40`, `"price":0.70`))
	if !told("D1") || told("D2") || told("D3") {
		t.Errorf("told of 1.00: %v, of 0.43: %v, of another kind: %v", told("D1"), told("D2"), told("D3"))
	}
	r.restart()
	r.accept(dear("E1", "10.00", "12.10", "1.00"))
	if told("E1") {
		t.Error("told before anything is known")
	}
	r.restart()
	must(t, "learning", r.ledger.LearnUsual(t.Context()), nil)
	r.accept(dear("E3", "13.00", "15.73", "1.30"))
	if !told("E3") {
		t.Errorf("not told after a start: %v", r.found("E3"))
	}
	last := ""
	for i := range 40 {
		last = fmt.Sprintf("N%d", i)
		r.accept(dear(last, "10.00", "12.10", "1.00"))
	}
	if told(last) {
		t.Error("told of the fortieth in a row")
	}
	r.sound()
}
