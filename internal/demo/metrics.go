package demo

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// hubLatency returns percentiles of the hub's own histogram of the time that a
// forwarded request spends in it, in seconds, over all modules and outcomes since
// the hub was started.
func hubLatency(ctx context.Context, addr string) (p50, p99 float64, err error) {
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		return 0, 0, err
	}
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		return 0, 0, err
	}
	defer rs.Body.Close()
	if rs.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("HTTP %d", rs.StatusCode)
	}
	b, err := readBuckets(rs.Body, "eroam_relay_hub_seconds_bucket")
	return b.quantile(0.5), b.quantile(0.99), err
}

// buckets are a histogram: how many values are at most the bound.
type buckets struct {
	bounds []float64
	counts map[float64]float64
}

// readBuckets adds up the histograms of one name in the text format of Prometheus.
func readBuckets(r io.Reader, name string) (buckets, error) {
	b := buckets{counts: make(map[float64]float64)}
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		labels, ok := strings.CutPrefix(s.Text(), name+"{")
		if !ok {
			continue
		}
		_, le, ok1 := strings.Cut(","+labels, `,le="`)
		le, rest, ok2 := strings.Cut(le, `"`)
		_, value, ok3 := strings.Cut(rest, "} ")
		if !ok1 || !ok2 || !ok3 {
			return b, fmt.Errorf("a line is not understood: %s", s.Text())
		}
		bound, err1 := strconv.ParseFloat(le, 64)
		count, err2 := strconv.ParseFloat(value, 64)
		if err1 != nil || err2 != nil {
			return b, fmt.Errorf("a line is not understood: %s", s.Text())
		}
		if _, known := b.counts[bound]; !known {
			b.bounds = append(b.bounds, bound)
		}
		b.counts[bound] += count
	}
	slices.Sort(b.bounds)
	return b, s.Err()
}

// quantile interpolates in the bucket that holds the quantile, as Prometheus does.
func (b buckets) quantile(q float64) float64 {
	if len(b.bounds) == 0 {
		return 0
	}
	last := b.bounds[len(b.bounds)-1]
	rank := q * b.counts[last]
	lower, below := 0.0, 0.0
	for _, bound := range b.bounds {
		n := b.counts[bound]
		if n >= rank && n > below {
			if bound == last && len(b.bounds) > 1 { // above the highest finite bound
				return lower
			}
			return lower + (bound-lower)*(rank-below)/(n-below)
		}
		lower, below = bound, n
	}
	return lower
}
