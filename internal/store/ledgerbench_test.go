package store_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/internal/store/storetest"
	"github.com/eroam/eroam/ocpi"
)

// intake is what the reception of CDR n stores.
type intake struct {
	cdr                store.LedgerCDR
	object             store.Object
	evidence           []byte
	received, accepted []byte
}

func newIntake(n int) *intake {
	r := rand.New(rand.NewPCG(uint64(n), 1))
	hex := func() string { return fmt.Sprintf("%016x-%016x", r.Uint64(), r.Uint64()) }
	owner := ocpi.PartyID{CountryCode: "NL", ID: fmt.Sprintf("C%02d", n%benchOwners)}
	emsp := ocpi.PartyID{CountryCode: "DE", ID: fmt.Sprintf("E%02d", n%25)}
	id, session, token, at := hex(), hex(), fmt.Sprintf("%014x", r.Uint64N(200_000)), 1_780_000_000_000_000+int64(n)*700
	var periods, lines strings.Builder
	for i := range 8 {
		fmt.Fprintf(&periods, `{"start_date_time":"2026-06-01T%02d:%02d:00Z","dimensions":[{"type":"ENERGY","volume":%d.%03d},{"type":"TIME","volume":0.25}],"tariff_id":"t-%d"},`,
			i, r.IntN(60), r.IntN(20), r.IntN(1000), n%50)
		fmt.Fprintf(&lines, `{"period":%d,"dimension":"ENERGY","element":%d,"volume":"%d.%03d","step_size":1,"billed":"%d.%03d","price":"0.%d","excl":"%d.%04d","vat":"21","incl":"%d.%04d","restrictions":["min_power 11","day_of_week MONDAY"],"why":"first element whose restrictions hold"},`,
			i, r.IntN(4), r.IntN(20), r.IntN(1000), r.IntN(20), r.IntN(1000), 20+r.IntN(50), r.IntN(9), r.IntN(10000), r.IntN(9), r.IntN(10000))
	}
	body := fmt.Appendf(nil, `{"country_code":"NL","party_id":%q,"id":%q,"start_date_time":"2026-06-01T00:00:00Z","end_date_time":"2026-06-01T08:00:00Z",`+
		`"session_id":%q,"cdr_token":{"country_code":"DE","party_id":%q,"uid":%q,"type":"RFID","contract_id":"DE-E01-C%08d-X"},"auth_method":"WHITELIST",`+
		`"cdr_location":{"id":"LOC%d","name":"Station %d","address":"Hoofdstraat %d","city":"Utrecht","postal_code":"3511AA","country":"NLD","coordinates":{"latitude":"52.0%d","longitude":"5.1%d"},`+
		`"evse_uid":"EVSE%d","evse_id":"NL*CP1*E%d","connector_id":"1","connector_standard":"IEC_62196_T2","connector_format":"SOCKET","connector_power_type":"AC_3_PHASE"},`+
		`"currency":"EUR","charging_periods":[%s],"total_cost":{"excl_vat":%d.%02d,"incl_vat":%d.%02d},"total_energy":%d.%03d,"total_time":8,"last_updated":"2026-06-01T08:01:00Z"}`,
		owner.ID, id, session, emsp.ID, token, n, n%5000, n%5000, n%200, n%10000, n%10000, n%9000, n%9000, strings.TrimSuffix(periods.String(), ","),
		r.IntN(40), r.IntN(100), r.IntN(40), r.IntN(100), r.IntN(80), r.IntN(1000))
	digest := sha256.Sum256(body)
	evidence := fmt.Appendf(nil, `{"findings":[{"code":"C18","severity":"info","text":"price agrees within 0.01"}],"lines":[%s],"tariff":{"id":"t-%d","received":%d},"total":{"excl":"%d.%02d"},"facts":{"session":%q,"token":%q}}`,
		strings.TrimSuffix(strings.Repeat(lines.String(), 2), ","), n%50, at, r.IntN(40), r.IntN(100), session, token)
	leaf := func(kind, state string) []byte {
		return fmt.Appendf(nil, `{"v":1,"kind":%q,"at":"2026-06-01T08:01:00.%06dZ","cpo":"NL-%s","emsp":"DE-%s","cdr":%q,"digest":"%x","evidence":"%x","session":%q,"currency":"EUR","net":%d,"tax":%d,"gross":%d,"state":%q,"actor":"NL-%s"}`,
			kind, n%1000000, owner.ID, emsp.ID, id, digest, sha256.Sum256(evidence), session, r.IntN(5000), r.IntN(1000), r.IntN(6000), state, owner.ID)
	}
	return &intake{
		cdr: store.LedgerCDR{Owner: owner, CDRID: id, Name: id, EMSP: emsp, Version: "2.2.1", Digest: digest[:], Session: session,
			Token: token + "/RFID", EVSE: fmt.Sprintf("evse%d", n%9000), Started: at - 28_800_000_000, Ended: at - 60_000_000, Received: at,
			Currency: "EUR", Net: 1000, Gross: 1210, Energy: 22_000_000_000, State: "valid", Mail: "none", Updated: at},
		object: store.Object{ObjectKey: store.ObjectKey{Kind: "cdrs", Party: owner, ID: id}, Name: id, Version: "2.2.1",
			Audience: emsp.String(), LastUpdated: at, Hash: digest[:16], Body: body},
		evidence: evidence, received: leaf("received", "valid"), accepted: leaf("presented", "presented"),
	}
}

