package trace

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/klauspost/compress/s2"
)

// Query says which messages are wanted; all that is set must hold. Correlation
// id, request id and party are looked up in an index. A query with none of them
// reads back from the newest message until it has found enough.
type Query struct {
	CorrelationID string
	RequestID     string // as it came in or as it went out
	Party         string // sender or receiver, "NL-CP1"
	Module        string
	From, To      time.Time           // of Message.Time; To is exclusive, zero is no bound
	Match         func(*Message) bool // a condition beyond these; nil: none
	Limit         int                 // default 100, at most 10,000
}

const (
	defaultLimit = 100
	maxLimit     = 10_000
	findFlush    = time.Second // how long a search waits for the writer
)

func (q *Query) matches(m *Message) bool {
	return (q.CorrelationID == "" || m.CorrelationID == q.CorrelationID) &&
		(q.RequestID == "" || m.RequestID == q.RequestID || m.OutRequestID == q.RequestID) &&
		(q.Party == "" || m.From == q.Party || m.To == q.Party) &&
		(q.Module == "" || m.Module == q.Module) &&
		(q.From.IsZero() || !m.Time.Before(q.From)) &&
		(q.To.IsZero() || m.Time.Before(q.To)) &&
		(q.Match == nil || q.Match(m))
}

// Find returns the newest messages that match, the newest first. It sees what
// was recorded before the call, unless the disk is more than a second behind.
func (r *Recorder) Find(ctx context.Context, q Query) ([]Message, error) {
	if r == nil {
		return nil, nil
	}
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	q.Limit = min(q.Limit, maxLimit)
	q.Party = strings.ToUpper(q.Party)
	wait, cancel := context.WithTimeout(ctx, findFlush)
	err := r.Flush(wait)
	cancel()
	if errors.Is(err, errClosed) {
		return nil, err
	}
	found, err := r.find(ctx, &q)
	if err != nil {
		return nil, fmt.Errorf("searching the message trace: %w", err)
	}
	return found, nil
}

func (r *Recorder) find(ctx context.Context, q *Query) ([]Message, error) {
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	var found []Message
	for id, err := range candidates(ctx, tx, q) {
		if err != nil {
			return nil, err
		}
		messages, err := readChunk(ctx, tx, id, q)
		if err != nil {
			return nil, err
		}
		for i := len(messages) - 1; i >= 0; i-- {
			if q.matches(&messages[i]) {
				found = append(found, messages[i])
			}
		}
		if len(found) >= q.Limit {
			break
		}
	}
	slices.SortStableFunc(found, func(a, b Message) int { return b.Time.Compare(a.Time) })
	return found[:min(len(found), q.Limit)], nil
}

// readChunk returns the messages of a chunk, none when it is outside the time
// of q or no longer there.
func readChunk(ctx context.Context, tx *sql.Tx, id int64, q *Query) ([]Message, error) {
	from, to := q.bounds()
	var format int
	var packed []byte
	err := tx.QueryRowContext(ctx, `SELECT format, body FROM chunk WHERE id = $1 AND to_us >= $2 AND from_us < $3`, id, from, to).Scan(&format, &packed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	case format != formatS2:
		return nil, fmt.Errorf("chunk %d has the unknown format %d", id, format)
	}
	raw, err := s2.Decode(nil, packed)
	if err != nil {
		return nil, fmt.Errorf("%w: chunk %d: %w", errChunk, id, err)
	}
	return decode(raw)
}

func (q *Query) bounds() (from, to int64) {
	from, to = -1<<62, 1<<62
	if !q.From.IsZero() {
		from = q.From.UnixMicro()
	}
	if !q.To.IsZero() {
		to = q.To.UnixMicro()
	}
	return from, to
}

// key returns the most selective key of q.
func (q *Query) key() (key uint64, ok bool) {
	switch {
	case q.CorrelationID != "":
		return keyOf(byCorrelation, q.CorrelationID), true
	case q.RequestID != "":
		return keyOf(byRequest, q.RequestID), true
	case q.Party != "":
		return keyOf(byParty, q.Party), true
	}
	return 0, false
}

// candidates yields the ids of the chunks that may have messages for q, the
// newest first.
func candidates(ctx context.Context, tx *sql.Tx, q *Query) iter.Seq2[int64, error] {
	key, indexed := q.key()
	return func(yield func(int64, error) bool) {
		if !indexed {
			recent(ctx, tx, q, yield)
			return
		}
		list, err := inFresh(ctx, tx, key)
		for _, id := range list {
			if !yield(id, nil) {
				return
			}
		}
		if err == nil {
			err = inRuns(ctx, tx, key, yield)
		}
		if err != nil {
			yield(0, err)
		}
	}
}

// recent yields all chunks in the time of q, a hundred ids at a time.
func recent(ctx context.Context, tx *sql.Tx, q *Query, yield func(int64, error) bool) {
	from, to := q.bounds()
	below := int64(1 << 62)
	for {
		list, err := ids(tx.QueryContext(ctx, `SELECT id FROM chunk WHERE id < $1 AND to_us >= $2 AND from_us < $3 ORDER BY id DESC LIMIT 100`, below, from, to))
		if err != nil {
			yield(0, err)
			return
		}
		for _, id := range list {
			if !yield(id, nil) {
				return
			}
			below = id
		}
		if len(list) == 0 {
			return
		}
	}
}

func ids(rows *sql.Rows, err error) ([]int64, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		list = append(list, id)
	}
	return list, rows.Err()
}

// inFresh returns the chunks with key that are in no run yet.
func inFresh(ctx context.Context, tx *sql.Tx, key uint64) ([]int64, error) {
	rows, err := tx.QueryContext(ctx, `SELECT chunk, keys FROM fresh ORDER BY chunk DESC`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	want := binary.BigEndian.AppendUint64(nil, key)
	var list []int64
	for rows.Next() {
		var id int64
		var keys sql.RawBytes
		if err := rows.Scan(&id, &keys); err != nil {
			return nil, err
		}
		if i := lowest(keys, 8, want); i < len(keys) && bytes.HasPrefix(keys[i:], want) {
			list = append(list, id)
		}
	}
	return list, rows.Err()
}

// inRuns yields the chunks with key that are in runs.
func inRuns(ctx context.Context, tx *sql.Tx, key uint64, yield func(int64, error) bool) error {
	type run struct {
		id, first int64
		bits      int
	}
	var runs []run
	rows, err := tx.QueryContext(ctx, `SELECT id, first_chunk, bits FROM run ORDER BY id DESC`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var x run
		if err := rows.Scan(&x.id, &x.first, &x.bits); err != nil {
			return err
		}
		runs = append(runs, x)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	page, err := tx.PrepareContext(ctx, `SELECT entries FROM page WHERE id = $1`)
	if err != nil {
		return err
	}
	defer page.Close()
	want := binary.BigEndian.AppendUint64(nil, key)
	for _, x := range runs {
		var entries []byte
		err := page.QueryRowContext(ctx, x.id<<pageBits|pageOf(key, x.bits)).Scan(&entries)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		for i := lowest(entries, entrySize, want); i < len(entries) && bytes.HasPrefix(entries[i:], want); i += entrySize {
			if !yield(x.first+int64(binary.BigEndian.Uint16(entries[i+8:])), nil) {
				return nil
			}
		}
	}
	return nil
}

// lowest returns the offset of the first record that is not below want in
// sorted records of a fixed size.
func lowest(records []byte, size int, want []byte) int {
	return size * sort.Search(len(records)/size, func(i int) bool {
		return bytes.Compare(records[i*size:i*size+8], want) >= 0
	})
}
