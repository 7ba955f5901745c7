// Package result is how the benchmarks write what they measured: one JSON object
// a line, appended to a file below bench/out.
package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Line is one result. Baseline is what was measured beside it in the same run;
// Ratio is that to the baseline.
type Line struct {
	Name          string  `json:"name"`
	Value         float64 `json:"value"`
	Unit          string  `json:"unit"`
	Baseline      string  `json:"baseline,omitempty"`
	BaselineValue float64 `json:"baseline_value,omitempty"`
	Ratio         float64 `json:"ratio,omitempty"`
	N             int     `json:"n"`
	Machine       string  `json:"machine"`
	Commit        string  `json:"commit"`
}

// OfBaseline is the ratio to the baseline: the one that is set, else that of the
// two values; 0 without a baseline.
func (l Line) OfBaseline() float64 {
	if l.Ratio != 0 || l.BaselineValue == 0 {
		return l.Ratio
	}
	return l.Value / l.BaselineValue
}

// Append adds lines to a file, with the machine. The commit and the ratio are filled
// in where a line does not say them.
func Append(path string, lines []Line) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	here, now := machine(), Commit()
	enc := json.NewEncoder(f)
	for _, l := range lines {
		l.Machine = here
		if l.Commit == "" {
			l.Commit = now
		}
		l.Ratio = l.OfBaseline()
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	return nil
}

// machine names the system and how many of its processors this process may use.
func machine() string {
	cpus := fmt.Sprint(runtime.NumCPU())
	if n := runtime.GOMAXPROCS(0); n < runtime.NumCPU() {
		cpus = fmt.Sprintf("%d of %s", n, cpus)
	}
	return fmt.Sprintf("%s/%s, %s cpus", runtime.GOOS, runtime.GOARCH, cpus)
}

// Commit names the source that is checked out; "unknown" outside of git.
func Commit() string {
	b, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(b))
}

// Median returns the middle one; of an even number the greater of the two. There
// must be at least one.
func Median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// Percentile returns the q-th of a hundred of sorted values, of which there must be
// at least one.
func Percentile[T any](sorted []T, q int) T { return sorted[(len(sorted)-1)*q/100] }
