package soak

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/store/storetest"
)

// rig is a hub with owners and receivers.
type rig struct {
	t         testing.TB
	truth     *truth
	hub       *hub
	owners    []*owner
	receivers []*receiver
	load      sync.WaitGroup
}

func newRig(t testing.TB, database string) *rig {
	r := &rig{t: t, truth: newTruth(), hub: newHub(t, database)}
	r.hub.start(t)
	for i := range 3 {
		r.join(partyID{"DE", fmt.Sprintf("EM%d", i+1)})
	}
	r.receivers[1].slow = 20 * time.Millisecond
	for i := range 2 {
		o := newOwner(r.hub, partyID{"NL", fmt.Sprintf("CP%d", i+1)}, r.truth)
		o.connect(t)
		r.owners = append(r.owners, o)
	}
	return r
}

// join lets another receiver register.
func (r *rig) join(p partyID) {
	e := newReceiver(r.t, p, r.truth)
	r.hub.register(r.t, p, "EMSP", e.server.URL+"/versions")
	r.receivers = append(r.receivers, e)
}

// publish has the owners publish until the returned function is called, which
// waits for the last acknowledgement.
func (r *rig) publish() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	for _, o := range r.owners {
		r.load.Go(func() { o.run(ctx, 60*time.Millisecond) })
	}
	return func() {
		cancel()
		r.load.Wait()
	}
}

// settleLimit is how long the hub has to bring everybody up to date.
const settleLimit = 90 * time.Second

// settle waits until every receiver has what was acknowledged, and returns what
// is still missing when it takes too long.
func (r *rig) settle(limit time.Duration) []string {
	for end := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		var missing []string
		for _, e := range r.receivers {
			missing = append(missing, r.truth.differences(e.party.id, e.holds())...)
		}
		if len(missing) == 0 || time.Now().After(end) {
			return missing
		}
	}
}

// stored compares what the hub answers with what it has acknowledged.
func (r *rig) stored() []string {
	has := map[cell]value{}
	for _, o := range r.owners {
		maps.Copy(has, o.stored(r.t))
	}
	return r.truth.differences("GET by owner", has)
}

func rounds(t testing.TB, name string, standard int) int {
	v := os.Getenv(name)
	if v == "" {
		return standard
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		t.Fatalf("%s=%q is not a number of rounds", name, v)
	}
	return n
}

func random(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if v := os.Getenv("EROAM_SOAK_SEED"); v != "" {
		var err error
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatalf("EROAM_SOAK_SEED=%q is not a number", v)
		}
	}
	t.Logf("EROAM_SOAK_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// However often the hub is killed under load, no acknowledged change is missing
// at any receiver once everything has settled, nor in what the hub answers its
// owner; and nothing older ever comes after something newer.
func TestKillUnderLoad(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		killUnderLoad(t, "", rounds(t, "EROAM_SOAK_SQLITE", 3))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		killUnderLoad(t, storetest.Postgres(t), rounds(t, "EROAM_SOAK_POSTGRES", 2))
	})
}

func killUnderLoad(t *testing.T, database string, rounds int) {
	if rounds == 0 {
		t.Skip("no rounds were asked for")
	}
	rnd := random(t)
	r := newRig(t, database)
	stop := r.publish()
	away := r.receivers[2]
	for round := range rounds {
		time.Sleep(time.Duration(100+rnd.IntN(300)) * time.Millisecond)
		away.away.Store(round%2 == 0)
		time.Sleep(time.Duration(100+rnd.IntN(1500)) * time.Millisecond) // cursors are stored every second
		r.hub.Kill()
		away.away.Store(false)
		r.hub.start(t)
		if round%10 == 9 {
			changes, repeats := r.truth.counts()
			t.Logf("%d kills, %d changes acknowledged, %d repeated, the last start took %v", round+1, changes, repeats, r.hub.starts[round+1])
		}
	}
	time.Sleep(200 * time.Millisecond)
	stop()
	r.join(partyID{"DE", "EM9"}) // has everything still before it
	for _, s := range [][]string{r.settle(settleLimit), r.stored(), r.truth.complaints()} {
		for _, line := range s {
			t.Error(line)
		}
	}
	r.report(rounds)
	changes, repeats := r.truth.counts()
	if changes < 20*rounds {
		t.Errorf("only %d changes were acknowledged: that is no load", changes)
	}
	if repeats == 0 {
		t.Error("no request met a dead hub: that is no load")
	}
}

