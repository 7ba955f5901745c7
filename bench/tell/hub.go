package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const adminToken = "bench-admin-token-0123456789abcdef"

// hub is one eroam process on a data directory.
type hub struct {
	binary, data  string
	addr, metrics string // host:port, the same at each start
	cmd           *exec.Cmd
}

// start runs the hub and returns how long it took until /readyz said yes.
func (h *hub) start(ctx context.Context) (time.Duration, error) {
	if h.addr == "" {
		h.addr, h.metrics = freePort(), freePort()
	}
	if err := os.MkdirAll(h.data, 0o700); err != nil {
		return 0, err
	}
	log, err := os.OpenFile(h.data+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { _ = log.Close() }()
	h.cmd = exec.Command(h.binary, "serve")
	h.cmd.Dir = h.data
	h.cmd.Env = append(withoutSettings(os.Environ()), "EROAM_LISTEN="+h.addr, "EROAM_METRICS_LISTEN="+h.metrics, "EROAM_DATA="+h.data,
		"EROAM_ADMIN_TOKEN="+adminToken, "EROAM_ALLOW_NETWORKS=127.0.0.0/8", "EROAM_AGREEMENTS=open", "EROAM_LOG_LEVEL=warn",
		// One partner sends what hundreds would.
		"EROAM_LIMITS_REQUESTS_PER_SECOND=1000000", "EROAM_LIMITS_BURST=1000000", "EROAM_LIMITS_CONCURRENT=2048")
	h.cmd.Stdout, h.cmd.Stderr = log, log
	began := time.Now()
	if err := h.cmd.Start(); err != nil {
		return 0, err
	}
	for {
		if ready(ctx, h.addr) {
			return time.Since(began), nil
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		var status syscall.WaitStatus
		if pid, _ := syscall.Wait4(h.cmd.Process.Pid, &status, syscall.WNOHANG, nil); pid != 0 {
			h.cmd = nil
			return 0, fmt.Errorf("the hub ended while starting; see %s.log", h.data)
		}
		if time.Since(began) > 5*time.Minute {
			return 0, fmt.Errorf("the hub is not ready after five minutes; see %s.log", h.data)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func ready(ctx context.Context, addr string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", nil)
	if err != nil {
		return false
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// withoutSettings drops settings of another hub from an environment.
func withoutSettings(env []string) []string {
	var out []string
	for _, kv := range env {
		if !strings.HasPrefix(kv, "EROAM_") {
			out = append(out, kv)
		}
	}
	return out
}

// idle waits until the hub has done what it does after a start, reading what it
// keeps in memory, or after a load: until it uses little of a processor. It
// returns how long that took.
func (h *hub) idle(ctx context.Context) (time.Duration, error) {
	const most = 3 * time.Minute
	for begin := time.Now(); ; {
		before := used(h.pid())
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Second):
		}
		took := time.Since(begin)
		if s := before.since(); s.by[h.pid()]/s.seconds < 0.05 || took > most {
			return took - time.Second, nil
		}
	}
}

func (h *hub) pid() int { return h.cmd.Process.Pid }

// stop ends the hub: with a chance to tidy up, or at once.
func (h *hub) stop(kill bool) {
	if h.cmd == nil {
		return
	}
	if kill {
		_ = h.cmd.Process.Kill()
	} else {
		_ = h.cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(60*time.Second, func() { _ = h.cmd.Process.Kill() })
		defer late.Stop()
	}
	_ = h.cmd.Wait()
	h.cmd = nil
}

func (h *hub) api(path string) string { return "http://" + h.addr + "/api/v1" + path }

// profile writes a CPU profile while do runs, where -profile asks for it.
func (l *lab) profiled(h *hub, name string, length time.Duration, do func() error) error {
	if l.o.profile == "" {
		return do()
	}
	done := make(chan error, 1)
	go func() {
		done <- save(filepath.Join(l.o.profile, name+".pprof"),
			fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", h.metrics, max(1, int(length.Seconds()))))
	}()
	return errors.Join(do(), <-done)
}

func save(path, url string) error {
	res, err := http.Get(url) //nolint:noctx // bounded by the length of the profile
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, res.Body)
	return errors.Join(err, f.Close())
}

// invite makes a platform of one party and returns its registration token. A
// platform of that name that an interrupted run left is removed.
func (h *hub) invite(country, id, role string) (string, error) {
	token, err := h.inviteNew(country, id, role)
	if !strings.Contains(fmt.Sprint(err), "answered 409") {
		return token, err
	}
	var all struct {
		Items []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"items"`
	}
	if err := call(http.MethodGet, h.api("/platforms"), "Bearer "+adminToken, nil, &all); err != nil {
		return "", err
	}
	for _, p := range all.Items {
		if p.Name == country+id {
			if err := call(http.MethodDelete, h.api("/platforms/"+p.ID), "Bearer "+adminToken, nil, nil); err != nil {
				return "", err
			}
		}
	}
	return h.inviteNew(country, id, role)
}

func (h *hub) inviteNew(country, id, role string) (string, error) {
	var invited struct {
		TokenA string `json:"token_a"`
	}
	err := call(http.MethodPost, h.api("/platforms"), "Bearer "+adminToken, map[string]any{
		"name": country + id, "token_encoding": "raw",
		"parties": []map[string]string{{"country_code": country, "party_id": id, "role": role, "name": country + id}},
	}, &invited)
	return invited.TokenA, err
}

// register plays a platform's side of the handshake; versions is where the hub
// finds the platform. It returns the token that the hub accepts from it.
func (h *hub) register(country, id, role, versions string) (string, error) {
	tokenA, err := h.invite(country, id, role)
	if err != nil {
		return "", err
	}
	var credentials struct {
		Data struct {
			Token string `json:"token"`
		} `json:"data"`
		Message string `json:"status_message"`
	}
	err = call(http.MethodPost, "http://"+h.addr+"/ocpi/2.2.1/credentials", "Token "+tokenA, map[string]any{
		"token": "bench-token-" + country + id, "url": versions,
		"roles": []map[string]any{{"role": role, "country_code": country, "party_id": id, "business_details": map[string]string{"name": id}}},
	}, &credentials)
	if err == nil && credentials.Data.Token == "" {
		err = fmt.Errorf("registering %s%s: no token came back: %s", country, id, credentials.Message)
	}
	return credentials.Data.Token, err
}

func call(method, url, authorization string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(method, url, bytes.NewReader(b))
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
		return fmt.Errorf("%s answered %d %.300s", url, res.StatusCode, body)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(body, out)
}
