package store_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
	"github.com/eroam/eroam/ocpi"
)

// The benchmarks work on a database of EROAM_BENCH_OBJECTS locations of
// 40 owners (default 2,000; 410,000 are a million EVSEs). Their bodies are those
// of ocpi-nl/locations.jsonl.gz in EROAM_TEST_DATA; made up when that is not set.
// EROAM_BENCH_DIR keeps the database for the next run.
const benchOwners = 40

func benchObjects() int {
	if n, err := strconv.Atoi(os.Getenv("EROAM_BENCH_OBJECTS")); err == nil && n > 0 {
		return n
	}
	return 2000
}

func benchBodies(b *testing.B) [][]byte {
	b.Helper()
	dir := os.Getenv("EROAM_TEST_DATA")
	if dir == "" {
		b.Log("EROAM_TEST_DATA IS NOT SET: the bodies are made up")
		return [][]byte{madeUp(1), madeUp(2), madeUp(3)}
	}
	file, err := os.Open(filepath.Join(dir, "ocpi-nl", "locations.jsonl.gz"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		b.Fatal(err)
	}
	var bodies [][]byte
	for s := bufio.NewReader(z); len(bodies) < benchObjects(); {
		line, err := s.ReadBytes('\n')
		if len(line) > 0 {
			bodies = append(bodies, line)
		}
		if err != nil {
			break
		}
	}
	return bodies
}

func madeUp(n int) []byte {
	evse := fmt.Sprintf(`{"uid":"%d","status":"AVAILABLE","evse_id":"NL*CPO*E%d","connectors":[{"id":"1","format":"SOCKET",`+
		`"standard":"IEC_62196_T2","power_type":"AC_3_PHASE","max_voltage":230,"max_amperage":16,`+
		`"last_updated":"2026-01-01T00:00:00Z"}],"last_updated":"2026-01-01T00:00:00Z"}`, n, n)
	return fmt.Appendf(nil, `{"country_code":"NL","party_id":"CPO","id":"%d","evses":[%s],"last_updated":"2026-01-01T00:00:00Z"}`,
		n, strings.Repeat(evse+",", 3)+evse)
}

func benchKey(i int) store.ObjectKey {
	return store.ObjectKey{
		Kind: "locations", Party: ocpi.PartyID{CountryCode: "NL", ID: fmt.Sprintf("C%02d", i%benchOwners)},
		ID: fmt.Sprintf("%08x-5d1c-11ec-%06x", uint32(i)*2654435761, i),
	}
}

// benchStore opens the database and fills it if it is empty.
func benchStore(b *testing.B) (*store.Store, store.Options) {
	b.Helper()
	o := storetest.SQLite(b)
	if dir := os.Getenv("EROAM_BENCH_DIR"); dir != "" {
		o.Dir = dir
	}
	s := storetest.Open(b, o)
	if _, total, err := s.List(b.Context(), store.ListQuery{Kind: "locations", Limit: 1}); err != nil || total > 0 {
		return s, o
	}
	load(b, s, benchBodies(b))
	return s, o
}

func load(b *testing.B, s *store.Store, bodies [][]byte) {
	b.Helper()
	const chunk = 500
	for first := 0; first < benchObjects(); first += chunk {
		err := s.Write(b.Context(), func(tx *store.Tx) error {
			for i := first; i < min(first+chunk, benchObjects()); i++ {
				k := benchKey(i)
				o := store.Object{ObjectKey: k, Name: k.ID, Version: "2.2.1", LastUpdated: 1_780_000_000_000_000 + int64(i),
					Hash: make([]byte, 16), Body: bodies[i%len(bodies)]}
				if err := tx.PutObject(&o); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad is one filling of a database, with the size of the file.
func BenchmarkLoad(b *testing.B) {
	bodies := benchBodies(b)
	for b.Loop() {
		o := storetest.SQLite(b)
		s := storetest.Open(b, o)
		start := time.Now()
		load(b, s, bodies)
		b.ReportMetric(time.Since(start).Seconds(), "s/load")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(fileSize(b, o, ""))/(1<<20), "MiB/file")
	}
}

func fileSize(b *testing.B, o store.Options, suffix string) int64 {
	info, err := os.Stat(filepath.Join(o.Dir, "eroam.db"+suffix))
	if err != nil {
		b.Fatal(err)
	}
	return info.Size()
}

// BenchmarkPatch changes a random location a time, as a status PATCH does: it is
// read before the write, which checks that it is still so.
func BenchmarkPatch(b *testing.B) {
	for _, writers := range []int{64, 256} {
		b.Run(fmt.Sprint(writers, "-writers"), func(b *testing.B) {
			s, o := benchStore(b)
			cpu := cpuTime()
			var wg sync.WaitGroup
			work := make(chan int)
			took := make([][]time.Duration, writers)
			for w := range writers {
				wg.Go(func() {
					for i := range work {
						start := time.Now()
						if err := patch(s, benchKey(i)); err != nil {
							b.Error(err)
						}
						took[w] = append(took[w], time.Since(start))
					}
				})
			}
			n := 0
			for ; b.Loop(); n++ {
				work <- rand.IntN(benchObjects())
			}
			close(work)
			wg.Wait()
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "writes/s")
			b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(n), "cpu-µs/write")
			b.ReportMetric(float64(percentile(slices.Concat(took...), 99).Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(fileSize(b, o, "-wal"))/(1<<20), "MiB/log")
		})
	}
}

func patch(s *store.Store, k store.ObjectKey) error {
	for {
		o, found, err := s.Object(context.Background(), k)
		if err != nil || !found {
			return fmt.Errorf("found %v: %w", found, err)
		}
		read := o.Seq
		o.LastUpdated++
		o.Body[len(o.Body)-5] = '0' + byte(rand.IntN(10))
		o.Step = fmt.Appendf(nil, `{"method":"PATCH","path":["NL",%q,%q,"%d"],"version":"2.2.1","body":{"status":"CHARGING",`+
			`"last_updated":"2026-06-01T00:00:%02dZ"},"correlation_id":"%x"}`, k.Party.ID, k.ID, o.Seq, o.Seq%60, rand.Uint64())
		again := false
		err = s.Write(context.Background(), func(tx *store.Tx) error {
			seq, err := tx.ObjectSeq(k)
			if again = seq != read; err != nil || again {
				return err
			}
			return tx.PutObject(&o)
		})
		if !again {
			return err
		}
	}
}

// BenchmarkList reads a page of 1,000 objects.
func BenchmarkList(b *testing.B) {
	s, _ := benchStore(b)
	n := benchObjects()
	one := []ocpi.PartyID{benchKey(7).Party}
	for _, c := range []struct {
		name string
		q    store.ListQuery
	}{
		{"first", store.ListQuery{}},
		{"middle", store.ListQuery{AfterBorn: int64(n / 2)}},
		{"last", store.ListQuery{AfterBorn: int64(n - 1000)}},
		{"middle-by-offset", store.ListQuery{Offset: n / 2}},
		{"last-by-offset", store.ListQuery{Offset: n - 1000}},
		{"one-owner-first", store.ListQuery{Owners: one}},
		{"one-owner-middle", store.ListQuery{Owners: one, AfterBorn: int64(n / 2)}},
		{"one-owner-middle-by-offset", store.ListQuery{Owners: one, Offset: n / benchOwners / 2}},
		{"since-by-offset", store.ListQuery{From: 1_780_000_000_000_000 + int64(n/4), Offset: n / 2}},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.q.Kind, c.q.Limit = "locations", 1000
			b.ReportAllocs()
			var took []time.Duration
			for b.Loop() {
				start := time.Now()
				p, err := s.Page(b.Context(), c.q, 8<<20)
				if err != nil {
					b.Fatal(err)
				}
				p.Release()
				took = append(took, time.Since(start))
			}
			b.ReportMetric(float64(percentile(took, 50).Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(percentile(took, 99).Microseconds())/1000, "p99-ms")
		})
	}
}

// BenchmarkOpen is the time until the database can be used, and the memory of
// the index.
func BenchmarkOpen(b *testing.B) {
	s, o := benchStore(b)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	before := heap()
	for b.Loop() {
		s, err := store.Open(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		b.ReportMetric(float64(heap()-before)/float64(benchObjects()), "B/object")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func percentile(took []time.Duration, p int) time.Duration {
	slices.Sort(took)
	return took[(len(took)-1)*p/100]
}
