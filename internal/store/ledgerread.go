package store

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/eroam/eroam/ocpi"
)

// Ledger reads what is committed of the CDR ledger. It is the part that a
// [Store] and a [Reader] share.
//
// The methods whose names begin with Each read any number of rows, in order, in
// small parts: memory is constant, and the function that they call may take its
// time, as no connection and no lock is held meanwhile. When it returns an
// error they end with that error. Events, postings and evidence never change;
// CDRs are as they were when their part was read.
type Ledger struct {
	read  reader
	codec *codec
}

// atOnce is how many rows the methods that begin with Each read at once.
const atOnce = 500

// CDR returns the CDR of the owner with the folded id; false when there never
// was one.
func (l *Ledger) CDR(ctx context.Context, owner ocpi.PartyID, id string) (LedgerCDR, bool, error) {
	return l.cdr(ctx, sqlCDR, owner.CountryCode, owner.ID, id)
}

// CDRByID returns the CDR with the ID; false when there is none.
func (l *Ledger) CDRByID(ctx context.Context, id int64) (LedgerCDR, bool, error) {
	return l.cdr(ctx, sqlCDRByID, id)
}

func (l *Ledger) cdr(ctx context.Context, query string, args ...any) (LedgerCDR, bool, error) {
	var c LedgerCDR
	found, err := l.read.row(ctx, query, args, cdrFields(&c)...)
	if err != nil {
		return LedgerCDR{}, false, fmt.Errorf("reading a CDR: %w", err)
	}
	return c, found, nil
}

func (l *Ledger) cdrs(ctx context.Context, query string, args ...any) ([]LedgerCDR, error) {
	var rows []LedgerCDR
	err := l.read.rows(ctx, query, args, func(scan scanFunc) error { return appendRow(&rows, scan, cdrFields) })
	if err != nil {
		return nil, fmt.Errorf("reading CDRs: %w", err)
	}
	return rows, nil
}

const sqlEvidence = `SELECT body FROM cdr_evidence WHERE event = $1`

// CDREvidence returns what [Tx.PutCDREvidence] kept with the event; nil when
// there is none.
func (l *Ledger) CDREvidence(ctx context.Context, event int64) ([]byte, error) {
	var data []byte
	found, err := l.read.row(ctx, sqlEvidence, []any{event}, &data)
	if err != nil || !found {
		return nil, wrap(err, "reading the evidence of event %d", event)
	}
	body, err := l.codec.unseal(data)
	return body, wrap(err, "reading the evidence of event %d", event)
}

