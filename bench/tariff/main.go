// Command tariff measures package tariff in processor time of one core: pricing of a CDR of five
// periods under a compiled tariff of four elements, without and with JSON; a
// day-ahead tariff of 97 elements; and the lint of all tariffs of a file. It
// prints a table and writes one JSON object a line to bench/out/tariff.jsonl.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata"

	"github.com/eroam/eroam/bench/result"
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/tariff"
)

type options struct {
	rounds    int
	duration  time.Duration
	data, out string
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "rounds; each measurement runs once a round")
	flag.DurationVar(&o.duration, "duration", time.Second, "length of one measurement's turn")
	flag.StringVar(&o.data, "data", "", "directory with ocpi-nl/tariffs.jsonl.gz, which is not part of the source; without it lint is skipped")
	flag.StringVar(&o.out, "out", "bench/out/tariff.jsonl", "where the results go")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	runtime.GOMAXPROCS(1) // figures are per core
	all, err := measurements()
	if err != nil {
		return err
	}
	fmt.Printf("median of %d rounds of %v, in seconds of one core\n%-22s %12s %10s %12s %12s %12s\n", o.rounds, o.duration, "", "CDR/s", "µs", "best CDR/s", "allocations", "per line")
	turns := make([][]turn, len(all))
	for range o.rounds {
		for i := range all {
			t, err := all[i].turn(o.duration)
			if err != nil {
				return fmt.Errorf("%s: %w", all[i].name, err)
			}
			turns[i] = append(turns[i], t)
		}
	}
	var lines []result.Line
	for i, m := range all {
		rate, allocs := median(turns[i], func(t turn) float64 { return t.rate }), median(turns[i], func(t turn) float64 { return t.allocs })
		n := turns[i][0].lines
		best := slices.MaxFunc(turns[i], func(a, b turn) int { return cmp.Compare(a.rate, b.rate) }).rate
		fmt.Printf("%-22s %12.0f %10.2f %12.0f %12.1f %12.2f\n", m.name, rate, 1e6/rate, best, allocs, allocs/float64(n))
		lines = append(lines, result.Line{Name: "tariff_price_" + m.name, Value: rate, Unit: "CDR/s", N: o.rounds},
			result.Line{Name: "tariff_allocs_per_line_" + m.name, Value: allocs / float64(n), Unit: "allocations", N: o.rounds})
	}
	more, err := lintAll(o)
	if err != nil {
		return err
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Printf("load average at the end: %s", b)
	}
	return result.Append(o.out, append(lines, more...))
}

// measurement prices one CDR; it returns how many lines that had.
type measurement struct {
	name string
	once func() (int, error)
}

type turn struct {
	rate, allocs float64
	lines        int
}

func (m *measurement) turn(d time.Duration) (t turn, err error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, used, n := time.Now(), cpu(), 0
	for time.Since(start) < d {
		for range 100 {
			if t.lines, err = m.once(); err != nil {
				return t, err
			}
		}
		n += 100
	}
	t.rate = float64(n) / (cpu() - used).Seconds()
	runtime.ReadMemStats(&after)
	t.allocs = float64(after.Mallocs-before.Mallocs) / float64(n)
	return t, nil
}

// cpu returns the processor time of the process, that of the garbage collector
// included: unlike time on the clock, it does not depend on what else runs.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func measurements() ([]measurement, error) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		return nil, err
	}
	list, err := compile(fourElements)
	if err != nil {
		return nil, err
	}
	hourly, err := compile(dayAhead())
	if err != nil {
		return nil, err
	}
	body := []byte(cdrJSON)
	c, _, err := tariff.ParseCDR(ocpi.V221, body, amsterdam)
	if err != nil {
		return nil, err
	}
	price := func(l *tariff.PriceList) func() (int, error) {
		return func() (int, error) {
			r, err := l.Price(&c.Session, tariff.Policy{})
			return len(r.Lines), err
		}
	}
	var out []byte
	withJSON := func() (int, error) {
		c, _, err := tariff.ParseCDR(ocpi.V221, body, amsterdam)
		if err != nil {
			return 0, err
		}
		r, err := list.Price(&c.Session, tariff.Policy{})
		if err != nil {
			return 0, err
		}
		if v, err := list.Verify(&c, &r); err != nil || v.Verdict != tariff.Match {
			return 0, fmt.Errorf("the claim is a %s: %w", v.Verdict, err)
		}
		out = r.AppendJSON(out[:0])
		return len(r.Lines), nil
	}
	return []measurement{{"four_elements", price(list)}, {"with_json", withJSON}, {"97_elements", price(hourly)}}, nil
}

func compile(body string) (*tariff.PriceList, error) {
	tariffs, _, err := tariff.ParseTariffs(ocpi.V221, []byte(body))
	if err != nil {
		return nil, err
	}
	return tariff.Compile(tariffs...)
}

// lintAll looks at every tariff of a file and counts the findings by code.
func lintAll(o options) ([]result.Line, error) {
	if o.data == "" {
		fmt.Println("lint: SKIPPED: no -data")
		return nil, nil
	}
	list, err := readTariffs(filepath.Join(o.data, "ocpi-nl", "tariffs.jsonl.gz"))
	if err != nil {
		return nil, err
	}
	type count struct{ findings, tariffs int }
	codes := make(map[string]*count)
	failed, slowest := 0, time.Duration(0)
	start := cpu()
	for _, body := range list {
		one := time.Now()
		findings, err := tariff.LintJSON(tariff.DetectVersion(body), body, tariff.LintOptions{})
		slowest = max(slowest, time.Since(one))
		if err != nil {
			failed++
			continue
		}
		var seen []string
		for _, f := range findings {
			key := f.Rule + " " + f.Code
			if codes[key] == nil {
				codes[key] = &count{}
			}
			codes[key].findings++
			if !slices.Contains(seen, key) {
				seen = append(seen, key)
				codes[key].tariffs++
			}
		}
	}
	took := cpu() - start
	fmt.Printf("\nlint of %d tariffs in %.2f s (%.0f/s, the slowest %.1f ms), %d cannot be read\n%-40s %9s %9s\n",
		len(list), took.Seconds(), float64(len(list))/took.Seconds(), float64(slowest.Microseconds())/1000, failed, "", "findings", "tariffs")
	names := make([]string, 0, len(codes))
	for name := range codes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Printf("%-40s %9d %9d\n", name, codes[name].findings, codes[name].tariffs)
	}
	return []result.Line{
		{Name: "tariff_lint", Value: float64(len(list)) / took.Seconds(), Unit: "tariffs/s", N: len(list)},
		{Name: "tariff_lint_slowest", Value: float64(slowest.Microseconds()) / 1000, Unit: "ms", N: len(list)},
	}, nil
}

func readTariffs(path string) ([][]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("-data: %w", err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var list [][]byte
	s := bufio.NewScanner(z)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		if text := strings.TrimSpace(s.Text()); text != "" {
			list = append(list, []byte(text))
		}
	}
	return list, s.Err()
}
