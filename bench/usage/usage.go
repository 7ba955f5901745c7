// Package usage measures processor time and memory of processes, from /proc.
package usage

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Moment is how much processor time, in seconds, was used until At.
type Moment struct {
	At      time.Time
	machine float64 // all that the machine did
	self    float64
	by      map[int]float64
}

// Now reads how much this process, the machine and some processes have used.
func Now(pids ...int) Moment {
	m := Moment{At: time.Now(), machine: busy(), self: Self(), by: map[int]float64{}}
	for _, p := range pids {
		m.by[p] = CPU(p)
	}
	return m
}

// Span is what was used between two moments.
type Span struct {
	Seconds float64         // how long it was
	Self    float64         // processor time of this process, seconds
	By      map[int]float64 // that of the processes by their id, seconds
	cores   float64         // all that was used, in processors
	others  float64         // by processes that are not ours, in processors
}

// Since returns what was used from m until now, by the processes that m is about.
func (m Moment) Since() Span {
	now := Now(slices.Collect(maps.Keys(m.by))...)
	s := Span{Seconds: now.At.Sub(m.At).Seconds(), Self: now.self - m.self, By: map[int]float64{}}
	ours := s.Self
	for p := range m.by {
		s.By[p] = now.by[p] - m.by[p]
		ours += s.By[p]
	}
	s.cores = (now.machine - m.machine) / s.Seconds
	s.others = max(0, now.machine-m.machine-ours) / s.Seconds
	return s
}

// String says how busy the machine was, and with what is not ours.
func (s Span) String() string {
	n := runtime.NumCPU()
	return fmt.Sprintf("%.0f %% of %d processors busy, others %.0f %%", 100*s.cores/float64(n), n, 100*s.others/float64(n))
}

// Self returns the processor time of this process in seconds.
func Self() float64 { return ticks(os.Getpid()) }

// CPU returns the processor time in seconds that a process and its children that
// still run have used; 0 when there is none.
func CPU(pid int) float64 {
	total := ticks(pid)
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for c := range strings.FieldsSeq(string(children)) {
		if n, err := strconv.Atoi(c); err == nil {
			total += ticks(n)
		}
	}
	return total
}

// ticks reads the processor time of one process in seconds.
func ticks(pid int) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	u, _ := strconv.ParseFloat(string(f[11]), 64)
	s, _ := strconv.ParseFloat(string(f[12]), 64)
	return (u + s) / 100
}

// busy returns how many seconds all processors together were not idle.
func busy() float64 {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	sum := 0.0
	for i, f := range strings.Fields(line) {
		if i >= 1 && i != 4 && i != 5 && i <= 8 { // idle and waiting for disks left out; guests are in user
			v, _ := strconv.ParseFloat(f, 64)
			sum += v
		}
	}
	return sum / 100
}

// Memory returns the resident memory of a process in MiB, now and at most.
func Memory(pid int) (rss, peak float64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		name, rest, _ := strings.Cut(line, ":")
		if name != "VmRSS" && name != "VmHWM" {
			continue
		}
		kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
		if name == "VmRSS" {
			rss = kb / 1024
		} else {
			peak = kb / 1024
		}
	}
	return rss, peak
}
