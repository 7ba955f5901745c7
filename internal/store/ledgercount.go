package store

import (
	"context"

	"github.com/eroam/eroam/ocpi"
)

// CDRCounts are numbers of CDRs.
type CDRCounts struct {
	States              map[string]int64 // those that occur
	Held, Waiting, Dead int64            // Waiting and Dead: their Mail
}

// CountCDRs counts the CDRs of a CPO, a provider, or both; nil selects nothing
// out. It reads entries of indexes: all of one party, or all states.
func (l *Ledger) CountCDRs(ctx context.Context, cpo, emsp *ocpi.PartyID) (CDRCounts, error) {
	n := CDRCounts{States: map[string]int64{}}
	of := func(more string) (string, []any) {
		q := CDRQuery{CPO: cpo, EMSP: emsp}
		c := q.conditions(span{})
		if more != "" {
			c.and(more)
		}
		return c.text.String(), c.args
	}
	where, args := of("")
	err := l.read.rows(ctx, `SELECT state, COUNT(*) FROM cdr WHERE `+where+` GROUP BY state`, args, func(scan scanFunc) error {
		var state string
		var count int64
		if err := scan(&state, &count); err != nil {
			return err
		}
		n.States[state] = count
		return nil
	})
	for _, c := range []struct {
		condition string
		count     *int64
	}{{"held", &n.Held}, {"mail = '" + MailWaiting + "'", &n.Waiting}, {"mail = '" + MailDead + "'", &n.Dead}} {
		if err != nil {
			break
		}
		where, args := of(c.condition)
		_, err = l.read.row(ctx, `SELECT COUNT(*) FROM cdr WHERE `+where, args, c.count)
	}
	return n, wrap(err, "counting CDRs")
}
