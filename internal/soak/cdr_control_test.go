package soak

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The audit can fail: it finds a CDR that a CPO believes in and the hub does not
// have, a cent, and what a hub loses that says "accepted" before it is on disk.
//
// A killed process loses nothing that it has written, so a hub without synced
// commits would pass the test above: only a machine that fails shows it. This is
// what such a failure leaves of SQLite's files: those of an earlier moment, while
// the hub has gone on and has given answers. (A PostgreSQL that does not sync is
// refused by the hub when it starts.)
func TestControlLostCDRs(t *testing.T) {
	t.Parallel()
	b := newBills(t, newHub(t, ""), random(t))
	load := func() {
		stop, before := b.arrive(), b.count.accepted.Load()
		for b.count.accepted.Load() < before+40 {
			time.Sleep(5 * time.Millisecond)
		}
		stop()
	}
	load()
	if found := b.audit(); len(found.wrong) > 0 {
		t.Fatalf("nothing was lost, and the audit found %q", found.wrong)
	}
	c := b.cpos[0]
	for what, change := range map[string]func(text, last string) string{
		"is not in the ledger": func(text, last string) string {
			return text + strings.Replace(last, `"id":"`, `"id":"NEVER`, 1) + "\n"
		},
		"its CPO charged": func(text, last string) string {
			return strings.Replace(text, last, strings.Replace(last, `"gross":"`, `"gross":"9`, 1), 1)
		},
		"is twice in the journal": func(text, last string) string { return text + last + "\n" },
	} {
		before, err := os.ReadFile(c.journal.file.Name())
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(before)), "\n")
		last := lines[0]
		for _, l := range lines {
			if strings.Contains(l, `"id":"CDR`) && !strings.Contains(l, `"refused"`) {
				last = l
			}
		}
		write := func(text string) {
			if err := os.WriteFile(c.journal.file.Name(), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write(change(string(before), last))
		if found := b.audit(); !strings.Contains(fmt.Sprint(found.wrong), what) {
			t.Errorf("the journal was changed, and the audit did not find what %q; it found %q", what, found.wrong)
		}
		write(string(before))
	}

	saved := filepath.Join(t.TempDir(), "saved")
	b.freeze(func() { copyDir(t, saved, b.hub.Data) })
	load()
	b.hub.Kill()
	if err := os.RemoveAll(b.hub.Data); err != nil {
		t.Fatal(err)
	}
	copyDir(t, b.hub.Data, saved)
	b.hub.start(t)
	if found := b.audit(); found.missing < 40 {
		t.Errorf("40 CDRs and more were lost, and the audit found only %d missing", found.missing)
	}
}

// freeze does something while the hub stands still.
func (b *bills) freeze(do func()) {
	pid := b.hub.Pid()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
	do()
}
