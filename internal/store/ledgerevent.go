package store

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// ledgerEnds is where the numbered tables of the ledger end for a transaction.
// It is of the moment at which the transaction looked, and nobody else writes
// while it runs: on PostgreSQL each group commit begins with the lock on the row
// of feed, see Tx.reserve, and no other transaction writes to the ledger. The
// order of locks is feed, then ledger.
type ledgerEnds struct {
	events, postings ledgerEnd
	balances         map[Balance]int64 // that were read or changed; the keys have no Amount
}

type ledgerEnd struct {
	next  int64
	known bool
}

// look reads the end when it is not known.
func (e *ledgerEnd) look(tx *Tx, query string) error {
	if e.known {
		return nil
	}
	if _, err := tx.row(query, nil, &e.next); err != nil {
		return err
	}
	e.known = true
	return nil
}

const (
	sqlLedgerSize       = `SELECT COALESCE(MAX(seq), -1) + 1 FROM ledger_event`
	sqlInsertEvent      = `INSERT INTO ledger_event (seq, cdr, at, kind, hash, leaf) VALUES ($1, $2, $3, $4, $5, $6)`
	sqlInsertLedgerNode = `INSERT INTO ledger_node (level, n, hash) VALUES ($1, $2, $3)`
	sqlEventHashes      = `SELECT hash FROM ledger_event WHERE seq >= $1 AND seq < $2 ORDER BY seq`
	sqlNodeHashes       = `SELECT hash FROM ledger_node WHERE level = $1 AND n >= $2 AND n < $3 ORDER BY n`
)

// LedgerSize is the number of events, as this transaction sees it: the Seq of
// the next one.
func (tx *Tx) LedgerSize() (int64, error) {
	if err := tx.ledger.events.look(tx, sqlLedgerSize); err != nil {
		return 0, fmt.Errorf("reading the size of the ledger: %w", err)
	}
	return tx.ledger.events.next, nil
}

// AppendEvent adds the leaf to the log and sets e.Seq and e.Hash. Seq is dense,
// from 0, in the order of commits over all processes. An event of kind received
// with CDR 0 belongs to the CDR with its own Seq as ID; e.CDR stays 0. The first
// event of a database must be of kind opened, so that no ID is 0.
func (tx *Tx) AppendEvent(e *LedgerEvent) error {
	seq, err := tx.LedgerSize()
	if err != nil {
		return err
	}
	if err := tx.appendEvent(e, seq); err != nil {
		return fmt.Errorf("appending event %d: %w", seq, tx.fail(err))
	}
	return nil
}

func (tx *Tx) appendEvent(e *LedgerEvent, seq int64) error {
	if (seq == 0) != (e.Kind == EventOpened) {
		return errors.New("the first event, and it alone, says that the ledger was opened")
	}
	cdr := e.CDR
	if cdr == 0 && e.Kind == EventReceived {
		cdr = seq
	}
	hash := tlog.RecordHash(e.Leaf)
	if err := tx.one(sqlInsertEvent, seq, cdr, e.At, e.Kind, hash[:], blob(e.Leaf)); err != nil {
		return err
	}
	tx.ledger.events.next++
	e.Seq, e.Hash = seq, hash[:]
	return tx.addNodes(seq)
}

const (
	nodeStep = 8 // nodes are stored at each level that is a multiple
	nodeFan  = 1 << nodeStep
)

// addNodes stores the nodes that the leaf completes. The hashes below are read
// back: once in 256 events.
func (tx *Tx) addNodes(leaf int64) error {
	level := 0
	for n := leaf + 1; n%nodeFan == 0; {
		n /= nodeFan
		level += nodeStep
		below, err := readHashes(nodeFan, func(scan func(scanFunc) error) error {
			query, args := hashQuery(level-nodeStep, (n-1)*nodeFan, n*nodeFan)
			return tx.sql.each(tx.ctx, query, args, scan)
		})
		if err != nil {
			return fmt.Errorf("node %d of level %d: %w", n-1, level, err)
		}
		hash := rootOf(below)
		if err := tx.one(sqlInsertLedgerNode, level, n-1, hash[:]); err != nil {
			return err
		}
	}
	return nil
}

// hashQuery selects the hashes from … to-1 of a level that is stored.
func hashQuery(level int, from, to int64) (query string, args []any) {
	if level == 0 {
		return sqlEventHashes, []any{from, to}
	}
	return sqlNodeHashes, []any{level, from, to}
}

// readHashes reads the n hashes of a query.
func readHashes(n int64, run func(scan func(scanFunc) error) error) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, 0, n)
	var b []byte
	err := run(func(scan scanFunc) error {
		if err := scan(&b); err != nil {
			return err
		}
		if len(b) != tlog.HashSize {
			return fmt.Errorf("a hash has %d bytes", len(b))
		}
		hashes = append(hashes, tlog.Hash(b))
		return nil
	})
	if err == nil && int64(len(hashes)) != n {
		err = fmt.Errorf("%d of %d hashes are there", len(hashes), n)
	}
	return hashes, err
}

// rootOf is the hash over a number of hashes that is a power of two. It works
// in their place.
func rootOf(hashes []tlog.Hash) tlog.Hash {
	for ; len(hashes) > 1; hashes = hashes[:len(hashes)/2] {
		for i := range len(hashes) / 2 {
			hashes[i] = tlog.NodeHash(hashes[2*i], hashes[2*i+1])
		}
	}
	return hashes[0]
}
