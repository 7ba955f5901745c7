//go:build linux

package usage

import (
	"os"
	"testing"
)

func TestUsage(t *testing.T) {
	me := os.Getpid()
	before := Now(me)
	for n := 0; Self() == before.self || CPU(me) == before.by[me]; n++ { // it counts in hundredths of a second
		_ = make([]byte, n%4096)
	}
	s := before.Since()
	if s.Self <= 0 || s.By[me] <= 0 || s.Seconds <= 0 {
		t.Errorf("after work: %.2f s and %.2f s of this process, in %.2f s", s.Self, s.By[me], s.Seconds)
	}
	if rss, peak := Memory(me); rss <= 0 || peak < rss {
		t.Errorf("memory %.1f MiB, at most %.1f MiB", rss, peak)
	}
	const none = 1 << 30
	if c := CPU(none); c != 0 {
		t.Errorf("a process that is not there has used %.2f s", c)
	}
}
