package trace

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"
	_ "modernc.org/sqlite" // the driver
)

// The file. Messages are stored in chunks of up to 256: a row per message costs
// more CPU than relaying it. What they are found by goes into fresh, a sorted list of
// keys per chunk, and from there, for many chunks at once, into a run: a sorted
// list of (key, chunk) in pages by the upper bits of the key. A look-up reads
// all of fresh and one page of each run.
const schema = `
CREATE TABLE chunk (id INTEGER PRIMARY KEY, format INTEGER NOT NULL, from_us INTEGER NOT NULL, to_us INTEGER NOT NULL,
	messages INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX chunk_to ON chunk (to_us);
CREATE TABLE fresh (chunk INTEGER PRIMARY KEY, keys BLOB NOT NULL);
CREATE TABLE run (id INTEGER PRIMARY KEY, bits INTEGER NOT NULL, first_chunk INTEGER NOT NULL, last_chunk INTEGER NOT NULL);
CREATE TABLE page (id INTEGER PRIMARY KEY, entries BLOB NOT NULL);
PRAGMA user_version = 1;
`

const (
	formatS2  = 1 // messages as coder writes them, packed with S2
	pageBits  = 16
	entrySize = 10 // a key and the number of the chunk within its run

	// A run is made when this much is fresh.
	runChunks   = 1024
	runMessages = 1 << 16
)

// openDB opens the file and makes the tables where they are missing. The file
// can be read by its owner only.
func openDB(ctx context.Context, path string) (*sql.DB, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	f.Close()
	// With synchronous NORMAL a power cut can lose the last commits, not the file.
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(2000)&_pragma=page_size(16384)" +
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=journal_size_limit(67108864)"
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	if err := migrate(ctx, db); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var version int
	if err := tx.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil {
		return err
	}
	switch version {
	case 0:
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return err
		}
	case 1:
	default:
		return fmt.Errorf("it has version %d, which this program does not know", version)
	}
	return tx.Commit()
}

// chunk is up to 256 messages, packed.
type chunk struct {
	id       int64
	from, to int64 // µs
	messages int
	keys     []byte
	body     []byte
}

// writer turns messages into chunks and writes them. It is used by one goroutine.
type writer struct {
	db     *sql.DB
	next   int64 // id of the next chunk
	fresh  int   // messages in chunks that are not in a run yet
	chunks int   // and how many chunks
	open   chunk // being filled; keys and body unused
	raw    coder
	packed []byte // room for packing raw, several times as large as what comes of it
	keys   []uint64
	ready  []chunk
}

func newWriter(ctx context.Context, db *sql.DB) (*writer, error) {
	w := &writer{db: db}
	err := db.QueryRowContext(ctx, `SELECT 1 + max(coalesce((SELECT max(id) FROM chunk), 0), coalesce((SELECT max(last_chunk) FROM run), 0))`).Scan(&w.next)
	if err != nil {
		return nil, err
	}
	return w, w.countFresh(db.QueryRow)
}

// add puts m into the open chunk.
func (w *writer) add(m *Message) {
	us := m.Time.UnixMicro()
	if w.open.messages == 0 {
		w.open.from, w.open.to = us, us
	}
	w.open.from, w.open.to = min(w.open.from, us), max(w.open.to, us)
	w.open.messages++
	w.raw.message(m)
	w.keys = appendKeys(w.keys, m)
	if w.open.messages == maxChunk || len(w.raw.buf) >= maxChunkBytes {
		w.seal()
	}
}

// seal makes the open chunk ready to be written.
func (w *writer) seal() {
	if w.open.messages == 0 {
		return
	}
	slices.Sort(w.keys)
	w.keys = slices.Compact(w.keys)
	c := w.open
	c.id = w.next
	w.next++
	c.keys = make([]byte, 0, 8*len(w.keys))
	for _, k := range w.keys {
		c.keys = binary.BigEndian.AppendUint64(c.keys, k)
	}
	w.packed = s2.Encode(w.packed[:cap(w.packed)], w.raw.buf)
	c.body = bytes.Clone(w.packed)
	w.ready = append(w.ready, c)
	w.open, w.raw.buf, w.keys = chunk{}, w.raw.buf[:0], w.keys[:0]
}

// pendingMessages counts what is not stored yet.
func (w *writer) pendingMessages() int {
	n := w.open.messages
	for _, c := range w.ready {
		n += c.messages
	}
	return n
}

