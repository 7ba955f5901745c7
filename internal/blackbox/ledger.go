package blackbox

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/store"
)

// Database is where the hub keeps its data.
func (h *Hub) Database() store.Options {
	for _, s := range h.Settings {
		if url, ok := strings.CutPrefix(s, "EROAM_DATABASE="); ok && url != "" {
			return store.Options{Database: url}
		}
	}
	return store.Options{Dir: h.Data}
}

// Ledger opens the hub's ledger for reading, beside it. The caller closes it.
func (h *Hub) Ledger(ctx context.Context) (*store.Reader, error) {
	return store.OpenReader(ctx, h.Database())
}

// VerifierKey is what the checkpoints of the hub's ledger are verified with.
func (h *Hub) VerifierKey() (string, error) {
	text, err := os.ReadFile(filepath.Join(h.Data, "seal.key"))
	if err != nil {
		return "", err
	}
	seal, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return "", fmt.Errorf("reading seal.key: %w", err)
	}
	m := hmac.New(sha256.New, seal)
	m.Write([]byte("eroam checkpoints of the ledger"))
	s, err := receipt.NewSigner(h.Addr, [32]byte(m.Sum(nil)))
	if err != nil {
		return "", err
	}
	return s.VerifierKey(), nil
}

// Agree makes an agreement of a CPO and a provider, or changes it. Terms are more
// members of the agreement, such as approve_after_seconds; see the admin API.
func (h *Hub) Agree(cpo, emsp Party, terms map[string]any) error {
	body := map[string]any{
		"cpo":  map[string]string{"country_code": cpo.Country, "party_id": cpo.ID},
		"emsp": map[string]string{"country_code": emsp.Country, "party_id": emsp.ID},
	}
	for k, v := range terms {
		body[k] = v
	}
	return h.API(http.MethodPut, fmt.Sprintf("/agreements/%s-%s", strings.ToLower(cpo.Name()), strings.ToLower(emsp.Name())), body, nil)
}
