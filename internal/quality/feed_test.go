package quality_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/quality"
	"github.com/eroam/eroam/ocpi"
)

// wholeFeed judges the Dutch feed of 2026-06-07.
func wholeFeed(t *testing.T) *quality.Files {
	t.Helper()
	dir := os.Getenv("EROAM_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	f, err := quality.OpenFiles(quality.Options{})
	check(t, err)
	t.Cleanup(func() { check(t, f.Close()) })
	for _, kind := range []ocpi.Module{ocpi.Locations, ocpi.Tariffs} {
		name := filepath.Join(dir, "ocpi-nl", string(kind)+".jsonl.gz")
		r, err := os.Open(name)
		if err != nil {
			t.Skipf("skipped: the whole Dutch feed, %s, is not there (EROAM_TEST_DATA names its directory)", name)
		}
		_, err = f.Add(t.Context(), kind, r)
		check(t, err)
		check(t, r.Close())
	}
	return f
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The counts were taken from the files by other means.
func TestWholeFeed(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: the whole feed takes seconds")
	}
	f := wholeFeed(t)
	now := time.Date(2026, 6, 7, 20, 0, 0, 0, time.UTC)
	begin := time.Now()
	r := f.Judge.ReportAt(now)
	t.Log(time.Since(begin))
	for _, c := range quality.Codes() {
		t.Logf("%s %6d %s", c, r.Total.Counts[c], c.Kind().Title)
	}
	t.Logf("%+v", r.Twins)
	t.Logf("%+v", r.Total)
	for _, o := range r.Owners {
		t.Logf("%s %d %d score %d", o.Party, o.Locations, o.EVSEs, o.Score)
	}
	if f.Repeated != 0 {
		t.Error(f.Repeated)
	}
}