// wrap says what was done when err occurred; nil stays nil.
func wrap(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

const (
	eventColumns = `seq, cdr, at, kind, hash, leaf`
	sqlCDREvents = `SELECT ` + eventColumns + ` FROM ledger_event WHERE cdr = $1 ORDER BY seq`
	sqlEvents    = `SELECT ` + eventColumns + ` FROM ledger_event WHERE seq >= $1 ORDER BY seq LIMIT $2`
)

func eventFields(e *LedgerEvent) []any {
	return []any{&e.Seq, &e.CDR, &e.At, &e.Kind, (*blob)(&e.Hash), (*blob)(&e.Leaf)}
}

// CDREvents returns the events of a CDR, in order.
func (l *Ledger) CDREvents(ctx context.Context, cdr int64) ([]LedgerEvent, error) {
	return l.events(ctx, sqlCDREvents, cdr)
}

// Events returns at most limit events from the one with that Seq on, in order.
func (l *Ledger) Events(ctx context.Context, from int64, limit int) ([]LedgerEvent, error) {
	return l.events(ctx, sqlEvents, from, limit)
}

func (l *Ledger) events(ctx context.Context, query string, args ...any) ([]LedgerEvent, error) {
	var rows []LedgerEvent
	err := l.read.rows(ctx, query, args, func(scan scanFunc) error { return appendRow(&rows, scan, eventFields) })
	return rows, wrap(err, "reading events of the ledger")
}

// EachEvent calls fn for the events from … to-1 that are there, in order. A
// number that is missing is for the caller to see.
func (l *Ledger) EachEvent(ctx context.Context, from, to int64, fn func(LedgerEvent) error) error {
	for from < to {
		part, err := l.Events(ctx, from, atOnce)
		if err != nil {
			return err
		}
		for _, e := range part {
			if e.Seq >= to {
				return nil
			}
			if err := fn(e); err != nil {
				return err
			}
			from = e.Seq + 1
		}
		if len(part) < atOnce {
			return nil
		}
	}
	return nil
}

const (
	sqlEvidences   = `SELECT event, body FROM cdr_evidence WHERE event >= $1 ORDER BY event LIMIT $2`
	sqlLedgerNodes = `SELECT level, n, hash FROM ledger_node WHERE level > $1 OR (level = $2 AND n > $3) ORDER BY level, n LIMIT $4`
)

// EachEvidence calls fn for each evidence that is kept, in the order of their
// events.
func (l *Ledger) EachEvidence(ctx context.Context, fn func(event int64, body []byte) error) error {
	type evidence struct {
		event int64
		data  []byte
	}
	return inParts(func(last *evidence) ([]evidence, error) {
		from := int64(0)
		if last != nil {
			from = last.event + 1
		}
		var part []evidence
		err := l.read.rows(ctx, sqlEvidences, []any{from, atOnce}, func(scan scanFunc) error {
			return appendRow(&part, scan, func(e *evidence) []any { return []any{&e.event, &e.data} })
		})
		return part, wrap(err, "reading evidence")
	}, func(e evidence) error {
		body, err := l.codec.unseal(e.data)
		if err != nil {
			return fmt.Errorf("reading the evidence of event %d: %w", e.event, err)
		}
		return fn(e.event, body)
	})
}

// EachNode calls fn for each stored node of the tree, in the order of levels and
// numbers.
func (l *Ledger) EachNode(ctx context.Context, fn func(LedgerNode) error) error {
	return inParts(func(last *LedgerNode) ([]LedgerNode, error) {
		level, n := 0, int64(-1)
		if last != nil {
			level, n = last.Level, last.N
		}
		var part []LedgerNode
		err := l.read.rows(ctx, sqlLedgerNodes, []any{level, level, n, atOnce}, func(scan scanFunc) error {
			return appendRow(&part, scan, func(n *LedgerNode) []any { return []any{&n.Level, &n.N, (*blob)(&n.Hash)} })
		})
		return part, wrap(err, "reading nodes of the ledger")
	}, fn)
}

// inParts calls fn for the rows of each part. next returns at most atOnce rows
// after the last one, nil for the first part.
func inParts[T any](next func(last *T) ([]T, error), fn func(T) error) error {
	var last *T
	for {
		part, err := next(last)
		if err != nil {
			return err
		}
		for _, row := range part {
			if err := fn(row); err != nil {
				return err
			}
		}
		if len(part) < atOnce {
			return nil
		}
		last = &part[len(part)-1]
	}
}

// LedgerSize returns the number of events: the Seq of the next one.
func (l *Ledger) LedgerSize(ctx context.Context) (int64, error) {
	var n int64
	_, err := l.read.row(ctx, sqlLedgerSize, nil, &n)
	return n, wrap(err, "reading the size of the ledger")
}

// LedgerHashes returns the hashes of the tree at the indexes, which are those of
// [tlog.StoredHashIndex], as they were at one moment. It makes each from at most
// 128 rows. An index of a node that is not complete yet is an error.
//
//	tlog.HashReaderFunc(func(i []int64) ([]tlog.Hash, error) { return l.LedgerHashes(ctx, i) })
func (l *Ledger) LedgerHashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	queries := []string{sqlEventHashes, sqlNodeHashes}
	err := l.read.snapshot(ctx, queries, func(run queryFunc) error {
		for i, x := range indexes {
			if x < 0 {
				return fmt.Errorf("index %d is below 0", x)
			}
			level, n := tlog.SplitStoredHashIndex(x)
			rest := level % nodeStep
			below, err := readHashes(1<<rest, func(scan func(scanFunc) error) error {
				query, args := hashQuery(level-rest, n<<rest, (n+1)<<rest)
				if query == sqlEventHashes {
					return run(0, args, scan)
				}
				return run(1, args, scan)
			})
			if err != nil {
				return fmt.Errorf("hash %d of level %d: %w", n, level, err)
			}
			hashes[i] = rootOf(below)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading hashes of the ledger: %w", err)
	}
	return hashes, nil
}
