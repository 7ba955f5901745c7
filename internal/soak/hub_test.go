package soak

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/eroam/eroam/internal/blackbox"
)

// buildDir is where eroam is built.
var buildDir string

// binary builds eroam, or takes the one that EROAM_SOAK_BINARY names.
var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("EROAM_SOAK_BINARY"); path != "" {
		return path, nil
	}
	return blackbox.Build(buildDir)
})

func TestMain(m *testing.M) {
	var err error
	if buildDir, err = os.MkdirTemp("", "eroam-soak-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(buildDir)
	os.Exit(code)
}

// hub is a hub that is killed and started again, always at the same address.
type hub struct {
	*blackbox.Hub
	starts []time.Duration // until /readyz
}

func newHub(t testing.TB, database string) *hub {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	addr, err := blackbox.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	h := &hub{Hub: &blackbox.Hub{
		Binary: path, Data: filepath.Join(t.TempDir(), "data"), Addr: addr, Settings: []string{"EROAM_DATABASE=" + database},
	}}
	t.Cleanup(func() {
		h.Kill()
		if t.Failed() {
			b, _ := os.ReadFile(h.LogFile())
			t.Logf("the end of the hub's log:\n%s", b[max(0, len(b)-8000):])
		}
	})
	return h
}

// start runs the hub and returns once it is ready.
func (h *hub) start(t testing.TB) {
	t.Helper()
	took, err := h.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.starts = append(h.starts, took)
}

// register connects a platform and returns the token that the hub accepts from it.
func (h *hub) register(t testing.TB, p partyID, role, versions string) string {
	t.Helper()
	token, err := h.Register(blackbox.Party{Country: p.country, ID: p.id, Role: role}, versions)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
