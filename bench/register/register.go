// Package register connects the simulated platforms of a benchmark with a hub:
// the admin API's invitation and the platform's side of the OCPI handshake.
package register

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// AdminToken is the admin token of the hubs that benchmarks start.
const AdminToken = "bench-admin-token-0123456789abcdef"

// Party is the one party of a platform.
type Party struct{ Country, ID, Role string }

// name is that of the platform and of the party.
func (p Party) name() string { return p.Country + p.ID }

// Invite makes a platform of one party at the hub with the address base
// (http://host:port) and returns its registration token.
func Invite(base string, p Party) (string, error) {
	var invited struct {
		TokenA string `json:"token_a"`
	}
	err := Call(http.MethodPost, base+"/api/v1/platforms", "Bearer "+AdminToken, map[string]any{
		"name": p.name(), "token_encoding": "raw",
		"parties": []map[string]string{{"country_code": p.Country, "party_id": p.ID, "role": p.Role, "name": p.name()}},
	}, &invited)
	return invited.TokenA, err
}

// Handshake registers an invited platform, whose versions are at a URL. It returns
// the token that the hub accepts from it.
func Handshake(base, tokenA string, p Party, versions string) (string, error) {
	var credentials struct {
		Data struct {
			Token string `json:"token"`
		} `json:"data"`
		Message string `json:"status_message"`
	}
	err := Call(http.MethodPost, base+"/ocpi/2.2.1/credentials", "Token "+tokenA, map[string]any{
		"token": "bench-token-" + p.name(), "url": versions,
		"roles": []map[string]any{{
			"role": p.Role, "country_code": p.Country, "party_id": p.ID, "business_details": map[string]string{"name": p.name()},
		}},
	}, &credentials)
	if err == nil && credentials.Data.Token == "" {
		err = fmt.Errorf("registering %s: no token came back: %s", p.name(), credentials.Message)
	}
	return credentials.Data.Token, err
}

// Call sends in as JSON, or no body when it is nil, and reads the answer into out,
// unless that is nil. Any answer but HTTP 2xx is an error.
func Call(method, url, authorization string, in, out any) error {
	var content []byte
	if in != nil {
		var err error
		if content, err = json.Marshal(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequest(method, url, bytes.NewReader(content))
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
