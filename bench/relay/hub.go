package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const adminToken = "bench-admin-token-0123456789abcdef"

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
		"EROAM_ADMIN_TOKEN="+adminToken, "EROAM_ALLOW_NETWORKS=127.0.0.0/8", "EROAM_AGREEMENTS=open",
		"EROAM_LIMITS_REQUESTS_PER_SECOND=1000000", "EROAM_LIMITS_BURST=1000000", "EROAM_LIMITS_OUTBOUND=256")
	cmd, err := l.spawn(cmd)
	if err != nil {
		return candidate{}, err
	}
	addr, err := address(filepath.Join(data, "addresses.json"))
	if err != nil {
		return candidate{}, err
	}
	l.admin = "http://" + addr + "/api/v1"
	l.partners = newPartners(l.upstream)
	token, err := l.register("NL", "CP1", "CPO")
	if err != nil {
		return candidate{}, err
	}
	if _, err := l.register("DE", "EM1", "EMSP"); err != nil {
		return candidate{}, err
	}
	return candidate{
		name: "eroam", url: "http://" + addr + "/ocpi/2.2.1/receiver/cdrs", pid: cmd.Process.Pid,
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
func (l *lab) register(country, id, role string) (string, error) {
	var invited struct {
		VersionsURL string `json:"versions_url"`
		TokenA      string `json:"token_a"`
	}
	err := call(l.admin+"/platforms", "Bearer "+adminToken, map[string]any{
		"name": id, "token_encoding": "raw",
		"parties": []map[string]string{{"country_code": country, "party_id": id, "role": role, "name": id}},
	}, &invited)
	if err != nil {
		return "", err
	}
	var credentials struct {
		Data struct {
			Token string `json:"token"`
		} `json:"data"`
	}
	url := strings.TrimSuffix(invited.VersionsURL, "/versions") + "/2.2.1/credentials"
	err = call(url, "Token "+invited.TokenA, map[string]any{
		"token": "bench-token-" + id, "url": l.partners.server.URL + "/versions",
		"roles": []map[string]any{{"role": role, "country_code": country, "party_id": id, "business_details": map[string]string{"name": id}}},
	}, &credentials)
	if err == nil && credentials.Data.Token == "" {
		err = fmt.Errorf("no token came back")
	}
	return credentials.Data.Token, err
}

func call(url, authorization string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", authorization)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %d %s", url, res.StatusCode, body)
	}
	return json.Unmarshal(body, out)
}
