package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/eroam/eroam/internal/api"
)

// CDRPage is a part of an answer.
type CDRPage struct {
	Items []api.CDR `json:"items"`
	Next  string    `json:"next"` // cursor of the next page; "" on the last
}

// CDRs lists CDRs in the order of their reception; the parameters are those of the
// API: cpo, emsp, state, held, mail, currency, session, from, to, cursor, limit,
// party.
func (c *Client) CDRs(ctx context.Context, q url.Values) (CDRPage, error) {
	return call[CDRPage](ctx, c, http.MethodGet, "/cdrs?"+q.Encode(), nil)
}

// CDR returns what is known of a CDR.
func (c *Client) CDR(ctx context.Context, cpo api.PartyRef, id string) (api.CDRDetail, error) {
	return call[api.CDRDetail](ctx, c, http.MethodGet, cdr(cpo, id), nil)
}

// CDRBody returns a CDR as it was received.
func (c *Client) CDRBody(ctx context.Context, cpo api.PartyRef, id string) ([]byte, error) {
	return c.file(ctx, cdr(cpo, id)+"/body")
}

// Explanation returns how the price of a CDR was computed, in words: in en, fr or
// es.
func (c *Client) Explanation(ctx context.Context, cpo api.PartyRef, id, language string) (string, error) {
	text, err := c.file(ctx, cdr(cpo, id)+"/explanation?"+url.Values{"lang": {language}}.Encode())
	return string(text), err
}

// ExplanationJSON returns the same for programs.
func (c *Client) ExplanationJSON(ctx context.Context, cpo api.PartyRef, id string) (api.Explanation, error) {
	return call[api.Explanation](ctx, c, http.MethodGet, cdr(cpo, id)+"/explanation?format=json", nil)
}

// Receipt returns the receipt of the newest event of a kind, a file for package
// receipt; of the reception where event is "".
func (c *Client) Receipt(ctx context.Context, cpo api.PartyRef, id, event string) ([]byte, error) {
	q := url.Values{}
	if event != "" {
		q.Set("event", event)
	}
	return c.file(ctx, cdr(cpo, id)+"/receipt?"+q.Encode())
}

// Evidence returns all evidence about a CDR as one file.
func (c *Client) Evidence(ctx context.Context, cpo api.PartyRef, id string) ([]byte, error) {
	return c.file(ctx, cdr(cpo, id)+"/evidence")
}

// SessionEvidence returns all evidence about a session and its CDRs as one file.
func (c *Client) SessionEvidence(ctx context.Context, cpo api.PartyRef, session string) ([]byte, error) {
	return c.file(ctx, "/sessions/"+url.PathEscape(cpo.CountryCode)+"/"+url.PathEscape(cpo.PartyID)+"/"+url.PathEscape(session)+"/evidence")
}

// Approve approves a CDR and returns it as it is then.
func (c *Client) Approve(ctx context.Context, cpo api.PartyRef, id string, in api.Approval) (api.CDRDetail, error) {
	return call[api.CDRDetail](ctx, c, http.MethodPost, cdr(cpo, id)+"/approve", in)
}

// Dispute disputes a CDR and returns it as it is then, with the lines of its price.
// It is for the token of a platform.
func (c *Client) Dispute(ctx context.Context, cpo api.PartyRef, id string, in api.Dispute) (api.CDRDetail, error) {
	return call[api.CDRDetail](ctx, c, http.MethodPost, cdr(cpo, id)+"/dispute", in)
}

// Resolve ends a dispute.
func (c *Client) Resolve(ctx context.Context, cpo api.PartyRef, id string, in api.Resolution) (api.CDRDetail, error) {
	return call[api.CDRDetail](ctx, c, http.MethodPost, cdr(cpo, id)+"/resolve", in)
}

// Release lets a CDR that is held be approved by time.
func (c *Client) Release(ctx context.Context, cpo api.PartyRef, id, text string) (api.CDRDetail, error) {
	return call[api.CDRDetail](ctx, c, http.MethodPost, cdr(cpo, id)+"/release", api.Release{Text: text})
}

// Redeliver sends a CDR again whose delivery was given up.
func (c *Client) Redeliver(ctx context.Context, cpo api.PartyRef, id, reason string) (api.CDRDetail, error) {
	return call[api.CDRDetail](ctx, c, http.MethodPost, cdr(cpo, id)+"/redeliver", api.Why{Reason: reason})
}

// Ledger returns the ledger as a whole.
func (c *Client) Ledger(ctx context.Context) (api.Ledger, error) {
	return call[api.Ledger](ctx, c, http.MethodGet, "/ledger", nil)
}

// Checkpoint returns the signed checkpoint of a size; 0: the newest.
func (c *Client) Checkpoint(ctx context.Context, size int64) (api.Checkpoint, error) {
	return call[api.Checkpoint](ctx, c, http.MethodGet, "/ledger/checkpoint?size="+strconv.FormatInt(size, 10), nil)
}

