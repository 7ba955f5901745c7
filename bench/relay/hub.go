package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/eroam/eroam/bench/register"
)

// partners plays the two platforms as far as the handshake goes; the traffic
// itself goes to the upstream that all candidates share.
type partners struct{ server *httptest.Server }

func (p *partners) close() { p.server.Close() }

func newPartners(upstream string) *partners {
	mux := http.NewServeMux()
	p := &partners{}
	answer := func(w http.ResponseWriter, data any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data, "status_code": 1000, "timestamp": "2026-01-01T00:00:00Z"})
	}
	mux.HandleFunc("GET /versions", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, []map[string]string{{"version": "2.2.1", "url": p.server.URL + "/2.2.1"}})
	})
	mux.HandleFunc("GET /2.2.1", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"version": "2.2.1", "endpoints": []map[string]string{
			{"identifier": "credentials", "role": "SENDER", "url": p.server.URL + "/credentials"},
			{"identifier": "cdrs", "role": "RECEIVER", "url": "http://" + upstream + "/cdrs"},
		}})
	})
	p.server = httptest.NewServer(mux)
	return p
}

// hub starts eroam, connects a CPO and an eMSP, and returns it as a candidate.
func (l *lab) hub(ctx context.Context) (candidate, error) {
	data := filepath.Join(l.dir, "data")
	cmd := exec.CommandContext(ctx, l.eroam, "serve")
	cmd.Env = append(os.Environ(), "EROAM_LISTEN=127.0.0.1:0", "EROAM_METRICS_LISTEN=127.0.0.1:0", "EROAM_DATA="+data,
		"EROAM_ADMIN_TOKEN="+register.AdminToken, "EROAM_ALLOW_NETWORKS=127.0.0.0/8", "EROAM_AGREEMENTS=open",
		"EROAM_LIMITS_REQUESTS_PER_SECOND=1000000", "EROAM_LIMITS_BURST=1000000", "EROAM_LIMITS_OUTBOUND=256")
	cmd, err := l.spawn(cmd)
	if err != nil {
		return candidate{}, err
	}
	addr, err := address(filepath.Join(data, "addresses.json"))
	if err != nil {
		return candidate{}, err
	}
	l.base = "http://" + addr
	l.partners = newPartners(l.upstream)
	token, err := l.register(register.Party{Country: "NL", ID: "CP1", Role: "CPO"})
	if err != nil {
		return candidate{}, err
	}
	if _, err := l.register(register.Party{Country: "DE", ID: "EM1", Role: "EMSP"}); err != nil {
		return candidate{}, err
	}
	return candidate{
		name: "eroam", url: l.base + "/ocpi/2.2.1/receiver/cdrs", pid: cmd.Process.Pid,
		header: map[string]string{
			"Authorization": "Token " + token, "X-Request-ID": "b6f0a2d2e6b54b3f8f6d2f0a", "X-Correlation-ID": "c6f0a2d2e6b54b3f8f6d2f0a",
			"OCPI-from-country-code": "NL", "OCPI-from-party-id": "CP1", "OCPI-to-country-code": "DE", "OCPI-to-party-id": "EM1",
		},
	}, nil
}

func address(path string) (string, error) {
	for range 400 {
		if b, err := os.ReadFile(path); err == nil {
			var a struct {
				Listen string `json:"listen"`
			}
			if json.Unmarshal(b, &a) == nil && a.Listen != "" {
				return a.Listen, nil
			}
		}
		time.Sleep(25 * time.Millisecond)
	}
	return "", fmt.Errorf("eroam did not become ready")
}

// register invites a platform and does the partner's side of the handshake. It
// returns the token that the hub accepts from it.
func (l *lab) register(p register.Party) (string, error) {
	invitation, err := register.Invite(l.base, p)
	if err != nil {
		return "", err
	}
	return register.Handshake(l.base, invitation, p, l.partners.server.URL+"/versions")
}