// receive is the first write of a reception.
func (i *intake) receive(tx *store.Tx) error {
	if _, found, err := tx.CDR(i.cdr.Owner, i.cdr.CDRID); err != nil || found {
		return fmt.Errorf("found %v: %w", found, err)
	}
	e := store.LedgerEvent{Kind: store.EventReceived, At: i.cdr.Received, Leaf: i.received}
	if err := tx.AppendEvent(&e); err != nil {
		return err
	}
	i.cdr.ID = e.Seq
	if err := tx.PutObject(&i.object); err != nil {
		return err
	}
	if err := tx.InsertCDR(&i.cdr); err != nil {
		return err
	}
	return tx.PutCDREvidence(e.Seq, i.evidence)
}

// store is the two writes of a reception whose receiver answers at once.
func (i *intake) store(s *store.Store) error {
	if err := s.Write(context.Background(), i.receive); err != nil {
		return err
	}
	c := i.cdr
	c.State, c.Mail, c.Deadline, c.Updated = "presented", "delivered", c.Received+864_000_000_000, c.Updated+50_000
	c.Answer = []byte(`{"http":200,"status_code":1000,"status_message":"Success","location":"https://hub.example/ocpi/2.2.1/link/0123456789abcdef"}`)
	return s.Write(context.Background(), func(tx *store.Tx) error {
		e := store.LedgerEvent{Kind: "presented", CDR: c.ID, At: c.Updated, Leaf: i.accepted}
		if err := tx.AppendEvent(&e); err != nil {
			return err
		}
		return tx.UpdateCDR(&c)
	})
}

// BenchmarkIntake receives CDRs from 64 goroutines into a ledger that has
// EROAM_BENCH_CDRS of them already (default 2,000). A CDR is 6 rows that are
// written: object, cdr twice, evidence, two events. The processor time includes
// the making of the CDR.
func BenchmarkIntake(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchmarkIntake(b, storetest.SQLite(b)) })
	b.Run("postgres", func(b *testing.B) { benchmarkIntake(b, store.Options{Database: storetest.Postgres(b)}) })
}

func benchmarkIntake(b *testing.B, o store.Options) {
	s := storetest.Open(b, o)
	err := s.Write(b.Context(), func(tx *store.Tx) error {
		return tx.AppendEvent(&store.LedgerEvent{Kind: store.EventOpened, Leaf: []byte(`{"v":1,"kind":"opened"}`)})
	})
	if err != nil {
		b.Fatal(err)
	}
	before := 2000
	if n, err := strconv.Atoi(os.Getenv("EROAM_BENCH_CDRS")); err == nil {
		before = n
	}
	const writers = 64
	work := make(chan *intake, writers)
	var wg sync.WaitGroup
	took := make([][]time.Duration, writers)
	for w := range writers {
		wg.Go(func() {
			for i := range work {
				start := time.Now()
				if err := i.store(s); err != nil {
					b.Error(err)
				}
				took[w] = append(took[w], time.Since(start))
			}
		})
	}
	n := 0
	for ; n < before; n++ {
		work <- newIntake(n)
	}
	first, cpu := n, cpuTime()
	for b.Loop() {
		work <- newIntake(n)
		n++
	}
	close(work)
	wg.Wait()
	done := n - first
	seconds := b.Elapsed().Seconds()
	b.ReportMetric(float64(done)/seconds, "cdrs/s")
	b.ReportMetric(6*float64(done)/seconds, "rows/s")
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(done), "cpu-µs/cdr")
	all := []time.Duration{}
	for _, t := range took {
		all = append(all, t...)
	}
	b.ReportMetric(float64(percentile(all, 99).Microseconds())/1000, "p99-ms")
	if o.Database == "" {
		b.ReportMetric(float64(fileSize(b, o, ""))/float64(n), "B/cdr")
	}
}

// BenchmarkIntakeMade is the making of a CDR for BenchmarkIntake alone.
func BenchmarkIntakeMade(b *testing.B) {
	for n := 0; b.Loop(); n++ {
		i := newIntake(n)
		b.SetBytes(int64(len(i.object.Body) + len(i.evidence) + len(i.received) + len(i.accepted)))
	}
}
