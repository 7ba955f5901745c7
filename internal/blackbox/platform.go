package blackbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
)

// Party is the one party of a platform.
type Party struct{ Country, ID, Role string }

// Name is that of the platform and of the party.
func (p Party) Name() string { return p.Country + p.ID }

// Endpoint is an entry of the version details.
type Endpoint struct {
	Identifier string `json:"identifier"`
	Role       string `json:"role"`
	URL        string `json:"url"`
}

// Register invites a platform and does its side of the handshake; versions is the
// URL of its versions. It returns the token that the hub accepts from it.
func (h *Hub) Register(p Party, versions string) (string, error) {
	invitation, err := h.Invite(p)
	if err != nil {
		return "", fmt.Errorf("inviting %s: %w", p.Name(), err)
	}
	var credentials struct {
		Data struct {
			Token string `json:"token"`
		} `json:"data"`
		Message string `json:"status_message"`
	}
	err = call(http.MethodPost, h.URL()+"/ocpi/2.2.1/credentials", "Token "+invitation, map[string]any{
		"token": "platform-token-" + p.Name(), "url": versions,
		"roles": []map[string]any{{
			"role": p.Role, "country_code": p.Country, "party_id": p.ID, "business_details": map[string]string{"name": p.Name()},
		}},
	}, &credentials)
	if err == nil && credentials.Data.Token == "" {
		err = errors.New("no token came back: " + credentials.Message)
	}
	if err != nil {
		return "", fmt.Errorf("registering %s: %w", p.Name(), err)
	}
	return credentials.Data.Token, nil
}

// Invite makes a platform of one party and returns its registration token. What an
// earlier platform of that party left is deleted first.
func (h *Hub) Invite(p Party) (string, error) {
	token, err := h.invite(p)
	if refusal := (*Refusal)(nil); !errors.As(err, &refusal) || refusal.Status != http.StatusConflict {
		return token, err
	}
	var all struct {
		Items []struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		} `json:"items"`
	}
	if err := h.API(http.MethodGet, "/platforms", nil, &all); err != nil {
		return "", err
	}
	for _, other := range all.Items {
		if other.Name == p.Name() {
			if err := h.API(http.MethodDelete, "/platforms/"+other.ID, nil, nil); err != nil {
				return "", err
			}
		}
	}
	return h.invite(p)
}

func (h *Hub) invite(p Party) (string, error) {
	var invited struct {
		TokenA string `json:"token_a"`
	}
	err := h.API(http.MethodPost, "/platforms", map[string]any{
		"name": p.Name(), "token_encoding": "raw",
		"parties": []map[string]string{{"country_code": p.Country, "party_id": p.ID, "role": p.Role, "name": p.Name()}},
	}, &invited)
	return invited.TokenA, err
}

// API calls the admin API: it sends in as JSON, or no body when that is nil, and
// reads the answer into out, unless that is nil. path begins behind /api/v1. Any
// answer but HTTP 2xx is a Refusal.
func (h *Hub) API(method, path string, in, out any) error {
	return call(method, h.URL()+"/api/v1"+path, "Bearer "+AdminToken, in, out)
}

// Refusal is an answer that is not HTTP 2xx.
type Refusal struct {
	URL    string
	Status int
	Body   []byte
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("%s answered %d %.300s", r.URL, r.Status, r.Body)
}

func call(method, url, authorization string, in, out any) error {
	var content []byte
	if in != nil {
		var err error
		if content, err = json.Marshal(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequest(method, url, bytes.NewReader(content)) //nolint:noctx // a process of ours
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
		return &Refusal{url, res.StatusCode, body}
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", url, err)
	}
	return nil
}

// Platform starts a server that plays a platform: it serves /versions and /2.2.1 as
// Versions does, and has in, which may be nil, take every other request. The caller
// closes it.
func Platform(in http.Handler, endpoints ...Endpoint) *httptest.Server {
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	versions := Versions(s.URL, endpoints...)
	mux.Handle("/versions", versions)
	mux.Handle("/2.2.1", versions)
	if in != nil {
		mux.Handle("/", in)
	}
	return s
}

// Versions serves /versions and /2.2.1 of a platform at the address base. It has
// these endpoints beside that of its credentials; a URL that is only a path is
// below base.
func Versions(base string, endpoints ...Endpoint) http.Handler {
	all := append([]Endpoint{{"credentials", "SENDER", "/credentials"}}, endpoints...)
	for i := range all {
		if strings.HasPrefix(all[i].URL, "/") {
			all[i].URL = base + all[i].URL
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /versions", func(w http.ResponseWriter, _ *http.Request) {
		Answer(w, http.StatusOK, 1000, []map[string]string{{"version": "2.2.1", "url": base + "/2.2.1"}})
	})
	mux.HandleFunc("GET /2.2.1", func(w http.ResponseWriter, _ *http.Request) {
		Answer(w, http.StatusOK, 1000, map[string]any{"version": "2.2.1", "endpoints": all})
	})
	return mux
}

// Answer writes an OCPI envelope.
func Answer(w http.ResponseWriter, status, code int, data any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	envelope := map[string]any{"status_code": code, "timestamp": "2026-01-01T00:00:00Z"}
	if data != nil {
		envelope["data"] = data
	}
	_ = json.NewEncoder(w).Encode(envelope)
}
