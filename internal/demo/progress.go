package demo

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Progress is told what a demo is doing.
type Progress interface {
	// Stage begins the next stage. total is its number of steps, 0 where that is
	// not known.
	Stage(name string, total int) Stage
}

// Stage is a stage of a demo. Step may be called from several goroutines.
type Stage interface {
	Step()
	// Done ends the stage and says what came of it.
	Done(summary string)
}

type silent struct{}

func (silent) Stage(string, int) Stage { return silent{} }
func (silent) Step()                   {}
func (silent) Done(string)             {}

// Lines writes a line for each stage when it is done.
func Lines(w io.Writer) Progress { return &lines{w: w, began: time.Now()} }

type lines struct {
	mu    sync.Mutex
	w     io.Writer
	began time.Time
}

func (l *lines) Stage(name string, _ int) Stage { return &lineStage{l, name} }

type lineStage struct {
	l    *lines
	name string
}

func (s *lineStage) Step() {}

func (s *lineStage) Done(summary string) {
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	fmt.Fprintf(s.l.w, "%5.1f s  %s: %s\n", time.Since(s.l.began).Seconds(), s.name, summary)
}

// Bars shows a progress bar for the stage that runs, on a terminal, and leaves the
// lines of those that are done.
func Bars(w io.Writer) Progress { return &bars{lines: lines{w: w, began: time.Now()}} }

// bars draws one bar at a time: a stage within another has only its line.
type bars struct {
	lines
	busy atomic.Bool
}

func (b *bars) Stage(name string, total int) Stage {
	if !b.busy.CompareAndSwap(false, true) {
		return b.lines.Stage(name, total)
	}
	if total == 0 {
		total = -1 // a spinner
	}
	bar := progressbar.NewOptions(total,
		progressbar.OptionSetWriter(b.w), progressbar.OptionSetDescription(name), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetWidth(30), progressbar.OptionShowCount(), progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetPredictTime(false), progressbar.OptionSpinnerType(14),
	)
	return &barStage{lineStage{&b.lines, name}, bar, &b.busy}
}

type barStage struct {
	lineStage
	bar  *progressbar.ProgressBar
	busy *atomic.Bool
}

func (s *barStage) Step() { _ = s.bar.Add(1) } // a bar that cannot be drawn changes nothing

func (s *barStage) Done(summary string) {
	_ = s.bar.Finish()
	_ = s.bar.Clear()
	s.busy.Store(false)
	s.lineStage.Done(summary)
}
