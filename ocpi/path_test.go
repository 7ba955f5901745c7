package ocpi_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
)

func ExampleJoinPath() {
	u, _ := ocpi.JoinPath("https://example.com/ocpi/2.2.1/locations/", "NL", "TNM", "a/b c")
	fmt.Println(u)
	// Output: https://example.com/ocpi/2.2.1/locations/NL/TNM/a%2Fb%20c
}

func TestJoinPath(t *testing.T) {
	tests := []struct {
		base     string
		segments []string
		want     string
	}{
		{"https://h/x", nil, "https://h/x"},
		{"https://h/x/", []string{"a"}, "https://h/x/a"},
		{"https://h/x//", []string{"a", "b"}, "https://h/x/a/b"},
		{"https://h", []string{"a"}, "https://h/a"},
		{"https://h/x?key=1", []string{"a"}, "https://h/x/a?key=1"},
		{"https://h/x/?", []string{"a"}, "https://h/x/a?"},
		{"https://h/x", []string{"a?b#c;d,e%2e&=+:@"}, "https://h/x/a%3Fb%23c%3Bd%2Ce%252e&=+:@"},
		{"https://h/x", []string{"NL*TNM*E1"}, "https://h/x/NL%2ATNM%2AE1"},
		{"https://h/x", []string{"...", "a..b", "..a"}, "https://h/x/.../a..b/..a"},
	}
	for _, tt := range tests {
		if got, err := ocpi.JoinPath(tt.base, tt.segments...); err != nil || got != tt.want {
			t.Errorf("%s + %q: got %s, %v, want %s", tt.base, tt.segments, got, err, tt.want)
		}
	}
	if _, err := ocpi.JoinPath("https://h/x#f", "a"); err == nil {
		t.Error("a base with a fragment is accepted")
	}
}

// hostile are segments, as they stand in an escaped path, that could lead out of
// an endpoint.
var hostile = []string{
	"..", ".", "%2e%2e", "%2E.", ".%2e", "..%2Fcredentials", "..%2F..%2Fcredentials", "a%2F..%2Fb", "%2F..", "a%2f.", "..%5C", "a%5C..%5Cb",
	"%00", "a%00", "%0a", "%0D%0A", "%7f", "%ff", "%c3%a9", "é", "..%3Bx", "..;x", ".;", "%252e%252e", "%25252e%25252E", "..%252Fa", "a%255C..%255Cb",
	"%zz", "%", "%2", strings.Repeat("a", 256),
}

// TestHostileSegmentsT15: nothing that a server could read as a dot segment gets
// through, in either direction.
func TestHostileSegmentsT15(t *testing.T) {
	for _, s := range hostile {
		for _, path := range []string{"/" + s, "/NL/" + s, "/NL/" + s + "/", "/" + s + "/1"} {
			if got, err := ocpi.SplitPath(path); err == nil {
				t.Errorf("SplitPath(%q) = %q", path, got)
			}
		}
		u, err := url.PathUnescape(s)
		if err != nil {
			continue
		}
		if got, err := ocpi.JoinPath("https://h/x", "NL", u); err == nil {
			t.Errorf("JoinPath(%q) = %q", u, got)
		}
	}
	if _, err := ocpi.JoinPath("https://h/x", "a", "", "b"); err == nil {
		t.Error("an empty segment is accepted")
	}
}

func TestSplitPath(t *testing.T) {
	for path, want := range map[string][]string{
		"": nil, "/": nil, "/a": {"a"}, "/a/": {"a"}, "a/b": {"a", "b"}, "/NL/TNM/a%2Fb%20c": {"NL", "TNM", "a/b c"},
		"/a%3Fb%23%25": {"a?b#%"}, "/...": {"..."}, "/100%25": {"100%"},
	} {
		if got, err := ocpi.SplitPath(path); err != nil || !slices.Equal(got, want) {
			t.Errorf("SplitPath(%q) = %q, %v, want %q", path, got, err, want)
		}
	}
	for _, path := range []string{"//", "///", "/a//", "//a", "/a//b"} {
		if got, err := ocpi.SplitPath(path); err == nil {
			t.Errorf("SplitPath(%q) = %q, want an error", path, got)
		}
	}
}

// FuzzPath: whatever the ids, a parsed joined URL begins with the endpoint, has
// exactly the segments behind it and no dot segment, and splits into them again.
func FuzzPath(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, "LOC1")
	}
	f.Add("a/b", "?x#y")
	f.Add("%", "%41")
	f.Fuzz(func(t *testing.T, a, b string) {
		const base = "https://example.com/ocpi/2.2.1/receiver/locations"
		joined, err := ocpi.JoinPath(base, a, b)
		if err != nil {
			return
		}
		u, err := url.Parse(joined)
		if err != nil {
			t.Fatal(err)
		}
		if u.Host != "example.com" || u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			t.Fatalf("%q, %q lead to %s", a, b, u)
		}
		rest, ok := strings.CutPrefix(u.EscapedPath(), "/ocpi/2.2.1/receiver/locations")
		if !ok {
			t.Fatalf("%q, %q leave the endpoint: %s", a, b, u)
		}
		if n := strings.Count(rest, "/"); n != 2 {
			t.Fatalf("%q, %q become %d segments: %s", a, b, n, rest)
		}
		got, err := ocpi.SplitPath(rest)
		if err != nil || !slices.Equal(got, []string{a, b}) {
			t.Fatalf("%q, %q come back as %q, %v", a, b, got, err)
		}
		// The path is its own normal form, also after one more unescaping.
		for p := u.EscapedPath(); ; {
			if c := u.JoinPath().EscapedPath(); c != u.EscapedPath() {
				t.Fatalf("%s is %s in normal form", u.EscapedPath(), c)
			}
			for _, part := range strings.FieldsFunc(p, func(r rune) bool { return r == '/' || r == '\\' }) {
				if part == "." || part == ".." {
					t.Fatalf("%q, %q hold a dot segment: %s", a, b, p)
				}
			}
			next, err := url.PathUnescape(p)
			if err != nil || next == p {
				break
			}
			p = next
		}
	})
}
