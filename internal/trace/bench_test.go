//go:build unix

package trace

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// session is a body of about 1.5 kB as an operator pushes it.
func session(rnd *rand.Rand) []byte {
	b := fmt.Appendf(nil, `{"country_code":"NL","party_id":"CP%d","id":"%08x-%04x-%04x","start_date_time":"2026-01-%02dT%02d:%02d:%02dZ","kwh":%.4f,`+
		`"cdr_token":{"country_code":"DE","party_id":"MS%d","uid":"%014X","type":"RFID","contract_id":"DE-MS1-C%08d-%d"},"auth_method":"WHITELIST",`+
		`"location_id":"LOC-%05d","evse_uid":"%d","connector_id":"%d","currency":"EUR","charging_periods":[`,
		rnd.IntN(10), rnd.Uint32(), rnd.IntN(65536), rnd.IntN(65536), 1+rnd.IntN(28), rnd.IntN(24), rnd.IntN(60), rnd.IntN(60), rnd.Float64()*80,
		rnd.IntN(5), rnd.Uint64()>>8, rnd.IntN(1e8), rnd.IntN(10), rnd.IntN(1e5), rnd.IntN(1e6), 1+rnd.IntN(3))
	for i := range 8 {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"start_date_time":"2026-01-02T%02d:%02d:%02dZ","dimensions":[{"type":"ENERGY","volume":%.4f},{"type":"TIME","volume":%.4f}],"tariff_id":"%d"}`,
			rnd.IntN(24), rnd.IntN(60), rnd.IntN(60), rnd.Float64()*10, rnd.Float64(), rnd.IntN(20))
	}
	return fmt.Appendf(b, `],"total_cost":{"excl_vat":%.4f,"incl_vat":%.4f},"status":"ACTIVE","last_updated":"2026-01-02T%02d:%02d:%02dZ"}`,
		rnd.Float64()*30, rnd.Float64()*30, rnd.IntN(24), rnd.IntN(60), rnd.IntN(60))
}

func message(rnd *rand.Rand, now time.Time) Message {
	id := func() string { return fmt.Sprintf("%016X%010X", rnd.Uint64(), rnd.Uint64()&(1<<40-1)) }
	return Message{
		Time: now, Way: "ask", Mode: "direct", RequestID: id(), CorrelationID: id(), OutRequestID: id(),
		FromPlatform: "01JQ8Z5P9S", ToPlatform: "01JQ8Z5PAA", From: fmt.Sprintf("NL-CP%d", rnd.IntN(10)), To: fmt.Sprintf("DE-MS%d", rnd.IntN(5)),
		Version: "2.2.1", Module: "sessions", Interface: "RECEIVER", Method: "PUT", Object: id(), HTTPStatus: 200, OCPIStatus: 1000,
		PartnerHTTP: 200, PartnerOCPI: 1000, HubMicros: int64(rnd.IntN(400)), PartnerMicros: int64(rnd.IntN(40000)),
		RequestBody: session(rnd), ResponseBody: []byte(`{"status_code":1000,"timestamp":"2026-01-02T03:04:05Z"}`),
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkStore measures the CPU of the whole process, writer included, for
// each message that is recorded and stored.
func BenchmarkStore(b *testing.B) {
	rnd := rand.New(rand.NewPCG(1, 2))
	sample := make([]Message, 4096)
	for i := range sample {
		sample[i] = message(rnd, time.Now())
	}
	path := filepath.Join(b.TempDir(), "trace.db")
	r, err := Open(context.Background(), Options{Path: path})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	b.ResetTimer()
	start := cpu()
	n := 0
	for b.Loop() {
		r.Record(sample[n%len(sample)])
		if n++; n%1024 == 0 {
			r.Flush(context.Background())
		}
	}
	r.Flush(context.Background())
	b.ReportMetric(float64(cpu()-start)/float64(n), "cpu-ns/op")
	info, _ := os.Stat(path)
	b.ReportMetric(float64(info.Size())/float64(n), "disk-B/op")
	if r.Dropped() > 0 {
		b.Fatal("dropped", r.Dropped())
	}
}

func BenchmarkRedact(b *testing.B) {
	r := &Recorder{bodies: rate.NewLimiter(rate.Inf, 1), opt: Options{MaxBody: defaultMaxBody}, hasher: newHasher([]byte("k"))}
	body := session(rand.New(rand.NewPCG(1, 2)))
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		r.redactBody(body, true)
	}
}

func BenchmarkRecord(b *testing.B) {
	r := &Recorder{bodies: rate.NewLimiter(rate.Inf, 1), opt: Options{MaxBody: defaultMaxBody, Buffer: 1 << 10}, hasher: newHasher([]byte("k")), wake: make(chan struct{}, 1)}
	m := message(rand.New(rand.NewPCG(1, 2)), time.Now())
	var spare []handed
	n := 0
	for b.Loop() {
		r.Record(m)
		if n++; n%1024 == 0 {
			spare = r.swap(spare)[:0]
		}
	}
}
