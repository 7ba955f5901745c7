package trace

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/s2"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, opt Options) *Recorder {
	t.Helper()
	if opt.Path == "" {
		opt.Path = filepath.Join(t.TempDir(), "a dir", "trace?.db")
	}
	r, err := Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func find(t testing.TB, r *Recorder, q Query) []Message {
	t.Helper()
	found, err := r.Find(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestMessageComesBack: every field survives, and a reopened file has them too.
func TestMessageComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.db")
	r := open(t, Options{Path: path, Key: []byte("k")})
	m := Message{
		Time: start.Add(1234567 * time.Microsecond), Way: "ask", Mode: "direct", RequestID: "r1", CorrelationID: "c1", OutRequestID: "o1",
		FromPlatform: "p1", ToPlatform: "p2", From: "NL-CP1", To: "DE-MS1", Version: "2.3.0", Module: "commands", Interface: "RECEIVER",
		Method: "POST", Object: "START_SESSION", HTTPStatus: 200, OCPIStatus: 4002, PartnerHTTP: 504, PartnerOCPI: -1, HubMicros: 7, PartnerMicros: 5e6,
		Losses: []string{"a", "", "ü"}, Error: "the receiver did not answer in time", RequestBody: []byte(`{"a":1}`), ResponseBody: []byte(`{"b":2}`),
	}
	r.Record(m)
	r.Record(Message{Time: start})
	check := func() {
		t.Helper()
		if diff := cmp.Diff([]Message{m, {Time: start}}, find(t, r, Query{})); diff != "" {
			t.Fatal(diff)
		}
	}
	check()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = open(t, Options{Path: path})
	check()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file has mode %v, %v", info.Mode(), err)
	}
}

