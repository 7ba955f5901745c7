package ledger

import (
	"github.com/eroam/eroam/internal/store"
)

// Accounts of a journal are named for what they hold: emsp:DE-EM1 is what a
// provider owes (debit), cpo:NL-CP1 what an operator is owed before tax, and
// tax:NL-CP1 the tax that it has charged (credit). Statements are sums of them.
const (
	accountEMSP = "emsp:"
	accountCPO  = "cpo:"
	accountTax  = "tax:"
)

// journal returns what approval of a CDR posts. It sums to 0; a CDR over nothing
// posts nothing. A credit has negative amounts and so turns debits into credits.
func journal(c *store.LedgerCDR) []Entry {
	if c.Gross == 0 && c.Net == 0 {
		return nil
	}
	e := []Entry{
		{accountEMSP + c.EMSP.String(), c.Currency, c.Gross},
		{accountCPO + c.Owner.String(), c.Currency, -c.Net},
	}
	if tax := c.Gross - c.Net; tax != 0 {
		e = append(e, Entry{accountTax + c.Owner.String(), c.Currency, -tax})
	}
	return e
}

// post writes the journal of an event.
func post(tx *store.Tx, event, cdr, at int64, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	p := make([]store.Posting, len(entries))
	for i, e := range entries {
		p[i] = store.Posting{Event: event, CDR: cdr, At: at, Account: e.Account, Currency: e.Currency, Amount: e.Amount}
	}
	return tx.Post(p)
}
