package store

import (
	"context"
	"fmt"
	"strings"
)

const sqlClaimCursor = `INSERT INTO lane_cursor (lane, seq, level, blank, epoch, grants) VALUES ($1, 0, 0, $2, $3, $4)
	ON CONFLICT (lane) DO UPDATE SET epoch = excluded.epoch WHERE lane_cursor.epoch <= excluded.epoch
	RETURNING seq, level, blank, grants`

// Cursor is how far a lane is, and for what.
type Cursor struct {
	Seq   int64 // whatever stands in the feed at or before this place is done
	Level int64 // each change up to here that is to be told is done; at most Seq
	Blank int64 // the end of the feed when the lane was new
	// Grants says what the receiver was entitled to when that was so; nil in a
	// new lane. Only package delivery knows how it is written.
	Grants []byte
}

// ClaimCursor makes the cursor of the lane one that only MoveCursors with this
// epoch moves, and returns it; a new one begins at 0 with the given blank. It
// reports false when a higher epoch has claimed it.
func (tx *Tx) ClaimCursor(lane string, blank, epoch int64) (c Cursor, ok bool, err error) {
	var grants blob
	ok, err = tx.row(sqlClaimCursor, []any{lane, blank, epoch, blob(nil)}, &c.Seq, &c.Level, &c.Blank, &grants)
	if err != nil {
		return Cursor{}, false, fmt.Errorf("claiming the cursor of lane %s: %w", lane, err)
	}
	if len(grants) > 0 {
		c.Grants = grants
	}
	return c, ok, nil
}

// CursorMove is how far a lane is now.
type CursorMove struct {
	Lane       string
	Epoch      int64
	Seq, Level int64
	Grants     []byte // nil: as before
}

// cursorsAtOnce is how many cursors one statement moves.
const cursorsAtOnce = 64

const (
	sqlMoveCursor = `UPDATE lane_cursor SET seq = $2, level = $3 WHERE lane = $1 AND epoch = $4`
	sqlSetCursor  = `UPDATE lane_cursor SET seq = $2, level = $3, grants = $5 WHERE lane = $1 AND epoch = $4`
)

// sqlMoveCursors is sqlMoveCursor for cursorsAtOnce lanes. Both engines call the
// columns of VALUES column1 and so on; PostgreSQL takes their types from the
// first row.
func sqlMoveCursors() string {
	var b strings.Builder
	b.WriteString(`UPDATE lane_cursor SET seq = v.column2, level = v.column3 FROM (VALUES ` +
		`(CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS BIGINT))`)
	for i := 1; i < cursorsAtOnce; i++ {
		fmt.Fprintf(&b, `, ($%d, $%d, $%d, $%d)`, 4*i+1, 4*i+2, 4*i+3, 4*i+4)
	}
	b.WriteString(`) AS v WHERE lane_cursor.lane = v.column1 AND lane_cursor.epoch = v.column4`)
	return b.String()
}

// MoveCursors keeps how far lanes have read the feed; they may go back. No lane
// may be in it twice. Those whose cursor is gone or claimed by another epoch are
// not moved, and returned.
func (tx *Tx) MoveCursors(moves []CursorMove) (lost []string, err error) {
	var plain []CursorMove
	for i := range moves {
		m := &moves[i]
		if m.Grants == nil {
			plain = append(plain, *m)
			continue
		}
		if lost, err = tx.moveCursor(lost, m, sqlSetCursor, blob(m.Grants)); err != nil {
			return nil, err
		}
	}
	args := make([]any, 0, 4*cursorsAtOnce)
	query := ""
	if len(plain) >= cursorsAtOnce {
		query = sqlMoveCursors()
	}
	for ; len(plain) >= cursorsAtOnce; plain = plain[cursorsAtOnce:] {
		args = args[:0]
		for _, m := range plain[:cursorsAtOnce] {
			args = append(args, m.Lane, m.Seq, m.Level, m.Epoch)
		}
		n, err := tx.exec(query, args...)
		if err != nil {
			return nil, fmt.Errorf("storing the cursors of %d lanes: %w", cursorsAtOnce, err)
		}
		for i := 0; n < cursorsAtOnce && i < cursorsAtOnce; i++ { // which are they?
			if lost, err = tx.moveCursor(lost, &plain[i], sqlMoveCursor); err != nil {
				return nil, err
			}
		}
	}
	for i := range plain {
		if lost, err = tx.moveCursor(lost, &plain[i], sqlMoveCursor); err != nil {
			return nil, err
		}
	}
	return lost, nil
}

func (tx *Tx) moveCursor(lost []string, m *CursorMove, query string, more ...any) ([]string, error) {
	n, err := tx.exec(query, append([]any{m.Lane, m.Seq, m.Level, m.Epoch}, more...)...)
	if err != nil {
		return nil, fmt.Errorf("storing the cursor of lane %s: %w", m.Lane, err)
	}
	if n == 0 {
		lost = append(lost, m.Lane)
	}
	return lost, nil
}

const sqlDeleteCursor = `DELETE FROM lane_cursor WHERE lane = $1`

// DeleteCursor forgets the lane. It is no error when there is none.
func (tx *Tx) DeleteCursor(lane string) error {
	if err := tx.send(sqlDeleteCursor, lane); err != nil {
		return fmt.Errorf("deleting the cursor of lane %s: %w", lane, err)
	}
	return nil
}

const sqlCursors = `SELECT lane, seq FROM lane_cursor`

// Cursors returns the cursor of each lane.
func (s *Store) Cursors(ctx context.Context) (map[string]int64, error) {
	cursors := map[string]int64{}
	err := s.engine.read.rows(ctx, sqlCursors, nil, func(scan scanFunc) error {
		var lane string
		var seq int64
		if err := scan(&lane, &seq); err != nil {
			return err
		}
		cursors[lane] = seq
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the cursors: %w", err)
	}
	return cursors, nil
}