// Consistency returns the proof between the checkpoints of two sizes; 0 as the
// newer is the newest.
func (c *Client) Consistency(ctx context.Context, from, to int64) (api.Consistency, error) {
	return call[api.Consistency](ctx, c, http.MethodGet, fmt.Sprintf("/ledger/consistency?from=%d&to=%d", from, to), nil)
}

// Balances lists the balances; the parameters are account, currency, party.
func (c *Client) Balances(ctx context.Context, q url.Values) ([]api.Balance, error) {
	out, err := call[list[api.Balance]](ctx, c, http.MethodGet, "/ledger/balances?"+q.Encode(), nil)
	return out.Items, err
}

// PostingPage is a part of an answer.
type PostingPage struct {
	Items []api.Posting `json:"items"`
	Next  string        `json:"next"` // cursor of the next page; "" on the last
}

// Postings lists postings in their order; the parameters are those of the API: cpo
// and cdr, account, currency, from, to, cursor, limit, party.
func (c *Client) Postings(ctx context.Context, q url.Values) (PostingPage, error) {
	return call[PostingPage](ctx, c, http.MethodGet, "/ledger/postings?"+q.Encode(), nil)
}

// LedgerFindingPage is a part of an answer.
type LedgerFindingPage struct {
	Items []api.LedgerFinding `json:"items"`
	Next  string              `json:"next"` // cursor of the next page; "" on the last
}

// LedgerFindings lists missing CDRs and silent sessions; the parameters are those
// of the API: cpo, emsp, kind, session, all, cursor, limit, party.
func (c *Client) LedgerFindings(ctx context.Context, q url.Values) (LedgerFindingPage, error) {
	return call[LedgerFindingPage](ctx, c, http.MethodGet, "/ledger/findings?"+q.Encode(), nil)
}

// Checks lists what the checks of CDRs can find.
func (c *Client) Checks(ctx context.Context) ([]api.CheckCode, error) {
	out, err := call[list[api.CheckCode]](ctx, c, http.MethodGet, "/ledger/checks", nil)
	return out.Items, err
}

// MeterKey returns the public key of the meter of an EVSE.
func (c *Client) MeterKey(ctx context.Context, cpo api.PartyRef, evse string) (api.MeterKey, error) {
	return call[api.MeterKey](ctx, c, http.MethodGet, meterKey(cpo, evse), nil)
}

// SetMeterKey sets it.
func (c *Client) SetMeterKey(ctx context.Context, cpo api.PartyRef, evse, key string) (api.MeterKey, error) {
	return call[api.MeterKey](ctx, c, http.MethodPut, meterKey(cpo, evse), api.KeyText{Key: key})
}

// DeleteMeterKey forgets it.
func (c *Client) DeleteMeterKey(ctx context.Context, cpo api.PartyRef, evse string) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, meterKey(cpo, evse), nil)
	return err
}

// ExportCDRs writes CDRs to w as they come; the parameters are those of the API:
// format, from, to, posted, of, state, currency, party. It takes as long as it
// takes; what was written before an error is a part only.
func (c *Client) ExportCDRs(ctx context.Context, w io.Writer, q url.Values) error {
	return c.stream(ctx, w, "/exports/cdrs?"+q.Encode())
}

// ExportPostings does the same with postings; they have no parameter posted.
func (c *Client) ExportPostings(ctx context.Context, w io.Writer, q url.Values) error {
	return c.stream(ctx, w, "/exports/postings?"+q.Encode())
}

func cdr(cpo api.PartyRef, id string) string {
	return "/cdrs/" + url.PathEscape(cpo.CountryCode) + "/" + url.PathEscape(cpo.PartyID) + "/" + url.PathEscape(id)
}

func meterKey(cpo api.PartyRef, evse string) string {
	return "/meter-keys/" + url.PathEscape(cpo.CountryCode) + "/" + url.PathEscape(cpo.PartyID) + "/" + url.PathEscape(evse)
}

// file gets an answer that is not made of a Go type.
func (c *Client) file(ctx context.Context, path string) ([]byte, error) {
	status, text, header, err := c.exchange(ctx, http.MethodGet, path, nil)
	if err == nil && status != http.StatusOK {
		err = problem(status, header, text)
	}
	if err != nil {
		return nil, err
	}
	return text, nil
}

// stream copies a long answer.
func (c *Client) stream(ctx context.Context, w io.Writer, path string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, http.NoBody)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", c.authorization)
	patient := *c.http
	patient.Timeout = 0
	answer, err := patient.Do(r)
	if err != nil {
		return fmt.Errorf("calling the hub: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
		if err != nil {
			return fmt.Errorf("reading the hub's answer: %w", err)
		}
		return problem(answer.StatusCode, answer.Header, text)
	}
	if _, err := io.Copy(w, answer.Body); err != nil {
		return fmt.Errorf("reading the hub's answer, of which only a part has come: %w", err)
	}
	return nil
}
