package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// ledgerRoutes adds what belongs to the ledger. All but what is marked is open to
// platforms too, for the CDRs of their parties.
func (a *API) ledgerRoutes(h huma.API) {
	const cdr = "/cdrs/{country_code}/{party_id}/{id}"
	const key = "/meter-keys/{country_code}/{party_id}/{evse_uid}"

	shared(a, h, http.MethodGet, "/cdrs", a.listCDRs, "cdrs", "List CDRs in the order of their reception")
	shared(a, h, http.MethodGet, cdr, a.getCDR, "cdrs", "Get what is known of a CDR: findings, price, delivery, events, and who may do what next")
	sharedFile(a, h, cdr+"/body", a.getCDRBody, "cdrs", "Get a CDR, byte for byte as it was received", jsonType)
	sharedFile(a, h, cdr+"/explanation", a.getExplanation, "cdrs", "Get how the price of a CDR was computed, in words or as JSON", "text/plain", jsonType)
	sharedFile(a, h, cdr+"/receipt", a.getReceipt, "cdrs", "Get the receipt of an event of a CDR: a proof that can be checked offline", jsonType)
	sharedFile(a, h, cdr+"/evidence", a.getEvidence, "cdrs", "Get all evidence about a CDR as one file", jsonType)
	sharedFile(a, h, "/sessions/{country_code}/{party_id}/{id}/evidence", a.getSessionEvidence, "cdrs", "Get all evidence about a session and its CDRs as one file", jsonType)
	shared(a, h, http.MethodPost, cdr+"/approve", a.approveCDR, "cdrs", "Approve a CDR, which posts it: its provider, or the operator of the hub")
	shared(a, h, http.MethodPost, cdr+"/dispute", a.disputeCDR, "cdrs", "Dispute a CDR: its provider")
	shared(a, h, http.MethodPost, cdr+"/resolve", a.resolveCDR, "cdrs", "End a dispute: its provider, its CPO, or the operator of the hub")
	operators(a, h, http.MethodPost, cdr+"/release", a.releaseCDR, "cdrs", "Let a CDR that is held be approved by time")
	operators(a, h, http.MethodPost, cdr+"/redeliver", a.redeliverCDR, "cdrs", "Send a CDR again whose delivery was given up")

	shared(a, h, http.MethodGet, "/ledger", a.getLedger, "ledger", "Get the size and root of the log, how many CDRs are in which state, and the sums of the balances")
	shared(a, h, http.MethodGet, "/ledger/checkpoint", a.getCheckpoint, "ledger", "Get the newest signed checkpoint of the log, or that of a size")
	shared(a, h, http.MethodGet, "/ledger/consistency", a.getConsistency, "ledger", "Get the proof that the log at one checkpoint has grown out of that at an older one")
	shared(a, h, http.MethodGet, "/ledger/balances", a.listBalances, "ledger", "List the balances of accounts")
	shared(a, h, http.MethodGet, "/ledger/postings", a.listPostings, "ledger", "List postings in their order")
	shared(a, h, http.MethodGet, "/ledger/findings", a.listLedgerFindings, "ledger", "List CDRs that are missing and sessions that are silent")
	shared(a, h, http.MethodGet, "/ledger/checks", a.listChecks, "ledger", "List what the checks of CDRs can find, and what it leads to by default")

	shared(a, h, http.MethodPut, key, a.putMeterKey, "meter keys", "Set the public key with which the meter of an EVSE signs: its CPO, or the operator of the hub")
	shared(a, h, http.MethodGet, key, a.getMeterKey, "meter keys", "Get the public key of the meter of an EVSE")
	shared(a, h, http.MethodDelete, key, a.deleteMeterKey, "meter keys", "Forget the public key of the meter of an EVSE")

	sharedFile(a, h, "/exports/cdrs", a.exportCDRs, "exports", "Export CDRs as CSV or JSON lines, streamed", "text/csv", "application/jsonl")
	sharedFile(a, h, "/exports/postings", a.exportPostings, "exports", "Export postings as CSV or JSON lines, streamed", "text/csv", "application/jsonl")
}

// shared adds a route of the ledger that platforms may use too.
func shared[I, O any](a *API, h huma.API, method, path string, f handler[I, O], tag, summary string) {
	ledgerRoute(a, h, a.share(ledgerOperation(method, path, tag, summary)), f)
}

// sharedFile adds a route of which the answer is a file, of one of the types.
func sharedFile[I, O any](a *API, h huma.API, path string, f handler[I, O], tag, summary string, types ...string) {
	o := a.share(ledgerOperation(http.MethodGet, path, tag, summary))
	content := map[string]*huma.MediaType{}
	for _, t := range types {
		content[t] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	}
	o.Responses = map[string]*huma.Response{"200": {Description: http.StatusText(http.StatusOK), Content: content}}
	ledgerRoute(a, h, o, f)
}

func (a *API) share(o huma.Operation) huma.Operation {
	a.shared[o.Method+" "+prefix+o.Path] = true
	o.Security = []map[string][]string{{"admin": {}}, {"platform": {}}}
	return o
}

// operators adds a route of the ledger for the operator of the hub alone.
func operators[I, O any](a *API, h huma.API, method, path string, f handler[I, O], tag, summary string) {
	ledgerRoute(a, h, ledgerOperation(method, path, tag, summary), f)
}

func ledgerOperation(method, path, tag, summary string) huma.Operation {
	status, more := http.StatusOK, append(notFoundIf(path), http.StatusForbidden, http.StatusServiceUnavailable)
	switch method {
	case http.MethodPost:
		more = append(more, http.StatusConflict)
	case http.MethodDelete:
		status = http.StatusNoContent
	}
	return operation(method, path, tag, summary, status, more...)
}

func ledgerRoute[I, O any](a *API, h huma.API, o huma.Operation, f handler[I, O]) {
	huma.Register(h, o, func(ctx context.Context, in *I) (*O, error) {
		if a.ledger == nil {
			return nil, huma.Error503ServiceUnavailable("This hub keeps no ledger.")
		}
		return f(ctx, in)
	})
}
