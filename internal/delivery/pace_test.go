package delivery

import (
	"testing"
	"time"
)

// In a minute as many requests go as the rate says, evenly, whatever the rate.
func TestPace(t *testing.T) {
	for _, rate := range []float64{0.5, 1, 7, 100, 2000} {
		var p pace
		start := time.Unix(1e9, 0)
		now, n := start, 0
		var most, burst int
		var second time.Time
		for now.Before(start.Add(time.Minute)) {
			if due := p.due(); due.After(now) {
				now = due
				continue
			}
			if now.Sub(second) >= time.Second {
				second, burst = now, 0
			}
			if burst++; burst > most {
				most = burst
			}
			p.spend(1, rate, now)
			n++
		}
		if want := rate * 60; float64(n) < want-1 || float64(n) > want+rate/20+2 {
			t.Errorf("rate %g: %d requests in a minute", rate, n)
		}
		if limit := rate*1.05 + 2; float64(most) > limit {
			t.Errorf("rate %g: %d in a second", rate, most)
		}
	}
}
