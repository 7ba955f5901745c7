package crawl

import (
	"time"

	"github.com/go-json-experiment/json"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
	"github.com/eroam/eroam/ocpi"
)

// The phases of a run.
const (
	phaseNone    = ""        // no run is under way
	phaseList    = "list"    // the pages are fetched
	phaseAgain   = "again"   // … a second time, for what was missing
	phaseMissing = "missing" // what was missing is asked for, or removed
)

// Problem is an object that was not taken, or something else that is wrong.
type Problem struct {
	Object  string `json:"object,omitempty"`
	Message string `json:"message"`
}

// maxProblems bounds the problems that are kept of a run; the rest is counted.
const maxProblems = 20

// Run is one walk over a list.
type Run struct {
	Full     bool      `json:"full"`
	Started  time.Time `json:"started,omitzero"`
	Ended    time.Time `json:"ended,omitzero"`
	Pages    int       `json:"pages"`
	Total    int       `json:"total"` // as the partner said last; -1: it did not
	Objects  int       `json:"objects"`
	Taken    int       `json:"taken"`   // published, changed or not
	Refused  int       `json:"refused"` // broken, or against the rules
	Foreign  int       `json:"foreign"` // of parties that are not granted to the platform
	Missing  int       `json:"missing"` // stored, and not in a full run
	Removed  int       `json:"removed"` // … and gone
	Problems []Problem `json:"problems,omitempty"`
	Error    string    `json:"error,omitempty"` // why it ended before its end
}

func (r *Run) problem(object, message string) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, Problem{object, message})
	}
}

// progress is where a run is.
type progress struct {
	Phase string `json:"phase,omitempty"`
	Run   Run    `json:"run,omitzero"`
	// Next is the URL of the next page; empty: the first one, or the one at
	// Offset.
	Next     string         `json:"next,omitempty"`
	Offset   int            `json:"offset,omitzero"` // objects on the pages before
	From     time.Time      `json:"from,omitzero"`   // date_from
	Highest  time.Time      `json:"highest,omitzero"`
	Idle     int            `json:"idle,omitzero"` // pages in a row without anything new
	Restarts int            `json:"restarts,omitzero"`
	Walked   int            `json:"walked,omitzero"`  // pages of this walk
	First    int            `json:"first,omitzero"`   // pages of the walk before, in phaseAgain
	Seq      int64          `json:"seq,omitzero"`     // of the feed when phaseAgain began
	Owners   []ocpi.PartyID `json:"owners,omitempty"` // seen in this run
	Owner    int            `json:"owner,omitzero"`   // of Owners, in phaseMissing
	After    string         `json:"after,omitempty"`  // the id before, in phaseMissing
}

// state is what is kept of a job.
type state struct {
	progress
	Touched  time.Time `json:"touched,omitzero"`  // when something of it was last written
	Failures int       `json:"failures,omitzero"` // in a row
	Error    string    `json:"error,omitempty"`   // why the last request failed
	Before   time.Time `json:"before,omitzero"`   // no request before this time

	High      time.Time `json:"high,omitzero"` // highest last_updated in all runs that came to their end
	LastStart time.Time `json:"last_start,omitzero"`
	LastFull  time.Time `json:"last_full,omitzero"` // start of the last full run that came to its end
	Last      *Run      `json:"last,omitempty"`     // the last run that ended
}

func readState(row store.CrawlRow) (state, error) {
	var s state
	if len(row.State) == 0 {
		return s, nil
	}
	err := json.Unmarshal(row.State, &s)
	return s, err
}

func (s *state) row(c store.CrawlRow) (store.CrawlRow, error) {
	var err error
	c.State, err = json.Marshal(s)
	return c, err
}

const (
	// overlap is how much further back than the highest last_updated a delta
	// begins: for clocks that differ, and what was committed late.
	overlap = 10 * time.Minute
	// stale is after how long without progress a run is not gone on with:
	// links to next pages do not live for ever.
	stale = 24 * time.Hour
)

// due returns when the job is to be worked on, and whether a new run would be a
// full one. asked says that somebody wants a run now, whole that it be full.
func (s *state) due(p party.PullSettings, asked, whole bool) (at time.Time, full bool) {
	switch {
	case s.Phase != phaseNone:
		return s.Before, s.Run.Full
	case s.LastFull.IsZero() || s.High.IsZero():
		full = true
	case asked:
		full = whole
	}
	if asked {
		return time.Time{}, full
	}
	if full {
		return s.Before, true
	}
	delta, next := s.LastStart.Add(p.Every()), s.LastFull.Add(p.Full())
	at, full = delta, !next.After(delta)
	if next.Before(delta) {
		at = next
	}
	if at.Before(s.Before) {
		at = s.Before
	}
	return at, full
}

// begin starts a run.
func (s *state) begin(full bool, now time.Time) {
	s.progress = progress{Phase: phaseList, Run: Run{Full: full, Started: now, Total: -1}}
	if !full {
		s.From = s.High.Add(-overlap)
	}
	s.LastStart, s.Before, s.Failures, s.Error = now, time.Time{}, 0, ""
}

// restart begins the walk over the pages anew.
func (s *state) restart() {
	s.Next, s.Offset, s.Idle, s.Walked = "", 0, 0, 0
}

// end notes that the run has come to its end, or failed with a reason.
func (s *state) end(now time.Time, reason string, every time.Duration) {
	run := s.Run
	run.Ended, run.Error = now, reason
	s.Last, s.Error = &run, reason
	if reason == "" {
		if s.Highest.After(s.High) {
			s.High = s.Highest
		}
		if run.Full {
			s.LastFull = run.Started
			if s.High.IsZero() {
				s.High = run.Started // an empty list
			}
		}
		s.Failures = 0
	} else {
		s.Before = now.Add(every)
	}
	s.progress = progress{}
}
