package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/eroam/eroam/ocpi"
)

// LetterQuery selects dead letters; members that are zero select nothing out.
type LetterQuery struct {
	Receiver ocpi.PartyID
	Lane     string
	Platform string
	Kind     string // of the object
	Code     int    // status of HTTP or of OCPI
	State    string
	From, To int64  // From <= Updated < To
	MinID    string // inclusive
	MaxID    string // inclusive
	Before   string // only ids before it: the next page
	Limit    int    // 0: no limit
}

// MaxLettersAtOnce bounds how many letters one call of [Tx.SetDeadLetters]
// changes.
const MaxLettersAtOnce = 5_000

// where returns the condition, and its arguments after those that are given.
func (q LetterQuery) where(args ...any) (string, []any) {
	var b strings.Builder
	b.WriteString("1 = 1")
	and := func(condition string, v any) {
		args = append(args, v)
		b.WriteString(" AND " + strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(args))))
	}
	if !q.Receiver.IsZero() {
		and("country = ?", q.Receiver.CountryCode)
		and("party = ?", q.Receiver.ID)
	}
	for _, c := range []struct{ condition, value string }{
		{"lane = ?", q.Lane}, {"platform = ?", q.Platform}, {"kind = ?", q.Kind}, {"state = ?", q.State},
		{"id >= ?", q.MinID}, {"id <= ?", q.MaxID}, {"id < ?", q.Before},
	} {
		if c.value != "" {
			and(c.condition, c.value)
		}
	}
	for _, c := range []struct {
		condition string
		value     int64
	}{{"(http_status = ? OR ocpi_status = ?)", int64(q.Code)}, {"updated >= ?", q.From}, {"updated < ?", q.To}} {
		if c.value != 0 {
			and(c.condition, c.value)
		}
	}
	return b.String(), args
}

// DeadLetters returns the letters that q selects, those refused first last,
// without headers and bodies.
func (s *Store) DeadLetters(ctx context.Context, q LetterQuery) ([]DeadLetter, error) {
	where, args := q.where()
	query := `SELECT ` + letterHead + ` FROM dead_letter WHERE ` + where + ` ORDER BY id DESC`
	if q.Limit > 0 {
		args = append(args, q.Limit)
		query += fmt.Sprintf(" LIMIT $%d", len(args))
	}
	var letters []DeadLetter
	err := s.engine.read.rows(ctx, query, args, func(scan scanFunc) error {
		return appendRow(&letters, scan, letterHeadFields)
	})
	if err != nil {
		return nil, fmt.Errorf("listing dead letters: %w", err)
	}
	return letters, nil
}

// CountDeadLetters returns how many letters q selects; its Limit does not
// matter.
func (s *Store) CountDeadLetters(ctx context.Context, q LetterQuery) (int, error) {
	where, args := q.where()
	var n int
	if _, err := s.engine.read.row(ctx, `SELECT COUNT(*) FROM dead_letter WHERE `+where, args, &n); err != nil {
		return 0, fmt.Errorf("counting dead letters: %w", err)
	}
	return n, nil
}

const sqlDeadLetter = `SELECT ` + letterColumns + ` FROM dead_letter WHERE id = $1`

// DeadLetter returns one letter with its exchange; false when there is none.
func (s *Store) DeadLetter(ctx context.Context, id string) (DeadLetter, bool, error) {
	var d DeadLetter
	found, err := s.engine.read.row(ctx, sqlDeadLetter, []any{id}, letterFields(&d)...)
	if err != nil {
		return DeadLetter{}, false, fmt.Errorf("reading a dead letter: %w", err)
	}
	return d, found, nil
}

// SetDeadLetters makes the open letters that q selects queued, which asks their
// lanes to send the objects again, or the open and queued ones discarded. It
// changes at most [MaxLettersAtOnce] of them, those refused first, and returns
// how many.
func (tx *Tx) SetDeadLetters(q LetterQuery, state string) (int, error) {
	var from string
	switch state {
	case LetterQueued:
		from = `state = 'open'`
	case LetterDiscarded:
		from = `state IN ('open', 'queued')`
	default:
		return 0, tx.fail(errors.New("store: letters can be queued and discarded, not made " + state))
	}
	where, args := q.where(state, time.Now().UnixMicro(), MaxLettersAtOnce)
	n, err := tx.exec(`UPDATE dead_letter SET state = $1, updated = $2 WHERE id IN (
		SELECT id FROM dead_letter WHERE `+from+` AND `+where+` ORDER BY id LIMIT $3)`, args...)
	if err != nil {
		return 0, fmt.Errorf("changing dead letters to %s: %w", state, err)
	}
	return int(n), nil
}

const sqlPurgeDeadLetters = `DELETE FROM dead_letter WHERE id IN (
	SELECT id FROM dead_letter WHERE updated < $1 AND state NOT IN ('open', 'queued') ORDER BY updated LIMIT $2)`

// PurgeDeadLetters deletes at most limit of the letters that were settled or
// discarded before the time, the oldest first, and returns how many. Open and
// queued ones stay.
func (tx *Tx) PurgeDeadLetters(before int64, limit int) (int, error) {
	n, err := tx.exec(sqlPurgeDeadLetters, before, limit)
	if err != nil {
		return 0, fmt.Errorf("deleting old dead letters: %w", err)
	}
	return int(n), nil
}

const sqlLetterLanes = `SELECT lane, state, COUNT(*) FROM dead_letter
	WHERE state IN ('open', 'queued') GROUP BY lane, state ORDER BY lane, state`

// LetterCount is how many letters of a lane are in a state.
type LetterCount struct {
	Lane, State string
	Count       int
}

// LetterCounts returns the lanes that have open or queued letters.
func (s *Store) LetterCounts(ctx context.Context) ([]LetterCount, error) {
	var counts []LetterCount
	err := s.engine.read.rows(ctx, sqlLetterLanes, nil, func(scan scanFunc) error {
		return appendRow(&counts, scan, func(c *LetterCount) []any { return []any{&c.Lane, &c.State, &c.Count} })
	})
	if err != nil {
		return nil, fmt.Errorf("counting dead letters: %w", err)
	}
	return counts, nil
}
