package ledger

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/eroam/eroam/internal/store"
)

// Fault is a row that is not as it was written.
type Fault struct {
	Table   string `json:"table"`
	Row     string `json:"row"`
	Problem string `json:"problem"`
}

func (f Fault) String() string { return f.Table + " " + f.Row + ": " + f.Problem }

// Verification is the outcome of [Verify].
type Verification struct {
	Events      int64   `json:"events"`
	Checkpoints int     `json:"checkpoints"`
	CDRs        int64   `json:"cdrs"`
	Postings    int64   `json:"postings"`
	Root        string  `json:"root"`   // of the tree over all events, base64
	Faults      []Fault `json:"faults"` // in the order in which they were found; at most MaxFaults
}

// MaxFaults is how many faults are listed before Verify gives up.
const MaxFaults = 100

// Source is what Verify reads: a [store.Reader], or a store.
type Source interface {
	LedgerSize(ctx context.Context) (int64, error)
	EachEvent(ctx context.Context, from, to int64, fn func(store.LedgerEvent) error) error
	EachNode(ctx context.Context, fn func(store.LedgerNode) error) error
	Checkpoints(ctx context.Context, after int64, limit int) ([]store.Checkpoint, error)
	EachCDR(ctx context.Context, q store.CDRQuery, fn func(store.LedgerCDR) error) error
	CDRByID(ctx context.Context, id int64) (store.LedgerCDR, bool, error)
	CDREvents(ctx context.Context, cdr int64) ([]store.LedgerEvent, error)
	EachEvidence(ctx context.Context, fn func(event int64, body []byte) error) error
	EachPosting(ctx context.Context, q store.PostingQuery, fn func(store.Posting) error) error
	Balances(ctx context.Context) ([]store.Balance, error)
	Object(ctx context.Context, k store.ObjectKey) (store.Object, bool, error)
}

// Progress is told how far Verify has come: done of total rows of what.
type Progress func(what string, done, total int64)

// errEnough ends a verification that has found MaxFaults.
var errEnough = errors.New("too many faults")

// Verify reads the whole ledger and compares it with itself: that each leaf has
// its hash and each stored node of the tree follows from the leaves; that every
// checkpoint was signed with the key and its tree is the one over the first
// leaves; that each CDR, its body and its evidence are what its events say; that
// each journal was posted as its event says, and the balances are the sums. A
// hub may work on the database meanwhile.
//
// What it cannot see is a database that somebody who has the signing key has
// written anew from the beginning; a checkpoint or a receipt that a partner has
// kept shows that (see receipt.CheckConsistency).
//
// An error means that it could not be read to the end; faults are no error.
func Verify(ctx context.Context, src Source, verifierKey string, progress Progress) (Verification, error) {
	if progress == nil {
		progress = func(string, int64, int64) {}
	}
	v := &verifying{Source: src, key: verifierKey, progress: progress, cdrs: make(map[int64]*fold), texts: make(map[string]string)}
	v.out.Faults = []Fault{}
	var err error
	if v.size, err = src.LedgerSize(ctx); err != nil {
		return v.out, err
	}
	for _, part := range []func(context.Context) error{v.events, v.nodes, v.rows, v.evidence, v.postings} {
		if err := part(ctx); errors.Is(err, errEnough) {
			return v.out, nil
		} else if err != nil {
			return v.out, err
		}
	}
	return v.out, nil
}

// verifying is a verification on its way.
type verifying struct {
	Source
	key      string
	progress Progress
	size     int64 // of the log when it began
	latest   int64 // when it was last looked at
	out      Verification

	tree     frontier
	stored   []tlog.Hash // nodes of level 8 as they follow from the leaves
	cdrs     map[int64]*fold
	judged   []judgement
	journals []expected
	texts    map[string]string // one copy of each name of a party, a currency, a state
}

// judgement is the evidence that the event of a reception names.
type judgement struct {
	event  int64
	digest [32]byte
}

// fold is what the events say of a CDR.
type fold struct {
	digest          [32]byte
	judged          int64 // event of the evidence
	state           State
	held, posted    bool
	currency        string
	net, gross      int64
	cpo, emsp, name string
}

// expected is a journal as its event has it.
type expected struct {
	event int64
	sum   [16]byte
}

func (v *verifying) fault(table, row, format string, args ...any) error {
	v.out.Faults = append(v.out.Faults, Fault{table, row, fmt.Sprintf(format, args...)})
	if len(v.out.Faults) >= MaxFaults {
		return errEnough
	}
	return nil
}
