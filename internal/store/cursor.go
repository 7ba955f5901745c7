package store

import (
	"context"
	"fmt"
)

const sqlSetCursor = `INSERT INTO lane_cursor (lane, seq) VALUES ($1, $2)
	ON CONFLICT (lane) DO UPDATE SET seq = excluded.seq`

// SetCursor keeps how far the lane has read the feed. It may go back.
func (tx *Tx) SetCursor(lane string, seq int64) error {
	if _, err := tx.exec(sqlSetCursor, lane, seq); err != nil {
		return fmt.Errorf("storing the cursor of lane %s: %w", lane, err)
	}
	return nil
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
