package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/eroam/eroam/bench/result"
)

// row is a result with what it should be.
type row struct {
	result.Line
	Most  float64 `json:"most,omitempty"`  // the target is at most this
	Least float64 `json:"least,omitempty"` // or at least this
}

// add notes a result and prints it.
func (l *lab) add(r row) {
	r.Commit = l.state.Commit
	l.state.Rows = append(l.state.Rows, r)
	fmt.Println("  " + r.text())
}

func (l *lab) result(name string, value float64, unit string, n int) {
	l.add(row{Line: result.Line{Name: name, Value: value, Unit: unit, N: n}})
}

func (r row) text() string {
	target, verdict := "", ""
	switch {
	case r.Most != 0:
		target, verdict = fmt.Sprintf("<= %g", r.Most), say(r.Value <= r.Most)
	case r.Least != 0:
		target, verdict = fmt.Sprintf(">= %g", r.Least), say(r.Value >= r.Least)
	}
	beside := ""
	if r.BaselineValue != 0 {
		beside = fmt.Sprintf("%s %.4g (%.2f)", r.Baseline, r.BaselineValue, r.OfBaseline())
	}
	return strings.TrimRight(fmt.Sprintf("%-44s %12s %-12s %-10s %-7s %s", r.Name, number(r.Value), r.Unit, target, verdict, beside), " ")
}

func number(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

func say(met bool) string {
	if met {
		return "met"
	}
	return "NOT MET"
}

// report prints everything that was measured, writes it and tidies up.
func (l *lab) report() error {
	fmt.Printf("\n%-44s %12s %-12s %-10s %-7s %s\n", "result", "value", "unit", "target", "", "beside it (ratio)")
	var lines []result.Line
	for _, r := range l.state.Rows {
		fmt.Println(r.text())
		lines = append(lines, r.Line)
	}
	if err := result.Append(l.o.out, lines); err != nil {
		return err
	}
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("\nwritten to %s after %v; load average %s", l.o.out, time.Since(l.began).Round(time.Second), load)
	if l.o.keep {
		return nil
	}
	l.stop()
	l.hubs, l.children = nil, nil
	return os.RemoveAll(l.o.dir)
}

// percentiles returns the middle and the 99th of a hundred, in ms.
func percentiles(d []time.Duration) (p50, p99 float64) {
	if len(d) == 0 {
		return 0, 0
	}
	slices.Sort(d)
	at := func(q int) float64 { return float64(result.Percentile(d, q)) / float64(time.Millisecond) }
	return at(50), at(99)
}
