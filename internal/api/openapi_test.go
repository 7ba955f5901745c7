package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"
)

// operations is what others build on; a path that goes away breaks them.
var operations = []string{
	"DELETE /api/v1/agreements/{id}",
	"DELETE /api/v1/meter-keys/{country_code}/{party_id}/{evse_uid}",
	"DELETE /api/v1/platforms/{id}",
	"GET /api/v1/agreements",
	"GET /api/v1/agreements/{id}",
	"GET /api/v1/audit",
	"GET /api/v1/cdrs",
	"GET /api/v1/cdrs/{country_code}/{party_id}/{id}",
	"GET /api/v1/cdrs/{country_code}/{party_id}/{id}/body",
	"GET /api/v1/cdrs/{country_code}/{party_id}/{id}/evidence",
	"GET /api/v1/cdrs/{country_code}/{party_id}/{id}/explanation",
	"GET /api/v1/cdrs/{country_code}/{party_id}/{id}/receipt",
	"GET /api/v1/crawls",
	"GET /api/v1/dead-letters",
	"GET /api/v1/dead-letters/{id}",
	"GET /api/v1/exports/cdrs",
	"GET /api/v1/exports/postings",
	"GET /api/v1/hub",
	"GET /api/v1/lanes",
	"GET /api/v1/ledger",
	"GET /api/v1/ledger/balances",
	"GET /api/v1/ledger/checkpoint",
	"GET /api/v1/ledger/checks",
	"GET /api/v1/ledger/consistency",
	"GET /api/v1/ledger/findings",
	"GET /api/v1/ledger/postings",
	"GET /api/v1/messages",
	"GET /api/v1/meter-keys/{country_code}/{party_id}/{evse_uid}",
	"GET /api/v1/objects",
	"GET /api/v1/parties",
	"GET /api/v1/parties/{country_code}/{party_id}/{role}/delivery",
	"GET /api/v1/platforms",
	"GET /api/v1/platforms/{id}",
	"GET /api/v1/quality",
	"GET /api/v1/quality/findings",
	"GET /api/v1/sessions/{country_code}/{party_id}/{id}/evidence",
	"GET /api/v1/stations",
	"PATCH /api/v1/platforms/{id}",
	"POST /api/v1/cdrs/{country_code}/{party_id}/{id}/approve",
	"POST /api/v1/cdrs/{country_code}/{party_id}/{id}/dispute",
	"POST /api/v1/cdrs/{country_code}/{party_id}/{id}/redeliver",
	"POST /api/v1/cdrs/{country_code}/{party_id}/{id}/release",
	"POST /api/v1/cdrs/{country_code}/{party_id}/{id}/resolve",
	"POST /api/v1/dead-letters/discard",
	"POST /api/v1/dead-letters/replay",
	"POST /api/v1/dead-letters/{id}/discard",
	"POST /api/v1/dead-letters/{id}/replay",
	"POST /api/v1/platforms",
	"POST /api/v1/platforms/{id}/connect",
	"POST /api/v1/platforms/{id}/crawl",
	"POST /api/v1/platforms/{id}/invite",
	"POST /api/v1/platforms/{id}/rotate",
	"PUT /api/v1/agreements/{id}",
	"PUT /api/v1/meter-keys/{country_code}/{party_id}/{evse_uid}",
	"PUT /api/v1/parties/{country_code}/{party_id}/{role}/delivery",
}

// description reads openapi.json without a token.
func description(t *testing.T, r *rig) gjson.Result {
	t.Helper()
	got := r.send("GET", "/api/v1/openapi.json", nil, http.Header{}).want(200)
	if ct := got.header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("Content-Type: got %s", ct)
	}
	return gjson.Parse(got.body)
}

func TestOpenAPIDescribesEveryRoute(t *testing.T) {
	d := description(t, newRig(t))
	if v := d.Get("openapi").String(); !strings.HasPrefix(v, "3.1") {
		t.Errorf("openapi: got %s, want 3.1", v)
	}
	if s := d.Get("security.0.admin"); !s.Exists() || d.Get("components.securitySchemes.admin.scheme").String() != "bearer" {
		t.Error("the admin token is not described")
	}
	var found []string
	ids := map[string]bool{}
	for path, methods := range d.Get("paths").Map() {
		for method, o := range methods.Map() {
			name := strings.ToUpper(method) + " /api/v1" + strings.TrimPrefix(path, "/api/v1")
			found = append(found, name)
			if o.Get("summary").String() == "" || o.Get("tags.0").String() == "" {
				t.Errorf("%s has no summary or no tag", name)
			}
			if id := o.Get("operationId").String(); id == "" || ids[id] {
				t.Errorf("%s: the operation id %q is not its own", name, id)
			} else {
				ids[id] = true
			}
			for _, status := range []string{"401", "429"} {
				if !o.Get("responses." + status).Exists() {
					t.Errorf("%s does not describe %s", name, status)
				}
			}
			if strings.Contains(path, "{id}") && strings.ToUpper(method) != "PUT" && !o.Get("responses.404").Exists() {
				t.Errorf("%s does not describe 404", name)
			}
			for _, p := range o.Get("parameters").Array() {
				if !p.Get("example").Exists() && !p.Get("schema.examples").Exists() {
					t.Errorf("%s: the parameter %s has no example", name, p.Get("name"))
				}
			}
		}
	}
	slices.Sort(found)
	if diff := cmp.Diff(operations, found); diff != "" {
		t.Error(diff)
	}
}

func TestOpenAPIHasExamples(t *testing.T) {
	d := description(t, newRig(t))
	// What holds any JSON, and what huma describes.
	except := []string{"ErrorDetail.value", "Object.body", "PresentObject.body", "Explanation.price", "AuditEntry.detail", "Message.request_body", "Message.response_body"}
	for schema, s := range d.Get("components.schemas").Map() {
		for property, p := range s.Get("properties").Map() {
			name := schema + "." + property
			structured := p.Get("$ref").Exists() || p.Get("items.$ref").Exists()
			if schema == "Message" || strings.HasPrefix(schema, "Error") || slices.Contains(except, name) || structured {
				continue
			}
			if !p.Get("examples").Exists() {
				t.Errorf("%s has no example: %s", name, p.Raw)
			}
		}
	}
}

// Deny by default: every route that is described wants the token.
func TestEveryRouteWantsTheToken(t *testing.T) {
	r := newRig(t)
	for _, o := range operations {
		method, path, _ := strings.Cut(o, " ")
		for _, suffix := range []string{"", "/", "?x=openapi.json", "/openapi.json"} {
			url := strings.ReplaceAll(path, "{id}", "a") + suffix
			got := r.send(method, url, nil, http.Header{})
			if got.status != 401 && got.status != 429 {
				t.Errorf("%s %s without a token: got %d %s", method, url, got.status, got.body)
			}
		}
	}
}