// report logs what happened and checks how long the restarts took, where that
// was asked for.
func (r *rig) report(rounds int) {
	restarts := slices.Clone(r.hub.starts[1:])
	slices.Sort(restarts)
	worst := restarts[len(restarts)-1]
	messages := 0
	for _, e := range r.receivers {
		messages += e.messages()
	}
	changes, repeats := r.truth.counts()
	r.t.Logf("%d kills; %d changes acknowledged, %d requests repeated, %d messages received; ready again after %v (median), %v (worst)",
		rounds, changes, repeats, messages, restarts[len(restarts)/2].Round(time.Millisecond), worst.Round(time.Millisecond))
	if v := os.Getenv("EROAM_SOAK_READY"); v != "" {
		limit, err := time.ParseDuration(v)
		if err != nil {
			r.t.Fatalf("EROAM_SOAK_READY=%q is not a duration", v)
		}
		if worst > limit {
			r.t.Errorf("a restart took %v, more than %v", worst, limit)
		}
	}
}

// The tests below show that the checks above can fail.

// One receiver throws one object's changes away and says yes: the comparison
// names that object and nothing else.
func TestControlDroppedChange(t *testing.T) {
	t.Parallel()
	r := newRig(t, "")
	lost := cell{r.owners[0].party, "locations", "SINGLE1", "E1"}
	if missing := r.settle(settleLimit); len(missing) > 0 {
		t.Fatal(missing)
	}
	r.receivers[0].mu.Lock()
	r.receivers[0].deaf[lost] = true
	r.receivers[0].mu.Unlock()
	stop := r.publish()
	for r.truth.attempted(lost).revision < 3 {
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	only := func(missing []string) bool {
		return len(missing) == 1 && strings.HasPrefix(missing[0], "EM1: "+lost.String())
	}
	var missing []string
	for end := time.Now().Add(settleLimit); !only(missing) && time.Now().Before(end); {
		missing = r.settle(0)
		time.Sleep(20 * time.Millisecond)
	}
	if !only(missing) {
		t.Errorf("a change was dropped; found missing: %q", missing)
	}
}

// The hub is put back to a copy of its data from before: what it had
// acknowledged since then is missing in what it answers.
func TestControlRollback(t *testing.T) {
	t.Parallel()
	r := newRig(t, "")
	stop := r.publish()
	time.Sleep(100 * time.Millisecond)
	stop()
	r.hub.Kill()
	before := filepath.Join(t.TempDir(), "before")
	copyDir(t, before, r.hub.Data)
	r.hub.start(t)
	stop = r.publish()
	time.Sleep(300 * time.Millisecond)
	stop()
	if missing := r.stored(); len(missing) > 0 {
		t.Fatalf("before anything was lost: %q", missing)
	}
	r.hub.Kill()
	if err := os.RemoveAll(r.hub.Data); err != nil {
		t.Fatal(err)
	}
	copyDir(t, r.hub.Data, before)
	r.hub.start(t)
	if missing := r.stored(); len(missing) == 0 {
		t.Error("the hub was put back to a copy from before, and nothing was found missing")
	}
}

// An old message comes again after newer ones: that is noticed.
func TestControlInversion(t *testing.T) {
	t.Parallel()
	r := newRig(t, "")
	stop := r.publish()
	for r.truth.attempted(cell{r.owners[0].party, "locations", "WHOLE0", ""}).revision < 4 {
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	if missing := r.settle(settleLimit); len(missing) > 0 {
		t.Fatal(missing)
	}
	if wrong := r.truth.complaints(); len(wrong) > 0 {
		t.Fatal(wrong)
	}
	e := r.receivers[0]
	w := &writer{owner: r.owners[0], id: "WHOLE0", rev: 1, last: time.Now()}
	old := w.present()
	req, err := http.NewRequestWithContext(t.Context(), old.method, e.server.URL+"/in/"+strings.Join(old.path, "/"), bytes.NewReader([]byte(old.body)))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if wrong := r.truth.complaints(); len(wrong) == 0 || !strings.Contains(wrong[0], "came after revision") {
		t.Errorf("an old message came again; noticed: %q", wrong)
	}
}

// copyDir copies the data of a hub, which nobody else may read.
func copyDir(t testing.TB, to, from string) {
	t.Helper()
	err := os.CopyFS(to, os.DirFS(from))
	if err == nil {
		err = filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			return os.Chmod(path, 0o600)
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}