// TestFind looks messages up while they are fresh, in runs, and across both.
func TestFind(t *testing.T) {
	r := open(t, Options{Buffer: 1 << 20})
	const n = runMessages + 3000
	all := make([]Message, n)
	for i := range all {
		all[i] = Message{
			Time: start.Add(time.Duration(i) * time.Second), CorrelationID: fmt.Sprintf("c%d", i/2), RequestID: fmt.Sprintf("r%d", i),
			OutRequestID: fmt.Sprintf("o%d", i), From: fmt.Sprintf("NL-%03d", i%500), To: "DE-MS1", Module: []string{"sessions", "cdrs"}[i%2],
		}
		r.Record(all[i])
		if i == n-3000 {
			if err := r.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var runs, fresh int
	if err := r.db.QueryRow(`SELECT (SELECT count(*) FROM run), (SELECT count(*) FROM fresh)`).Scan(&runs, &fresh); err != nil || runs == 0 || fresh == 0 {
		t.Fatalf("%d runs and %d fresh chunks (%v): the test wants both", runs, fresh, err)
	}
	pick := func(ids ...int) (list []string) {
		for _, i := range ids {
			list = append(list, all[i].RequestID)
		}
		return list
	}
	last := n - 1
	for _, tt := range []struct {
		name string
		q    Query
		want []string
	}{
		{"correlation id in a run", Query{CorrelationID: "c10"}, pick(21, 20)},
		{"correlation id, fresh", Query{CorrelationID: all[last].CorrelationID}, pick(last, last-1)},
		{"request id", Query{RequestID: "r777"}, pick(777)},
		{"outgoing request id", Query{RequestID: "o30000"}, pick(30000)},
		{"unknown", Query{CorrelationID: "c"}, nil},
		{"case matters", Query{CorrelationID: "C10"}, nil},
		{"both must hold", Query{CorrelationID: "c10", RequestID: "r20"}, pick(20)},
		{"module", Query{CorrelationID: "c10", Module: "cdrs"}, pick(21)},
		{"party", Query{Party: "nl-007", Limit: 3}, pick(68507, 68007, 67507)},
		{"party, old", Query{Party: "NL-007", To: start.Add(1000 * time.Second)}, pick(507, 7)},
		{"receiver", Query{Party: "DE-MS1", Limit: 2}, pick(last, last-1)},
		{"newest", Query{Limit: 2}, pick(last, last-1)},
		{"newest of a module", Query{Module: "sessions", Limit: 2}, pick(last-1, last-3)},
		{"from is inclusive, to is not", Query{From: start.Add(300 * time.Second), To: start.Add(302 * time.Second)}, pick(301, 300)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, m := range find(t, r, tt.q) {
				got = append(got, m.RequestID)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Fatal(diff)
			}
		})
	}
	if got := len(find(t, r, Query{})); got != defaultLimit {
		t.Errorf("%d messages without a limit, want %d", got, defaultLimit)
	}
	if got := len(find(t, r, Query{Limit: 1 << 30})); got != maxLimit {
		t.Errorf("%d messages with a huge limit, want %d", got, maxLimit)
	}
}

// TestT42Canaries: what must not be kept is nowhere in the files, packed or not.
func TestT42Canaries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.db")
	r := open(t, Options{Path: path, Key: []byte("k")})
	var canaries []string
	canary := func(format string) string {
		c := fmt.Sprintf(format, rand.Uint64())
		canaries = append(canaries, c)
		return c
	}
	bodies := []string{
		`{"token":"` + canary("tok%016x") + `","url":"https://cpo.example/ocpi/versions","roles":[]}`,
		`{"data":{"token":"` + canary("tok%016x") + `"},"status_code":1000}`,
		`{"response_url":"https://x","token":{"uid":"` + canary("uid%X") + `","contract_id":"` + canary("DE-C%X") + `","visual_number":"` + canary("vn%x") + `"}}`,
		`{"cdr_token":{"uid":"` + canary("uid%X") + `","contract_id":"` + canary("NL-C%X") + `"},"x_vehicle":{"Vin":"` + canary("vin%X") + `"}}`,
		`{"auth_id":"` + canary("auth%X") + `","x":{"unknown":"` + "WVWZZZ1JZXW123456" + `"},"authorization":"Token ` + canary("%x") + `"}`,
		`[{"uid":"` + canary("uid%X") + `","group_id":"` + canary("grp%X") + `","issuer":"x"}]`,
		`{"uid":"` + canary("cut%x"), "plain " + canary("text%x"),
		`{"data":"` + strings.Repeat("x", 4090) + `","uid":"` + canary("far%x") + `"}`,
	}
	canaries = append(canaries, "WVWZZZ1JZXW123456")
	for i, b := range bodies {
		r.Record(Message{Time: start, CorrelationID: fmt.Sprint("c", i), Object: r.Hash(canaries[0]), Module: "tokens", RequestBody: []byte(b), ResponseBody: []byte(b)})
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	haystack := map[string][]byte{}
	files, _ := filepath.Glob(path + "*")
	if len(files) < 2 {
		t.Fatalf("only the files %v: where is the write-ahead log?", files)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		haystack[f] = b
	}
	for _, b := range chunks(t, r.db) {
		haystack["chunk"] = append(haystack["chunk"], b...)
	}
	for name, b := range haystack {
		for _, c := range canaries {
			if bytes.Contains(bytes.ToLower(b), bytes.ToLower([]byte(c))) {
				t.Errorf("%s has %s", filepath.Base(name), c)
			}
		}
	}
	if !bytes.Contains(haystack["chunk"], []byte(r.Hash(canaries[2]))) {
		t.Error("the hash of a uid is not there to be matched")
	}
}

// chunks returns all chunks, unpacked.
func chunks(t *testing.T, db *sql.DB) (out [][]byte) {
	rows, err := db.Query(`SELECT body FROM chunk`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var packed []byte
		if err := rows.Scan(&packed); err != nil {
			t.Fatal(err)
		}
		raw, err := s2.Decode(nil, packed)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, raw)
	}
	return out
}

