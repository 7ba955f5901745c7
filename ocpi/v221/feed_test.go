package v221_test

import (
	"bufio"
	"compress/gzip"
	"io"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/splice"
	"github.com/eroam/eroam/ocpi/v221"
	"github.com/eroam/eroam/ocpi/v230"
	"github.com/go-json-experiment/json"
)

// TestExcerpt: real objects pass as they are, can be decoded, and are still
// valid when they are written again.
func TestExcerpt(t *testing.T) {
	for body := range lines(t, open(t, "../testdata/nl-locations.jsonl")) {
		if err := v221.Check(ocpi.Locations, 0, body); err != nil {
			t.Errorf("%v: %.80s", err, body)
		}
		if err := v230.Check(ocpi.Locations, 0, body); err != nil {
			t.Errorf("as 2.3.0: %v: %.80s", err, body)
		}
		var l v221.Location
		if err := json.Unmarshal(body, &l); err != nil {
			t.Fatal(err)
		}
		if err := l.Validate(); err != nil {
			t.Errorf("written again: %v", err)
		}
		for i, e := range l.EVSEs {
			if err := e.Validate(); err != nil {
				t.Errorf("evse %d: %v", i, err)
			}
		}
	}
	for body := range lines(t, open(t, "../testdata/nl-tariffs.jsonl")) {
		if err := v221.Check(ocpi.Tariffs, 0, body); err != nil {
			t.Errorf("%v: %.80s", err, body)
		}
		var tariff v221.Tariff
		if err := json.Unmarshal(body, &tariff); err != nil {
			t.Fatal(err)
		}
		if err := tariff.Validate(); err != nil {
			t.Errorf("written again: %v", err)
		}
	}
}

// TestWholeFeed checks every object of the feed where it lies beside the
// repository. One Location of it has no country code.
func TestWholeFeed(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: the whole feed takes two seconds")
	}
	for _, tt := range []struct {
		module ocpi.Module
		count  int
		bad    map[string]int
	}{
		{ocpi.Locations, 36924, map[string]int{"ocpi 2001: country_code: is missing": 1}},
		{ocpi.Tariffs, 5912, map[string]int{}},
	} {
		t.Run(string(tt.module), func(t *testing.T) {
			t.Parallel()
			n, bad := 0, map[string]int{}
			for body := range lines(t, unzip(t, string(tt.module)+".jsonl.gz")) {
				if tt.module == ocpi.Locations {
					body = addTimeZone(t, body)
				}
				n++
				if err := v221.Check(tt.module, 0, body); err != nil {
					bad[err.Error()]++
				}
			}
			if n != tt.count || !maps.Equal(bad, tt.bad) {
				t.Errorf("%d objects with problems %v, want %d with %v", n, bad, tt.count, tt.bad)
			}
		})
	}
}

// addTimeZone puts back the field that the copy of the feed lacks.
func addTimeZone(t *testing.T, body []byte) []byte {
	o, err := splice.Open(body)
	if err != nil {
		t.Fatal(err)
	}
	o.Set("time_zone", []byte(`"Europe/Amsterdam"`))
	return o.Bytes()
}

func open(t *testing.T, path string) io.Reader {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// unzip opens a file of the whole feed, which is not part of the repository, in
// ocpi-nl below EROAM_TEST_DATA.
func unzip(t *testing.T, name string) io.Reader {
	dir := os.Getenv("EROAM_TEST_DATA")
	if dir == "" {
		t.Skip("SKIPPED: no whole feed: EROAM_TEST_DATA is not set")
	}
	z, err := gzip.NewReader(open(t, filepath.Join(dir, "ocpi-nl", name)))
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// lines yields the lines of r, each valid until the next.
func lines(t *testing.T, r io.Reader) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		s := bufio.NewScanner(r)
		s.Buffer(nil, 8<<20)
		for s.Scan() {
			if !yield(s.Bytes()) {
				return
			}
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
	}
}
