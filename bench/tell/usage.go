package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// usage is how much processor time, in seconds, was used until a moment.
type usage struct {
	at      time.Time
	machine float64 // all that the machine did
	self    float64
	by      map[int]float64
}

// used reads how much this process, the machine and some processes have used.
func used(pids ...int) usage {
	u := usage{at: time.Now(), machine: busy(), self: ticks(os.Getpid()), by: map[int]float64{}}
	for _, p := range pids {
		u.by[p] = ticks(p)
	}
	return u
}

// span is what was used between two moments.
type span struct {
	seconds float64
	cores   float64 // all that was used, in processors
	others  float64 // by processes that are not ours, in processors
	self    float64 // seconds
	by      map[int]float64
}

func (u usage) since() span {
	pids := make([]int, 0, len(u.by))
	for p := range u.by {
		pids = append(pids, p)
	}
	now := used(pids...)
	s := span{seconds: now.at.Sub(u.at).Seconds(), self: now.self - u.self, by: map[int]float64{}}
	ours := s.self
	for p := range u.by {
		s.by[p] = now.by[p] - u.by[p]
		ours += s.by[p]
	}
	s.cores = (now.machine - u.machine) / s.seconds
	s.others = max(0, now.machine-u.machine-ours) / s.seconds
	return s
}

// others says how much of the machine was used by anybody else.
func (s span) text() string {
	return fmt.Sprintf("%.0f %% of %d processors busy, others %.0f %%", 100*s.cores/float64(runtime.NumCPU()), runtime.NumCPU(),
		100*s.others/float64(runtime.NumCPU()))
}

// ticks returns the processor time of a process in seconds.
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

// memory returns the resident memory of a process in MiB, now and at most.
func memory(pid int) (rss, peak float64) {
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