// TestStalledDisk: while nothing can be written Record goes on, keeps what fits
// into the buffer, counts the rest, and afterwards stores what it kept.
func TestStalledDisk(t *testing.T) {
	const buffer, sent = 500, 2000
	path := filepath.Join(t.TempDir(), "trace.db")
	r := open(t, Options{Path: path, Buffer: buffer})
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	lock, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := lock.ExecContext(t.Context(), `BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range sent / 4 {
				r.Record(Message{Time: start, CorrelationID: fmt.Sprint(g, "-", i)})
			}
		})
	}
	wg.Wait()
	dropped := int(r.Dropped())
	if dropped == 0 || dropped > sent-buffer {
		t.Fatalf("dropped %d of %d messages with a buffer of %d", dropped, sent, buffer)
	}
	if _, err := lock.ExecContext(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(find(t, r, Query{Limit: maxLimit})); got != sent-dropped {
		t.Fatalf("%d messages are stored, want %d", got, sent-dropped)
	}
}

// TestFailingDisk: an error of the database is not an end. Flush does not say
// that messages are stored when they are not, and they are when it can.
func TestFailingDisk(t *testing.T) {
	r := open(t, Options{})
	if _, err := r.db.Exec(`ALTER TABLE fresh RENAME TO away`); err != nil {
		t.Fatal(err)
	}
	r.Record(Message{Time: start, CorrelationID: "c1"})
	ctx, cancel := context.WithTimeout(t.Context(), 2*flushEvery)
	defer cancel()
	if err := r.Flush(ctx); err == nil {
		t.Fatal("flushed to a table that is not there")
	}
	if _, err := r.db.Exec(`ALTER TABLE away RENAME TO fresh`); err != nil {
		t.Fatal(err)
	}
	if got := find(t, r, Query{CorrelationID: "c1"}); len(got) != 1 || r.Dropped() != 0 {
		t.Fatalf("found %d messages, dropped %d", len(got), r.Dropped())
	}
}

// TestBufferedBodiesAreBounded: when too many body bytes wait, messages are
// kept without them.
func TestBufferedBodiesAreBounded(t *testing.T) {
	r := &Recorder{bodies: rate.NewLimiter(rate.Inf, 1), opt: Options{Buffer: 1000}, wake: make(chan struct{}, 1)}
	body := make([]byte, 1<<20)
	for range 100 {
		r.Record(Message{RequestBody: body})
	}
	total := 0
	for _, m := range r.waiting {
		total += len(m.RequestBody)
	}
	if len(r.waiting) != 100 || total > maxBufferBytes+100*100 {
		t.Fatalf("%d messages with %d bytes wait", len(r.waiting), total)
	}
}

// TestRetention: old messages go, and with them what pointed at them; the rest
// stays to be found.
func TestRetention(t *testing.T) {
	r := open(t, Options{Buffer: 1 << 20})
	const old, recent = runMessages + 500, 300
	for i := range old + recent {
		at := start
		if i >= old {
			at = start.Add(48 * time.Hour)
		}
		r.Record(Message{Time: at, CorrelationID: fmt.Sprint("c", i), From: "NL-CP1"})
		if i == old-1 {
			if err := r.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w, err := newWriter(t.Context(), r.db)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.prune(start.Add(24*time.Hour), 1<<40); err != nil {
		t.Fatal(err)
	}
	counts := func() (chunks, runs, pages, fresh int) {
		err := r.db.QueryRow(`SELECT (SELECT count(*) FROM chunk), (SELECT count(*) FROM run), (SELECT count(*) FROM page), (SELECT count(*) FROM fresh)`).
			Scan(&chunks, &runs, &pages, &fresh)
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if chunks, runs, pages, fresh := counts(); chunks != 2 || runs != 0 || pages != 0 || fresh != 2 {
		t.Fatalf("left are %d chunks, %d runs, %d pages, %d fresh; want 2, 0, 0, 2", chunks, runs, pages, fresh)
	}
	if got := len(find(t, r, Query{Party: "NL-CP1", Limit: maxLimit})); got != recent {
		t.Fatalf("found %d messages, want %d", got, recent)
	}
	if got := find(t, r, Query{CorrelationID: "c5"}); len(got) != 0 {
		t.Fatal("an old message is still found")
	}
	if err := w.prune(start, 1); err != nil { // everything is too large
		t.Fatal(err)
	}
	if chunks, _, _, fresh := counts(); chunks != 0 || fresh != 0 {
		t.Fatalf("left are %d chunks and %d fresh", chunks, fresh)
	}
	r.Record(Message{Time: start, CorrelationID: "later"})
	if got := find(t, r, Query{CorrelationID: "later"}); len(got) != 1 {
		t.Fatal("nothing can be stored after everything was deleted")
	}
}

const crashChild = "EROAM_TRACE_CRASH_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashChild); path != "" {
		recordForever(path)
		return
	}
	os.Exit(m.Run())
}

// recordForever records messages and says after each flush how many there are.
func recordForever(path string) {
	r, err := Open(context.Background(), Options{Path: path})
	if err != nil {
		panic(err)
	}
	for i := 1; ; i++ {
		r.Record(Message{Time: start, CorrelationID: fmt.Sprint("c", i)})
		if i%100 == 0 {
			if err := r.Flush(context.Background()); err != nil {
				panic(err)
			}
			fmt.Println(i)
		}
	}
}

// TestKill: after kill -9 at any moment the file opens and has every message
// that was flushed.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.db")
	for range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), crashChild+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		for range 5 {
			if _, err := lines.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		cmd.Process.Kill()
		rest, _ := io.ReadAll(lines)
		cmd.Wait()
		flushed := 500 + 100*bytes.Count(rest, []byte("\n"))
		r := open(t, Options{Path: path})
		if got := len(find(t, r, Query{CorrelationID: fmt.Sprint("c", flushed)})); got == 0 {
			t.Fatalf("message %d was flushed and is not there", flushed)
		}
		r.Close()
	}
}

func TestClosedAndNil(t *testing.T) {
	var none *Recorder
	none.Record(Message{})
	if none.Flush(t.Context()) != nil || none.Close() != nil || none.Dropped() != 0 || none.Hash("x") == "x" {
		t.Fatal("a nil recorder does something")
	}
	if found, err := none.Find(t.Context(), Query{}); found != nil || err != nil {
		t.Fatal(found, err)
	}
	reg := prometheus.NewPedanticRegistry()
	r := open(t, Options{Metrics: reg})
	if f, err := reg.Gather(); err != nil || len(f) != 4 {
		t.Fatal(f, err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	r.Record(Message{})
	if r.Dropped() != 1 {
		t.Fatal("a message to a closed recorder is not counted")
	}
	if _, err := r.Find(t.Context(), Query{}); err == nil {
		t.Fatal("a closed recorder finds something")
	}
	if f, err := reg.Gather(); err != nil || len(f) != 0 {
		t.Fatal("the metrics of a closed recorder are still there", f, err)
	}
}

// TestCloseStores: what was recorded before Close is there afterwards.
func TestCloseStores(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace.db")
	r := open(t, Options{Path: path})
	r.Record(Message{Time: start, CorrelationID: "c1"})
	r.Close()
	if got := find(t, open(t, Options{Path: path}), Query{CorrelationID: "c1"}); len(got) != 1 {
		t.Fatal("the message is lost")
	}
}

func TestForeignFile(t *testing.T) {
	dir := t.TempDir()
	for name, spoil := range map[string]func(path string){
		"not a database": func(path string) { os.WriteFile(path, bytes.Repeat([]byte("x"), 5000), 0o600) },
		"a later version": func(path string) {
			db, _ := sql.Open("sqlite", "file:"+path)
			defer db.Close()
			db.Exec(`PRAGMA user_version = 99`)
		},
	} {
		path := filepath.Join(dir, name)
		spoil(path)
		if r, err := Open(t.Context(), Options{Path: path}); err == nil {
			r.Close()
			t.Errorf("%s: it was opened", name)
		}
	}
}

// Of many successful messages in a second only some keep their bodies; those
// that failed all do.
func TestBodiesAreBoundedPerSecond(t *testing.T) {
	r, err := Open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "trace.db"), Bodies: 5})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	now := time.Now()
	for range 50 {
		r.Record(Message{Time: now, CorrelationID: "good", OCPIStatus: 1000, RequestBody: []byte(`{"a":1}`)})
		r.Record(Message{Time: now, CorrelationID: "bad", OCPIStatus: 2001, RequestBody: []byte(`{"a":1}`)})
	}
	count := func(correlation string) (kept int) {
		found, err := r.Find(t.Context(), Query{CorrelationID: correlation})
		if err != nil || len(found) != 50 {
			t.Fatalf("%s: %d messages, %v", correlation, len(found), err)
		}
		for _, m := range found {
			if string(m.RequestBody) == `{"a":1}` {
				kept++
			}
		}
		return kept
	}
	if n := count("good"); n != 10 { // a burst of two seconds' worth
		t.Errorf("%d of the successful messages kept their bodies, want 10", n)
	}
	if n := count("bad"); n != 50 {
		t.Errorf("%d of the failed messages kept their bodies, want 50", n)
	}
}
