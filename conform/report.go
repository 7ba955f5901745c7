package conform

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Report is what came of a run.
type Report struct {
	Results []Result      `json:"results"`
	Took    time.Duration `json:"took_ns"`
	Error   string        `json:"error,omitempty"` // why there are no results
}

// Failed reports whether a MUST failed.
func (r Report) Failed() bool {
	if r.Error != "" {
		return true
	}
	for _, x := range r.Results {
		if x.Outcome == Fail && x.Level == Must {
			return true
		}
	}
	return false
}

// Count returns how many checks ended in that way.
func (r Report) Count(o Outcome) int {
	n := 0
	for _, x := range r.Results {
		if x.Outcome == o {
			n++
		}
	}
	return n
}

// JSON writes the whole report, steps included.
func (r Report) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// Text writes a table, then what was sent and seen for each check that failed,
// then a line with the counts.
func (r Report) Text(w io.Writer) error {
	if r.Error != "" {
		_, err := fmt.Fprintln(w, r.Error)
		return err
	}
	tw := table.NewWriter()
	tw.SetOutputMirror(w)
	tw.SetStyle(table.StyleLight)
	tw.AppendHeader(table.Row{"id", "level", "section", "given → then", "result", "ms"})
	tw.SetColumnConfigs([]table.ColumnConfig{
		{Number: 4, WidthMax: 88, WidthMaxEnforcer: text.WrapSoft},
		{Number: 6, Align: text.AlignRight},
	})
	for _, x := range r.Results {
		title := x.Title
		if x.Outcome == Skip || x.Outcome == Divergent {
			title += " [" + x.Reason + "]"
		}
		tw.AppendRow(table.Row{x.ID, x.Level, x.Ref, title, x.Outcome, x.Took.Milliseconds()})
	}
	tw.Render()
	for _, x := range r.Results {
		if x.Outcome == Fail {
			fmt.Fprintf(w, "\n%s\n", x.Explain())
		}
	}
	_, err := fmt.Fprintf(w, "\n%d checks in %.1f s: %d pass, %d divergent, %d fail, %d skip\n",
		len(r.Results), r.Took.Seconds(), r.Count(Pass), r.Count(Divergent), r.Count(Fail), r.Count(Skip))
	return err
}

// Explain says why a check ended as it did, with what was sent and seen.
func (x Result) Explain() string {
	s := fmt.Sprintf("%s %s (%s, OCPI %s): %s\n  %s", x.ID, x.Outcome, x.Level, x.Ref, x.Title, x.Reason)
	for _, step := range x.Steps {
		s += "\n    " + step
	}
	return s
}
