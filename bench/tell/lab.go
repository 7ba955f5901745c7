package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/eroam/eroam/bench/result"
	"github.com/eroam/eroam/internal/blackbox"
)

// lab owns every process of a run, and what is noted of it.
type lab struct {
	o        options
	binary   string
	shape    *shape
	partners *httptest.Server // where the hub finds owners and viewers
	state    state
	began    time.Time
	hubs     []*hub
	children []*exec.Cmd
}

// state is what the working directory remembers between runs.
type state struct {
	Commit string          `json:"commit"`
	Sets   map[string]*set `json:"sets"`
	Done   map[string]bool `json:"done"`
	Rows   []row           `json:"rows"`
}

// set is a store that was loaded, or is being loaded.
type set struct {
	Name      string            `json:"name"`
	EVSEs     int               `json:"evses"`
	Locations int               `json:"locations"` // sent, from the first on
	Refused   int               `json:"refused"`
	Bytes     int64             `json:"bytes"` // of the bodies
	Seconds   float64           `json:"seconds"`
	CPU       float64           `json:"cpu"` // of the hub, seconds
	Complete  bool              `json:"complete"`
	Tokens    map[string]string `json:"tokens"` // by owner
	Viewer    string            `json:"viewer"` // token of an eMSP
}

func newLab(o options) (*lab, error) {
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(binary); err != nil {
		return nil, fmt.Errorf("%w (make build)", err)
	}
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return nil, err
	}
	l := &lab{o: o, binary: binary, shape: dutch(), began: time.Now(), partners: blackbox.Platform(nil, blackbox.Endpoint{Identifier: "cdrs", Role: "SENDER", URL: "/cdrs"})}
	if err := l.readState(); err != nil {
		l.partners.Close()
		return nil, err
	}
	return l, nil
}

func (l *lab) statePath() string { return filepath.Join(l.o.dir, "state.json") }

// readState takes over what an earlier run of this commit left.
func (l *lab) readState() error {
	fresh := state{Commit: result.Commit(), Sets: map[string]*set{}, Done: map[string]bool{}}
	b, err := os.ReadFile(l.statePath())
	if err == nil && !l.o.fresh && json.Unmarshal(b, &l.state) == nil {
		if l.state.Commit == fresh.Commit && l.state.Sets != nil && l.state.Done != nil {
			fmt.Printf("going on with what is in %s (-fresh begins again)\n", l.o.dir)
			return nil
		}
		fmt.Printf("%s is of another commit: beginning again\n", l.o.dir)
	}
	l.state = fresh
	if err == nil { // only what a run of this program has made is removed
		if err := os.RemoveAll(l.o.dir); err != nil {
			return err
		}
	}
	return os.MkdirAll(l.o.dir, 0o700)
}

func (l *lab) save() error {
	b, err := json.MarshalIndent(l.state, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(l.statePath()+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(l.statePath()+".new", l.statePath())
}

// once does what no earlier run has finished.
func (l *lab) once(name string, do func() error) error {
	if l.state.Done[name] {
		fmt.Printf("%s: measured already\n", name)
		return nil
	}
	rows := len(l.state.Rows)
	if err := do(); err != nil {
		l.state.Rows = l.state.Rows[:rows]
		return err
	}
	l.state.Done[name] = true
	return l.save()
}

func (l *lab) stop() {
	for _, h := range l.hubs {
		h.Stop()
	}
	for len(l.children) > 0 {
		l.end(l.children[0])
	}
	l.partners.Close()
}

// child runs this program again in another role. It prints one line of JSON
// when it is ready, which goes to out.
func (l *lab) child(out any, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, args...)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	l.children = append(l.children, cmd)
	if err := json.NewDecoder(pipe).Decode(out); err != nil {
		l.end(cmd)
		return nil, fmt.Errorf("starting %s: %w", args[0], err)
	}
	return cmd, nil
}

// end kills a child.
func (l *lab) end(cmd *exec.Cmd) {
	l.children = slices.DeleteFunc(l.children, func(c *exec.Cmd) bool { return c == cmd })
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// versions is where the hub finds the versions of platforms that only send. They
// have an endpoint that nobody asks: there must be one.
func (l *lab) versions() string { return l.partners.URL + "/versions" }
