package blackbox

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// A hub comes back at the same address with what it knew, and a party that is
// registered again replaces the platform from before.
func TestHub(t *testing.T) {
	dir := t.TempDir()
	binary, err := Build(dir)
	if err != nil {
		t.Fatal(err)
	}
	addr, err := FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	h := &Hub{Binary: binary, Data: filepath.Join(dir, "data"), Addr: addr, Settings: []string{"EROAM_LOG_LEVEL=warn"}}
	start := func() {
		t.Helper()
		if _, err := h.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	start()
	defer h.Kill()
	s := Platform(nil, Endpoint{"cdrs", "SENDER", "/cdrs"})
	defer s.Close()
	register := func() string {
		t.Helper()
		token, err := h.Register(Party{"NL", "CP1", "CPO"}, s.URL+"/versions")
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	get := func(token string) error {
		return call(http.MethodGet, h.URL()+"/ocpi/2.2.1/credentials", "Token "+token, nil, nil)
	}
	token := register()
	h.Stop()
	if err := get(token); err == nil {
		t.Error("a hub that was stopped answers")
	}
	start()
	if err := get(token); err != nil {
		t.Errorf("after a stop: %v", err)
	}
	h.Kill()
	start()
	if err := get(token); err != nil {
		t.Errorf("after a kill: %v", err)
	}
	again := register()
	if err := get(again); err != nil {
		t.Errorf("registered again: %v", err)
	}
	var refusal *Refusal
	if err := get(token); !errors.As(err, &refusal) || refusal.Status != http.StatusUnauthorized {
		t.Errorf("the token from before: %v, want HTTP 401", err)
	}
}

// A program that ends at once is not waited for.
func TestStartFails(t *testing.T) {
	h := &Hub{Binary: "/bin/false", Data: filepath.Join(t.TempDir(), "data"), Addr: "127.0.0.1:1"}
	_, err := h.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "ended while starting") {
		t.Errorf("%v, want that the hub ended", err)
	}
	h.Kill() // there is none
}
