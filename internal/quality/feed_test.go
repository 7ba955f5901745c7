package quality_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eroam/eroam/internal/country"
	"github.com/eroam/eroam/internal/quality"
	"github.com/eroam/eroam/ocpi"
)

// judge feeds a judge from files; the names are of locations, then of tariffs.
func judge(t *testing.T, locations, tariffs string) *quality.Files {
	t.Helper()
	f, err := quality.OpenFiles(quality.Options{Atlas: atlas()})
	check(t, err)
	t.Cleanup(func() { check(t, f.Close()) })
	for _, in := range []struct {
		kind ocpi.Module
		name string
	}{{ocpi.Tariffs, tariffs}, {ocpi.Locations, locations}} {
		r, err := os.Open(in.name)
		check(t, err)
		_, err = f.Add(t.Context(), in.kind, r)
		check(t, err)
		check(t, r.Close())
	}
	return f
}

// atlas is read once for all tests.
var atlas = sync.OnceValue(func() *country.Atlas {
	a, err := country.Load()
	if err != nil {
		panic(err)
	}
	return a
})

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// counts returns what was found, by code.
func counts(r quality.Report) map[string]int {
	out := map[string]int{}
	for _, c := range quality.Codes() {
		if n := r.Total.Counts[c]; n > 0 {
			out[c.String()] = n
		}
	}
	return out
}

// total asks for all findings page by page and counts them.
func total(t *testing.T, j *quality.Judge, limit int, now time.Time) map[string]int {
	t.Helper()
	out := map[string]int{}
	for q := (quality.Query{Limit: limit}); ; {
		page, err := j.FindingsAt(t.Context(), q, now)
		check(t, err)
		if len(page.Findings) > limit {
			t.Fatalf("a page of %d findings", len(page.Findings))
		}
		for _, f := range page.Findings {
			out[f.Code.String()]++
			if f.Message == "" || f.Object == "" && f.Pointer != "" {
				t.Errorf("%+v", f)
			}
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return out
		}
	}
}

// TestExcerpt judges the few real objects in the repository; each finding that
// the report counts is in the list, however it is cut into pages.
func TestExcerpt(t *testing.T) {
	f := judge(t, "../../ocpi/testdata/nl-locations.jsonl", "../../ocpi/testdata/nl-tariffs.jsonl")
	now := time.Date(2026, 6, 7, 20, 0, 0, 0, time.UTC)
	r := f.Judge.ReportAt(now)
	want := map[string]int{
		"Q01": 1, "Q02": 4, "Q03": 41, "Q10": 5, "Q15": 2, "Q16": 12, "Q17": 1, "Q19": 8, "Q21": 11, "Q22": 3, "Q25": 4, "Q27": 3, "Q28": 2, "Q30": 1,
	}
	if d := cmp.Diff(want, counts(r)); d != "" {
		t.Error(d)
	}
	for _, limit := range []int{1, 7, 1000} {
		if d := cmp.Diff(counts(r), total(t, f.Judge, limit, now)); d != "" {
			t.Errorf("in pages of %d: %s", limit, d)
		}
	}
}

// TestWholeFeed judges all of the Dutch feed of 2026-06-07 that is there. The
// numbers were taken from the files by other means.
func TestWholeFeed(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: the whole feed takes seconds")
	}
	dir := os.Getenv("EROAM_TEST_DATA")
	if dir == "" {
		t.Skip("SKIPPED: no whole feed: EROAM_TEST_DATA is not set")
	}
	locations, tariffs := filepath.Join(dir, "ocpi-nl", "locations.jsonl.gz"), filepath.Join(dir, "ocpi-nl", "tariffs.jsonl.gz")
	f := judge(t, locations, tariffs)
	r := f.Judge.ReportAt(time.Date(2026, 6, 7, 20, 0, 0, 0, time.UTC))
	want := map[string]int{
		"Q01": 26958,           // copies of 26,368 EVSE ids that are not the newest
		"Q02": 638,             // as moments; 654 when the texts are compared
		"Q03": 27051, "Q29": 1, // of 71,787
		"Q04": 4, "Q05": 10,
		"Q06": 2, "Q07": 2, // coordinates of EVSEs
		"Q10": 12414,
		"Q15": 460, "Q16": 41556, "Q17": 382, "Q19": 18563,
		"Q20": 36926, // the copy of the feed lacks time_zone; one Location has no party
		"Q21": 286, "Q22": 20384, "Q23": 235, "Q24": 123, "Q25": 1305,
		"Q27": 675, "Q28": 2969,
		"Q30": 26368,
	}
	if d := cmp.Diff(want, counts(r)); d != "" {
		t.Error(d)
	}
	if o := r.Total; o.Locations != 36924 || o.EVSEs != 89785 || o.Connectors != 90350 || o.References != 71787 || o.Largest != 102 || len(r.Owners) != 40 {
		t.Errorf("%d owners, %+v", len(r.Owners), o)
	}
	// Stale since before 1 March: 90 days before this.
	r = f.Judge.ReportAt(time.Date(2026, 5, 30, 0, 0, 0, 0, time.UTC))
	if want := (quality.Twins{IDs: 26368, Stale: 25897, StatusDiffer: 11227}); r.Twins != want {
		t.Errorf("twins: %+v, want %+v", r.Twins, want)
	}
}
