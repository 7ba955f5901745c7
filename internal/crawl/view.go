package crawl

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/ocpi"
)

// JobState is how far one list of one party is fetched, for people.
type JobState struct {
	Job      string
	Platform string
	Party    ocpi.PartyID
	Module   ocpi.Module
	Active   bool // to be fetched; else it was once
	Running  *Run // the run that is under way; nil: none
	Last     *Run // the last one that ended
	LastFull time.Time
	Next     time.Time // when the next run, or the next request of this one, is due; zero: never, or at once
	Failures int       // in a row
	Error    string    // why the last request failed
}

// States returns the lists that are fetched or were, ordered by job. It says
// the same in every process.
func (c *Crawler) States(ctx context.Context) ([]JobState, error) {
	rows, err := c.o.Store.Crawls(ctx)
	if err != nil {
		return nil, err
	}
	all := jobs(c.o.Registry.Snapshot())
	out := make([]JobState, 0, len(all))
	for _, row := range rows {
		s, err := readState(row)
		if err != nil {
			return nil, fmt.Errorf("reading crawl %s: %w", row.Job, err)
		}
		j, active := all[row.Job]
		delete(all, row.Job)
		out = append(out, s.view(row.Job, j, active))
	}
	for name, j := range all { // not begun yet
		out = append(out, (&state{}).view(name, j, true))
	}
	slices.SortFunc(out, func(a, b JobState) int { return strings.Compare(a.Job, b.Job) })
	return out, nil
}

func (s *state) view(name string, j job, active bool) JobState {
	v := JobState{Job: name, Active: active, Last: s.Last, LastFull: s.LastFull, Failures: s.Failures, Error: s.Error}
	if parts := strings.Split(name, "/"); len(parts) == 3 {
		v.Platform, v.Module = parts[0], ocpi.Module(parts[2])
		v.Party, _ = ocpi.ParsePartyString(parts[1])
	}
	if s.Phase != phaseNone {
		run := s.Run
		v.Running = &run
	}
	var pull party.PullSettings
	if active {
		pull = j.settings()
		v.Next, _ = s.due(pull, false, false)
	}
	return v
}
