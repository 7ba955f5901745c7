package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/lease"
	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/relay/relaytest"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
)

// Who sends a CDR again that a process had begun with when it died is answered at
// once where no other process lives, and else waits for the one that may be at it.
func TestAnswerForADeadProcess(t *testing.T) {
	r := newRig(t)
	s := storetest.Open(t, store.Options{Database: storetest.Postgres(t)})
	node := lease.Open(lease.Options{Store: s, Place: "here"})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		must(t, "run", <-ended, nil)
	})
	r.eventually("joined", func() bool { return node.ID() != "" })
	l := ledger.New(ledger.Options{Store: s, Registry: r.Registry, Relay: r.Relay, Lease: node, PublicURL: relaytest.PublicURL})
	must(t, "open", l.Open(t.Context()), nil)
	begun := store.LedgerCDR{
		ID: 1, Owner: cp1, CDRID: "c1", Name: "C1", EMSP: em1, Version: "2.2.1", Evidence: 1, State: string(ledger.StateValid),
		Mail: ledger.MailWaiting, Received: time.Now().Add(time.Hour).UnixMicro(), // there is time for an answer
	}
	must(t, "begin", s.Write(t.Context(), func(tx *store.Tx) error { return tx.InsertCDR(&begun) }), nil)

	must(t, "another joins", s.JoinNode(t.Context(), store.Node{ID: "other", Place: "there"}), nil)
	c := begun
	short, stop := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer stop()
	if err := l.AwaitAnswer(short, &c); !errors.Is(err, context.DeadlineExceeded) || len(c.Answer) > 0 {
		t.Errorf("while another lives: %v, answer %s", err, c.Answer)
	}
	must(t, "it leaves", s.RemoveNode(t.Context(), "other"), nil)
	long, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	must(t, "alone", l.AwaitAnswer(long, &c), nil)
	if len(c.Answer) == 0 {
		t.Error("no answer")
	}
}
