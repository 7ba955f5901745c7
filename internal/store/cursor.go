package store

import (
	"context"
	"fmt"
)

const sqlClaimCursor = `INSERT INTO lane_cursor (lane, seq, blank, epoch) VALUES ($1, 0, $2, $3)
	ON CONFLICT (lane) DO UPDATE SET epoch = excluded.epoch WHERE lane_cursor.epoch <= excluded.epoch
	RETURNING seq, blank`

// Cursor is how far a lane is.
type Cursor struct {
	Seq   int64 // the receiver has everything up to here
	Blank int64 // the end of the feed when the lane was new
}

// ClaimCursor makes the cursor of the lane one that only SetCursor with this
// epoch moves, and returns it; a new one begins at 0 with the given blank. It
// reports false when a higher epoch has claimed it.
func (tx *Tx) ClaimCursor(lane string, blank, epoch int64) (c Cursor, ok bool, err error) {
	ok, err = tx.row(sqlClaimCursor, []any{lane, blank, epoch}, &c.Seq, &c.Blank)
	if err != nil {
		return Cursor{}, false, fmt.Errorf("claiming the cursor of lane %s: %w", lane, err)
	}
	return c, ok, nil
}

const sqlSetCursor = `UPDATE lane_cursor SET seq = $2 WHERE lane = $1 AND epoch = $3`

// SetCursor keeps how far the lane has read the feed. It may go back. It does
// nothing and reports false when the cursor is gone or claimed by another epoch.
func (tx *Tx) SetCursor(lane string, seq, epoch int64) (held bool, err error) {
	n, err := tx.exec(sqlSetCursor, lane, seq, epoch)
	if err != nil {
		return false, fmt.Errorf("storing the cursor of lane %s: %w", lane, err)
	}
	return n > 0, nil
}

const sqlDeleteCursor = `DELETE FROM lane_cursor WHERE lane = $1`

// DeleteCursor forgets the lane. It is no error when there is none.
func (tx *Tx) DeleteCursor(lane string) error {
	if _, err := tx.exec(sqlDeleteCursor, lane); err != nil {
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
