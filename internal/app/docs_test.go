package app

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/operate/monitoring.md lists every metric that a fresh hub has, and none
// that no package makes.
func TestMetricsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/operate/monitoring.md")
	check(t, err)
	made := metricsInSource(t)
	a := start(t, newConfig(t)) // in another directory
	families, err := a.metrics.Gather()
	check(t, err)
	for _, f := range families {
		if n := f.GetName(); strings.HasPrefix(n, "eroam_") && !strings.Contains(string(text), "`"+n+"`") {
			t.Errorf("%s is not documented", n)
		}
	}
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(eroam_[a-z_]+)`").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, m[1])
		if !slices.Contains(made, m[1]) {
			t.Errorf("%s is documented and does not exist", m[1])
		}
	}
	for _, name := range made {
		if !slices.Contains(documented, name) {
			t.Errorf("%s is not documented", name)
		}
	}
}

// metricsInSource finds the names of metrics in the packages: those with a
// label that has no value yet do not show in a registry.
func metricsInSource(t *testing.T) (names []string) {
	t.Helper()
	name := regexp.MustCompile(`(?:Name: +|counter\(|NewDesc\()"(eroam_[a-z_]+)"`)
	for _, dir := range []string{".", "../catalog", "../crawl", "../delivery", "../egress", "../ingress", "../lease", "../ledger", "../letter", "../party", "../relay", "../station", "../store", "../trace"} {
		files, err := os.ReadDir(dir)
		check(t, err)
		for _, f := range files {
			if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
				continue
			}
			text, err := os.ReadFile(dir + "/" + f.Name())
			check(t, err)
			for _, m := range name.FindAllStringSubmatch(string(text), -1) {
				names = append(names, m[1])
			}
		}
	}
	if len(names) < 20 {
		t.Fatalf("found %d metrics in the source", len(names))
	}
	return names
}
