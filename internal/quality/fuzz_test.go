package quality_test

import (
	"fmt"
	"math/rand"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/quality"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// FuzzFiles reads anything as a file of Locations. The list always holds what
// the report counts.
func FuzzFiles(f *testing.F) {
	f.Add(good(cp1, "x"))
	f.Add("[" + good(cp1, "x") + "," + good(cp1, "x", "E1", "E2", "NL*CP1*EX", "NLCP1EX") + "]")
	f.Add(`{"status_code":1000,"data":[` + good(cp2, "y", "52.03", "1e300") + `]}`)
	f.Add("\xef\xbb\xbf[]{}[{}]")
	f.Add(`{"evses":[{"uid":1,"connectors":[{"max_electric_power":1e999,"tariff_ids":[null,1,"a"]}]},null,{}],"coordinates":{"latitude":"NaN"}}`)
	f.Add(`{"id":"a","id":"b","country":"\ud800"}[[`)
	f.Fuzz(func(t *testing.T, text string) {
		files, err := quality.OpenFiles(quality.Options{Atlas: atlas(), Now: func() time.Time { return now }})
		check(t, err)
		defer func() { check(t, files.Close()) }()
		_, err = files.Add(t.Context(), ocpi.Locations, strings.NewReader(text))
		if err != nil && !strings.HasPrefix(err.Error(), "after ") && !strings.HasPrefix(err.Error(), "unpacking") {
			t.Error(err)
		}
		j := files.Judge
		counted := counts(j.ReportAt(now))
		for code, n := range total(t, j, 1000, now) {
			if counted[code] != n {
				t.Errorf("%s: %d in the list, %d in the report", code, n, counted[code])
			}
			delete(counted, code)
		}
		if len(counted) > 0 {
			t.Errorf("in the report only: %v", counted)
		}
	})
}

func FuzzCursor(f *testing.F) {
	files, err := quality.OpenFiles(quality.Options{Atlas: atlas(), Now: func() time.Time { return now }})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = files.Close() })
	for i := range 5 {
		if _, err := files.Add(f.Context(), ocpi.Locations, strings.NewReader(good(cp1, fmt.Sprint(i)))); err != nil {
			f.Fatal(err)
		}
	}
	page, err := files.Judge.Findings(f.Context(), quality.Query{Limit: 2})
	if err != nil || page.Next == "" {
		f.Fatal(page, err)
	}
	f.Add(page.Next)
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		page, err := files.Judge.Findings(t.Context(), quality.Query{Cursor: text, Limit: 1})
		if err != nil && ocpi.AsError(err).Message != "cursor: is not one that an answer to this query had as next" {
			t.Errorf("%v", err)
		}
		if len(page.Findings) > 1 {
			t.Errorf("a page of %d", len(page.Findings))
		}
	})
}

// BenchmarkMillion is a judge of a million EVSEs in 410,000 Locations, a fifth of
// them published twice: memory by EVSE, and a report.
func BenchmarkMillion(b *testing.B) {
	rnd := rand.New(rand.NewSource(2))
	j, err := quality.New(quality.Options{Atlas: atlas(), Now: func() time.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	before := heap()
	evses := 0
	begin := time.Now()
	for i := range 410_000 {
		id := fmt.Sprintf("%08x-1111-11ee-8888-42010aa4%04x", rnd.Uint32(), i&0xffff)
		body := good(cp1, id, "NL*CP1*E"+strings.ToUpper(id), fmt.Sprintf("NL*CP1*E%d*1", i%340_000), "T1", fmt.Sprint("T", i%20_000))
		at := strings.Index(body, `{"uid"`)
		one := body[at : len(body)-2]
		n := 2 + min(1, i%100/56)
		for k := 1; k < n; k++ {
			body = body[:at] + strings.NewReplacer(`"E1"`, fmt.Sprintf(`"E%d"`, k+1), `*1","status`, fmt.Sprintf(`*%d","status`, k+1)).Replace(one) + "," + body[at:]
		}
		evses += n
		j.Put(store.Object{ObjectKey: store.ObjectKey{Kind: "locations", Party: cp1, ID: id}, Name: id, Seq: int64(i + 1), Born: int64(i + 1), Body: []byte(body)})
	}
	fmt.Printf("%d EVSEs, filled in %s\n", evses, time.Since(begin).Round(time.Millisecond))
	perEVSE := float64(heap()-before) / float64(evses)
	var r quality.Report
	for b.Loop() {
		r = j.ReportAt(now)
	}
	b.ReportMetric(perEVSE, "B/EVSE")
	if r.Total.EVSEs != evses || r.Twins.IDs == 0 {
		b.Errorf("%+v", r.Total)
	}
	runtime.KeepAlive(j)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