// write stores all ready chunks in one transaction. After an error nothing is
// stored and they are still ready.
func (w *writer) write() error {
	if len(w.ready) == 0 {
		return nil
	}
	fresh, chunks := w.fresh, w.chunks
	err := w.transaction(func(tx *sql.Tx) error {
		for i := range w.ready {
			c := &w.ready[i]
			if _, err := tx.Exec(`INSERT INTO chunk (id, format, from_us, to_us, messages, body) VALUES ($1, $2, $3, $4, $5, $6)`,
				c.id, formatS2, c.from, c.to, c.messages, c.body); err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO fresh (chunk, keys) VALUES ($1, $2)`, c.id, c.keys); err != nil {
				return err
			}
			fresh, chunks = fresh+c.messages, chunks+1
		}
		if chunks < runChunks && fresh < runMessages {
			return nil
		}
		fresh, chunks = 0, 0
		return makeRun(tx)
	})
	if err != nil {
		return err
	}
	clear(w.ready)
	w.ready = w.ready[:0]
	w.fresh, w.chunks = fresh, chunks
	return nil
}

func (w *writer) transaction(f func(*sql.Tx) error) error {
	tx, err := w.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// entry says that a chunk has a message with a key.
type entry struct {
	key   uint64
	chunk uint16 // counted from the first of the run
}

// makeRun moves everything fresh into a new run.
func makeRun(tx *sql.Tx) error {
	entries, first, last, err := readFresh(tx)
	if err != nil || len(entries) == 0 {
		return err
	}
	slices.SortFunc(entries, func(a, b entry) int {
		switch {
		case a.key < b.key:
			return -1
		case a.key > b.key:
			return 1
		}
		return int(b.chunk) - int(a.chunk) // the newest first
	})
	bits := 0
	for bits < pageBits && len(entries)>>bits > 256 {
		bits++
	}
	var run int64
	if err := tx.QueryRow(`INSERT INTO run (bits, first_chunk, last_chunk) VALUES ($1, $2, $3) RETURNING id`, bits, first, last).Scan(&run); err != nil {
		return err
	}
	var page []byte
	for i := 0; i < len(entries); {
		bucket := pageOf(entries[i].key, bits)
		page = page[:0]
		for ; i < len(entries) && pageOf(entries[i].key, bits) == bucket; i++ {
			page = binary.BigEndian.AppendUint64(page, entries[i].key)
			page = binary.BigEndian.AppendUint16(page, entries[i].chunk)
		}
		if _, err := tx.Exec(`INSERT INTO page (id, entries) VALUES ($1, $2)`, run<<pageBits|bucket, page); err != nil {
			return err
		}
	}
	_, err = tx.Exec(`DELETE FROM fresh`)
	return err
}

// pageOf returns in which page of a run a key is.
func pageOf(key uint64, bits int) int64 { return int64(key >> (64 - bits)) }

func readFresh(tx *sql.Tx) (entries []entry, first, last int64, err error) {
	rows, err := tx.Query(`SELECT chunk, keys FROM fresh ORDER BY chunk`)
	if err != nil {
		return nil, 0, 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var keys sql.RawBytes
		if err := rows.Scan(&last, &keys); err != nil {
			return nil, 0, 0, err
		}
		if len(entries) == 0 {
			first = last
		}
		for ; len(keys) >= 8; keys = keys[8:] {
			entries = append(entries, entry{binary.BigEndian.Uint64(keys), uint16(last - first)})
		}
	}
	return entries, first, last, rows.Err()
}

// pruneChunks is how many chunks one transaction deletes, so that the writer is
// not held up for long.
const pruneChunks = 256

// prune deletes chunks whose messages are all older than before, and then the
// oldest until no more than maxBytes of the file are in use. The file itself
// does not shrink; its space is used again.
func (w *writer) prune(before time.Time, maxBytes int64) error {
	for {
		var n int64
		err := w.transaction(func(tx *sql.Tx) error {
			res, err := tx.Exec(`DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE to_us < $1 LIMIT $2)`, before.UnixMicro(), pruneChunks)
			if err != nil {
				return err
			}
			if n, err = res.RowsAffected(); err != nil {
				return err
			}
			var used int64
			if err := tx.QueryRow(`SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size`).Scan(&used); err != nil {
				return err
			}
			if n == 0 && used > maxBytes {
				res, err := tx.Exec(`DELETE FROM chunk WHERE id IN (SELECT id FROM chunk ORDER BY id LIMIT $1)`, pruneChunks/8)
				if err != nil {
					return err
				}
				if n, err = res.RowsAffected(); err != nil {
					return err
				}
			}
			if n == 0 {
				return nil
			}
			return w.pruneIndex(tx)
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

// pruneIndex deletes what points at deleted chunks only.
func (w *writer) pruneIndex(tx *sql.Tx) error {
	oldest := w.next
	err := tx.QueryRow(`SELECT coalesce(min(id), $1) FROM chunk`, w.next).Scan(&oldest)
	if err != nil {
		return err
	}
	var last sql.NullInt64 // run
	if err := tx.QueryRow(`SELECT max(id) FROM run WHERE last_chunk < $1`, oldest).Scan(&last); err != nil {
		return err
	}
	if last.Valid {
		if _, err := tx.Exec(`DELETE FROM page WHERE id < $1`, (last.Int64+1)<<pageBits); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM run WHERE id <= $1`, last.Int64); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(`DELETE FROM fresh WHERE chunk NOT IN (SELECT id FROM chunk)`); err != nil {
		return err
	}
	return w.countFresh(tx.QueryRow)
}

// countFresh reads how much is in no run yet.
func (w *writer) countFresh(query func(string, ...any) *sql.Row) error {
	return query(`SELECT count(*), coalesce(sum(messages), 0) FROM fresh JOIN chunk ON chunk.id = fresh.chunk`).Scan(&w.chunks, &w.fresh)
}
