package demo

import (
	"fmt"

	"github.com/govalues/decimal"

	"github.com/eroam/eroam/internal/api"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/receipt"
)

// checkReceipt checks a receipt of the approval of a CDR offline: that the log has
// it, and that what the log has is that CDR.
func checkReceipt(file []byte, key string, c *api.CDRDetail) (receipt.Checked, error) {
	r, err := receipt.Parse(file)
	if err != nil {
		return receipt.Checked{}, err
	}
	got, err := receipt.Check(r, key)
	if err != nil {
		return got, err
	}
	leaf, err := ledger.ParseLeaf(got.Leaf)
	if err != nil {
		return got, err
	}
	if leaf.Kind != ledger.Approved || leaf.CPO+"/"+leaf.CDR != titleOf(&c.CDR) || leaf.EMSP != c.EMSP {
		return got, fmt.Errorf("it is of the event %q of %s/%s", leaf.Kind, leaf.CPO, leaf.CDR)
	}
	return got, nil
}

// parse reads an amount of the API; what is none is 0, which no comparison takes
// for a price.
func parse(s string) Decimal {
	d, err := decimal.Parse(s)
	if err != nil {
		return Decimal{}
	}
	return Decimal{d}
}

var half = decimal.MustNew(5, 3)

// cents rounds an amount that is not negative to cents, half up: a way of its own,
// to compare the ledger's with.
func cents(d decimal.Decimal) decimal.Decimal { return plus(d, half).Trunc(2) }

func minus(a, b decimal.Decimal) decimal.Decimal { return plus(a, b.Neg()) }
