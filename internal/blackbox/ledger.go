package blackbox

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/eroam/eroam/internal/app"
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
	ctx := context.Background()
	db, err := h.Ledger(ctx)
	if err != nil {
		return "", err
	}
	key, err := app.VerifierKey(ctx, db, h.Data)
	return key, errors.Join(err, db.Close())
}

// Agree makes an agreement of a CPO and a provider, or changes it. Terms are more
// members of the agreement, such as approve_after_seconds; see the admin API.
func (h *Hub) Agree(cpo, emsp Party, terms map[string]any) error {
	body := map[string]any{
		"cpo":  map[string]string{"country_code": cpo.Country, "party_id": cpo.ID},
		"emsp": map[string]string{"country_code": emsp.Country, "party_id": emsp.ID},
	}
	maps.Copy(body, terms)
	return h.API(http.MethodPut, fmt.Sprintf("/agreements/%s-%s", strings.ToLower(cpo.Name()), strings.ToLower(emsp.Name())), body, nil)
}
