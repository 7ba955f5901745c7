package ledger

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/trace"
)

// What a bundle says of its own form. A new version is a new number; a reader
// refuses versions that it does not know.
const (
	bundleFormat  = "eroam evidence"
	bundleVersion = 1
)

// MaxBundle is how long a bundle may be to be read, in bytes.
const MaxBundle = 256 << 20

// bundle is the file. Documents that came from outside, and the stored evidence,
// are strings, so that their bytes are what was digested. docs/operate/ledger.md
// describes it.
type bundle struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	Hub     string    `json:"hub"`
	CPO     string    `json:"cpo"`
	EMSP    string    `json:"emsp,omitzero"`
	Made    time.Time `json:"made_at"`

	CDRs           []bundleCDR           `json:"cdrs"`
	Session        *bundleSession        `json:"session,omitzero"`
	Findings       []bundleFinding       `json:"findings,omitempty"`
	Authorizations []bundleAuthorization `json:"authorizations,omitempty"`
	Messages       []bundleMessage       `json:"messages,omitempty"`
	MessagesNote   string                `json:"messages_note,omitzero"` // why there may be more

	Checkpoint  string `json:"checkpoint"` // that of all receipts
	VerifierKey string `json:"verifier_key"`
}

// bundleCDR is a CDR and what is known of it.
type bundleCDR struct {
	ID       string            `json:"id"`
	OCPI     string            `json:"ocpi_version"`
	State    State             `json:"state"`
	Held     bool              `json:"held,omitzero"`
	Body     string            `json:"body"`               // as it came in
	Evidence string            `json:"evidence"`           // JSON of Evidence, as stored
	Zone     string            `json:"time_zone,omitzero"` // of the location
	Tariffs  []bundleTariff    `json:"tariffs"`            // the versions that the evidence names
	Events   []receipt.Receipt `json:"events"`             // its leaves
}

// bundleTariff is a tariff as the hub received it.
type bundleTariff struct {
	ID       string    `json:"id"`
	OCPI     string    `json:"ocpi_version"`
	Received time.Time `json:"received_at"`
	Hash     string    `json:"sha256"`
	Body     string    `json:"body"`
}

// bundleSession is the session as the hub has it.
type bundleSession struct {
	ID      string    `json:"id"`
	OCPI    string    `json:"ocpi_version"`
	Updated time.Time `json:"received_at,omitzero"` // the last change of it
	Body    string    `json:"body"`
}

// bundleFinding is a CDR that did not come, or a session that fell silent.
type bundleFinding struct {
	ID      string           `json:"id"`
	Kind    string           `json:"kind"`
	At      time.Time        `json:"at"`
	Cleared time.Time        `json:"cleared_at,omitzero"`
	Text    string           `json:"text"`
	Event   *receipt.Receipt `json:"event,omitzero"`
}

// bundleAuthorization is an authorisation that went through the hub. Ids are in
// lower case.
type bundleAuthorization struct {
	At        time.Time `json:"at"`
	Method    string    `json:"method"`
	Reference string    `json:"authorization_reference,omitzero"`
	Token     string    `json:"token"`
	Contract  string    `json:"contract_id,omitzero"`
	Location  string    `json:"location_id,omitzero"`
}

// bundleMessage is a message with bodies that people can read.
type bundleMessage struct {
	trace.Message
	RequestBody  string `json:"request_body,omitzero"`
	ResponseBody string `json:"response_body,omitzero"`
}

// storedEvidence is Evidence as it is read back: the price stays as it was
// written, to be compared byte for byte.
type storedEvidence struct {
	V      int       `json:"v"`
	At     time.Time `json:"at"`
	Report struct {
		Findings  []check.Finding    `json:"findings"`
		Verdict   check.Severity     `json:"verdict"`
		Basis     check.Basis        `json:"basis"`
		Tariffs   []check.TariffUsed `json:"tariffs"`
		Price     jsontext.Value     `json:"price"`
		Claim     jsontext.Value     `json:"claim"`
		NotPriced string             `json:"not_priced"`
	} `json:"report"`
}

func readEvidence(body string) (*storedEvidence, error) {
	var e storedEvidence
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		return nil, fmt.Errorf("reading the evidence: %w", err)
	}
	return &e, nil
}
