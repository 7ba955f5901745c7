package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/eroam/eroam/bench/result"
	"github.com/eroam/eroam/bench/usage"
)

// turn is what one candidate did in one round.
type turn struct {
	rate, p50, p99, cpu float64 // requests/s, ms, ms, µs of processor time per request
	errors              int
}

var (
	rateLine   = regexp.MustCompile(`Requests/sec:\s+([\d.]+)`)
	totalLine  = regexp.MustCompile(`(\d+) requests in`)
	latency    = regexp.MustCompile(`(50|99)%\s+([\d.]+)(us|ms|s)`)
	badAnswers = regexp.MustCompile(`Non-2xx or 3xx responses: (\d+)`)
	badSockets = regexp.MustCompile(`Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)`)
)

// load runs wrk against one candidate.
func (l *lab) load(ctx context.Context, c *candidate, connections int, d time.Duration) (turn, error) {
	script := filepath.Join(l.dir, c.name+".lua")
	var b strings.Builder
	fmt.Fprintf(&b, "wrk.method = %q\nwrk.body = [==[%s]==]\nwrk.headers[%q] = %q\n", "PUT", pushed, "Content-Type", "application/json")
	for k, v := range c.header {
		fmt.Fprintf(&b, "wrk.headers[%q] = %q\n", k, v)
	}
	if err := os.WriteFile(script, []byte(b.String()), 0o600); err != nil {
		return turn{}, err
	}
	before := usage.CPU(c.pid)
	out, err := exec.CommandContext(ctx, "wrk", "-t2", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-d%ds", int(d.Seconds())),
		"--latency", "-s", script, c.url).CombinedOutput()
	if err != nil {
		return turn{}, fmt.Errorf("%w: %s", err, out)
	}
	used := usage.CPU(c.pid) - before
	text := string(out)
	t := turn{rate: number(rateLine, text)}
	if n := number(totalLine, text); n > 0 {
		t.cpu = used * 1e6 / n
	}
	for _, m := range latency.FindAllStringSubmatch(text, -1) {
		v, _ := strconv.ParseFloat(m[2], 64)
		switch m[3] {
		case "us":
			v /= 1000
		case "s":
			v *= 1000
		}
		if m[1] == "50" {
			t.p50 = v
		} else {
			t.p99 = v
		}
	}
	t.errors = int(number(badAnswers, text))
	if m := badSockets.FindStringSubmatch(text); m != nil {
		for _, s := range m[1:] {
			n, _ := strconv.Atoi(s)
			t.errors += n
		}
	}
	return t, nil
}

func number(re *regexp.Regexp, text string) float64 {
	m := re.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	v, _ := strconv.ParseFloat(m[1], 64)
	return v
}

// pace is the hub's own time per request under a steady, light load, in ms.
type pace struct {
	requests int
	p50, p99 float64
}

// paced sends requests at a fixed rate and reads from the hub's trace how long
// each spent inside the hub.
func (l *lab) paced(ctx context.Context, perSecond int, d time.Duration) (pace, error) {
	c := l.candidates[len(l.candidates)-1]
	correlation := fmt.Sprintf("pace-%d", time.Now().UnixNano())
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	end := time.Now().Add(d)
	var wg sync.WaitGroup
	defer wg.Wait()
	failures := make(chan error, 1) // the first
	sent := 0
	for time.Now().Before(end) {
		select {
		case <-ctx.Done():
			return pace{}, ctx.Err()
		case err := <-failures:
			return pace{}, err
		case <-tick.C:
		}
		sent++
		wg.Go(func() {
			if err := push(c, correlation); err != nil {
				select {
				case failures <- err:
				default:
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-failures:
		return pace{}, err
	case <-time.After(2 * time.Second): // the trace is written a moment later
	}
	us, err := l.hubTimes(correlation, sent)
	if err != nil {
		return pace{}, err
	}
	slices.Sort(us)
	return pace{len(us), result.Percentile(us, 50) / 1000, result.Percentile(us, 99) / 1000}, nil
}

// hubTimes reads from the trace how many microseconds each request of a
// correlation id spent inside the hub, 1,000 requests at most.
func (l *lab) hubTimes(correlation string, limit int) ([]float64, error) {
	var body struct {
		Items []struct {
			HubMicros float64 `json:"hub_us"`
		} `json:"items"`
	}
	path := fmt.Sprintf("/messages?correlation_id=%s&limit=%d", correlation, min(limit, 1000))
	if err := l.hub.API(http.MethodGet, path, nil, &body); err != nil {
		return nil, err
	}
	var out []float64
	for _, m := range body.Items {
		out = append(out, m.HubMicros)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the trace knows nothing of %s", correlation)
	}
	return out, nil
}
