package store

import (
	"errors"
	"fmt"
	"math"
)

const (
	sqlLastPosting   = `SELECT COALESCE(MAX(id), 0) + 1 FROM posting`
	sqlInsertPosting = `INSERT INTO posting (id, event, cdr, at, account, currency, amount) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	sqlBalance       = `SELECT amount FROM balance WHERE account = $1 AND currency = $2`
	sqlSetBalance    = `INSERT INTO balance (account, currency, amount) VALUES ($1, $2, $3)
		ON CONFLICT (account, currency) DO UPDATE SET amount = excluded.amount`
)

// Post adds the postings of one journal, sets their IDs, and changes the
// balances. It fails with [ErrUnbalanced] when they do not add up to 0 in each
// currency, with [ErrOverflow] when a sum or a balance would be beyond 64 bits,
// and when there are none.
func (tx *Tx) Post(journal []Posting) error {
	if err := tx.post(journal); err != nil {
		return fmt.Errorf("posting: %w", tx.fail(err))
	}
	return nil
}

func (tx *Tx) post(journal []Posting) error {
	accounts, err := sumUp(journal)
	if err != nil {
		return err
	}
	if err := tx.ledger.postings.look(tx, sqlLastPosting); err != nil {
		return err
	}
	for i := range journal {
		p := &journal[i]
		p.ID = tx.ledger.postings.next
		if err := tx.one(sqlInsertPosting, p.ID, p.Event, p.CDR, p.At, p.Account, p.Currency, p.Amount); err != nil {
			return err
		}
		tx.ledger.postings.next++
	}
	for _, b := range accounts {
		now, err := tx.balance(b)
		if err != nil {
			return err
		}
		sum, ok := plus(now, b.Amount)
		if !ok {
			return fmt.Errorf("the balance of %s in %s: %w", b.Account, b.Currency, ErrOverflow)
		}
		if err := tx.one(sqlSetBalance, b.Account, b.Currency, sum); err != nil {
			return err
		}
		b.Amount = 0
		tx.ledger.balances[b] = sum
	}
	return nil
}

// balance is that of b's account for this transaction. It is read once in a group
// commit.
func (tx *Tx) balance(b Balance) (now int64, err error) {
	b.Amount = 0
	if now, known := tx.ledger.balances[b]; known {
		return now, nil
	}
	if _, err := tx.row(sqlBalance, []any{b.Account, b.Currency}, &now); err != nil {
		return 0, err
	}
	if tx.ledger.balances == nil {
		tx.ledger.balances = make(map[Balance]int64)
	}
	tx.ledger.balances[b] = now
	return now, nil
}

// sumUp returns what a journal does to each account, in the order in which they
// stand in it.
func sumUp(journal []Posting) (accounts []Balance, err error) {
	if len(journal) == 0 {
		return nil, errors.New("the journal is empty")
	}
	currencies := []Balance{}
	for _, p := range journal {
		if p.Account == "" || p.Currency == "" {
			return nil, errors.New("a posting has no account or no currency")
		}
		if !add(&accounts, p.Account, p.Currency, p.Amount) || !add(&currencies, "", p.Currency, p.Amount) {
			return nil, fmt.Errorf("the sum of a journal in %s: %w", p.Currency, ErrOverflow)
		}
	}
	for _, c := range currencies {
		if c.Amount != 0 {
			return nil, fmt.Errorf("%w: %d in %s", ErrUnbalanced, c.Amount, c.Currency)
		}
	}
	return accounts, nil
}

// add adds the amount to one of the few sums; false when that is beyond 64 bits.
func add(sums *[]Balance, account, currency string, amount int64) (ok bool) {
	for i := range *sums {
		if b := &(*sums)[i]; b.Account == account && b.Currency == currency {
			b.Amount, ok = plus(b.Amount, amount)
			return ok
		}
	}
	*sums = append(*sums, Balance{Account: account, Currency: currency, Amount: amount})
	return true
}

func plus(a, b int64) (sum int64, ok bool) {
	if b > 0 && a > math.MaxInt64-b || b < 0 && a < math.MinInt64-b {
		return 0, false
	}
	return a + b, true
}
