package ledger

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eroam/eroam/internal/ledger/check"
	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/ocpi"
)

// Proof says how sure something in a bundle is.
type Proof string

// The degrees.
const (
	Proven    Proof = "proven"    // it follows from the signed log, or was computed again here
	Stated    Proof = "stated"    // the hub, or whoever gave the file, says so: nothing shows when it was changed
	Unchecked Proof = "unchecked" // it could not be checked; the text says why
	Wrong     Proof = "wrong"     // it was changed, or never was so
)

// Judgement is what came of checking one part of a bundle.
type Judgement struct {
	Part  string `json:"part"` // as in "CDR C1: price"
	Proof Proof  `json:"proof"`
	Text  string `json:"text"`
}

// BundleCheck is what CheckBundle found.
type BundleCheck struct {
	Hub     string             `json:"hub"`
	CPO     string             `json:"cpo"`
	EMSP    string             `json:"emsp"`
	Log     receipt.Checkpoint `json:"-"`       // the signed state that holds all leaves
	Key     string             `json:"key"`     // the verifier key that it was checked with
	Trusted bool               `json:"trusted"` // the caller gave the key
	Parts   []Judgement        `json:"parts"`
}

// Sound reports whether nothing is wrong.
func (c *BundleCheck) Sound() bool {
	return !slices.ContainsFunc(c.Parts, func(j Judgement) bool { return j.Proof == Wrong })
}

func (c *BundleCheck) sayf(p Proof, part, format string, args ...any) {
	c.Parts = append(c.Parts, Judgement{part, p, fmt.Sprintf(format, args...)})
}

// CheckBundle checks a bundle, offline. For each CDR: each event is in the log
// that the trusted key has signed; the CDR's bytes and the evidence are those
// whose digests were logged when it came in; the amounts, parties and ids in the
// log are those in the CDR; the tariffs are the bytes that the evidence names;
// and the price, computed again from them, is the one in the evidence, with the
// same verdict on what the CDR claims. Without a trusted key ("") the key in the
// file is used, and the result says what that is worth.
//
// Whatever it found is in the result; an error means that the file cannot be read
// as a bundle at all.
func CheckBundle(file []byte, trustedKey string) (BundleCheck, error) {
	b, err := parseBundle(file)
	if err != nil {
		return BundleCheck{}, err
	}
	out := BundleCheck{Hub: b.Hub, CPO: b.CPO, EMSP: b.EMSP, Key: trustedKey, Trusted: trustedKey != "", Parts: []Judgement{}}
	if !out.Trusted {
		out.Key = b.VerifierKey
	}
	if !out.checkpoint(b) {
		return out, nil
	}
	for i := range b.CDRs {
		c := cdrCheck{BundleCheck: &out, bundle: b, cdr: &b.CDRs[i], name: "CDR " + b.CDRs[i].ID}
		c.run()
	}
	out.findings(b)
	out.stated(b)
	return out, nil
}

// parseBundle reads the file.
func parseBundle(file []byte) (*bundle, error) {
	if len(file) > MaxBundle {
		return nil, fmt.Errorf("the file has %d bytes; at most %d are read", len(file), MaxBundle)
	}
	var head struct {
		Format  string         `json:"format"`
		Version jsontext.Value `json:"version"`
	}
	if err := json.Unmarshal(file, &head); err != nil {
		return nil, fmt.Errorf("the file is not readable JSON: %w", err)
	}
	if head.Format != bundleFormat || string(head.Version) != "1" {
		return nil, fmt.Errorf("the file is %.40q version %.20s; this program reads %q version %d", head.Format, head.Version, bundleFormat, bundleVersion)
	}
	var b bundle
	if err := json.Unmarshal(file, &b, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("the file is not of the form of version %d: %w", bundleVersion, err)
	}
	for i := range b.CDRs {
		if err := knownVersions(&b.CDRs[i]); err != nil {
			return nil, err
		}
	}
	return &b, strictReceipts(file)
}

// knownVersions refuses versions of OCPI that there are not: nothing proves a
// version but that what it describes can be read by it.
func knownVersions(c *bundleCDR) error {
	versions := []string{c.OCPI}
	for _, t := range c.Tariffs {
		versions = append(versions, t.OCPI)
	}
	for _, v := range versions {
		switch ocpi.Version(v) {
		case ocpi.V221, ocpi.V230:
		default:
			return fmt.Errorf("CDR %.40q: ocpi_version %.20q is none", c.ID, v)
		}
	}
	return nil
}

// strictReceipts refuses receipts that are spelled otherwise than they are
// written, which reading them as a part of the file lets pass: two files with the
// same proofs shall be the same.
func strictReceipts(file []byte) error {
	var b struct {
		CDRs []struct {
			Events []jsontext.Value `json:"events"`
		} `json:"cdrs"`
		Findings []struct {
			Event jsontext.Value `json:"event"`
		} `json:"findings"`
	}
	if err := json.Unmarshal(file, &b); err != nil {
		return fmt.Errorf("the file is not readable JSON: %w", err)
	}
	var all []jsontext.Value
	for _, c := range b.CDRs {
		all = append(all, c.Events...)
	}
	for _, f := range b.Findings {
		if len(f.Event) > 0 {
			all = append(all, f.Event)
		}
	}
	for i, text := range all {
		if _, err := receipt.Parse(text); err != nil {
			return fmt.Errorf("receipt %d of the file: %w", i+1, err)
		}
	}
	return nil
}

// checkpoint opens the signed state of the log.
func (c *BundleCheck) checkpoint(b *bundle) bool {
	const part = "log"
	if c.Trusted && b.VerifierKey != c.Key {
		c.sayf(Wrong, part, "the file says that the hub signs with %s; the trusted key is %s", b.VerifierKey, c.Key)
		return false
	}
	at, err := receipt.Open(b.Checkpoint, c.Key)
	if err != nil {
		c.sayf(Wrong, part, "%v", err)
		return false
	}
	c.Log = at
	if c.Trusted {
		c.sayf(Proven, part, "the state of the log %s after %d events is signed by the trusted key", at.Origin, at.Size)
	} else {
		c.sayf(Stated, part, "the state of the log %s after %d events is signed by the key in the file itself: that shows only that whoever has this key made it; give the verifier key that the hub publishes", at.Origin, at.Size)
	}
	return true
}

// receipt checks that a leaf is in the log of the bundle.
func (c *BundleCheck) receipt(b *bundle, r *receipt.Receipt) (Leaf, error) {
	if r.Checkpoint != b.Checkpoint {
		return Leaf{}, fmt.Errorf("event %d is proven by another checkpoint than that of the file", r.Index)
	}
	checked, err := receipt.Check(*r, c.Key)
	if err != nil {
		return Leaf{}, fmt.Errorf("event %d: %w", r.Index, err)
	}
	return ParseLeaf(checked.Leaf)
}

// findings checks what was raised about the session.
func (c *BundleCheck) findings(b *bundle) {
	for i := range b.Findings {
		f := &b.Findings[i]
		part := "finding " + f.ID
		if f.Event == nil {
			c.sayf(Stated, part, "%s: %s", f.Kind, f.Text)
			continue
		}
		leaf, err := c.receipt(b, f.Event)
		session := ""
		if b.Session != nil {
			session = ocpi.FoldID(b.Session.ID)
		}
		switch {
		case err != nil:
			c.sayf(Wrong, part, "%v", err)
		case leaf.Kind != Found || f.ID != fmt.Sprintf("f%d", f.Event.Index) || leaf.Reason != f.Kind || !leaf.At.Equal(f.At) ||
			leaf.CPO != b.CPO || leaf.EMSP != b.EMSP || session != "" && leaf.Session != session:
			c.sayf(Wrong, part, "the log has another finding at this place: %s about session %s at %s", leaf.Reason, leaf.Session, ocpi.FormatTime(leaf.At))
		case f.Cleared.IsZero() && leaf.Text != f.Text:
			c.sayf(Wrong, part, "the log says: %s", leaf.Text)
		default:
			c.sayf(Proven, part, "at %s the hub logged: %s", ocpi.FormatTime(leaf.At), leaf.Text)
		}
	}
}

// stated lists what nothing proves.
func (c *BundleCheck) stated(b *bundle) {
	if b.Session != nil {
		c.sayf(Stated, "session", "the session as the hub kept it when the file was made")
	}
	if n := len(b.Authorizations); n > 0 {
		c.sayf(Stated, "authorizations", "%d that the hub has seen for the token", n)
	}
	if n := len(b.Messages); n > 0 {
		c.sayf(Stated, "messages", "%d that the hub has recorded, with tokens made unreadable", n)
	}
	c.sayf(Unchecked, "completeness", "whether the log has further events about the subject cannot be seen from this file: ask the hub, or the other party, for theirs")
}

// cdrCheck checks one CDR of a bundle.
type cdrCheck struct {
	*BundleCheck
	bundle   *bundle
	cdr      *bundleCDR
	name     string
	received *Leaf // the reception that counts
	last     *Leaf
	evidence *storedEvidence
}

func (c *cdrCheck) part(what string) string { return c.name + ": " + what }

func (c *cdrCheck) run() {
	if !c.events() {
		return
	}
	if c.received.Digest != hexDigest([]byte(c.cdr.Body)) {
		c.sayf(Wrong, c.part("bytes"), "the digest of the CDR's bytes is not the one that was logged when it came in")
		return
	}
	c.sayf(Proven, c.part("bytes"), "these bytes came in at %s from %s (SHA-256 %s)", ocpi.FormatTime(c.received.At), c.received.Actor, c.received.Digest)
	if !c.facts() {
		return
	}
	if c.received.Evidence != hexDigest([]byte(c.cdr.Evidence)) {
		c.sayf(Wrong, c.part("evidence"), "its digest is not the one that was logged when the CDR came in")
		return
	}
	var err error
	if c.evidence, err = readEvidence(c.cdr.Evidence); err != nil {
		c.sayf(Wrong, c.part("evidence"), "%v", err)
		return
	}
	if !slices.Equal(c.received.Findings, findingLines(c.evidence.Report.Findings)) {
		c.sayf(Wrong, c.part("evidence"), "its findings are not those in the log")
		return
	}
	c.sayf(Proven, c.part("evidence"), "findings and explanation of the price are as they were stored when it came in: %s", verdictWords(c.evidence))
	if c.tariffs() {
		c.price()
	}
}

// events checks each leaf, and what they say together.
func (c *cdrCheck) events() bool {
	part := c.part("events")
	var kinds []string
	before := int64(-1)
	for i := range c.cdr.Events {
		r := &c.cdr.Events[i]
		leaf, err := c.receipt(c.bundle, r)
		switch {
		case err != nil:
		case leaf.CPO != c.bundle.CPO || leaf.EMSP != c.bundle.EMSP || ocpi.FoldID(leaf.CDR) != ocpi.FoldID(c.cdr.ID):
			err = fmt.Errorf("event %d is about %s %s for %s", r.Index, leaf.CPO, leaf.CDR, leaf.EMSP)
		case r.Index <= before:
			err = fmt.Errorf("event %d stands behind event %d", r.Index, before)
		case i == 0 && leaf.Kind != Received:
			err = fmt.Errorf("the first event is %s, not %s", leaf.Kind, Received)
		}
		if err != nil {
			c.sayf(Wrong, part, "%v", err)
			return false
		}
		before = r.Index
		kinds = append(kinds, fmt.Sprintf("%s (%d)", leaf.Kind, r.Index))
		if leaf.Kind == Received {
			c.received = &leaf
		}
		if leaf.Kind != Conflict {
			c.last = &leaf
		}
	}
	switch {
	case c.received == nil:
		c.sayf(Wrong, part, "there is none: nothing shows that the CDR came in")
	case c.cdr.State != c.last.State || c.cdr.Held != c.last.Held:
		c.sayf(Wrong, part, "the CDR is said to be %s (held: %v); its last event says %s (held: %v)", c.cdr.State, c.cdr.Held, c.last.State, c.last.Held)
	default:
		c.sayf(Proven, part, "%s; it is %s", strings.Join(kinds, ", "), c.cdr.State)
		return true
	}
	return false
}

// facts compares what was logged with the CDR, and the postings with its amounts.
func (c *cdrCheck) facts() bool {
	part := c.part("amounts")
	cdr, err := check.Read(ocpi.Version(c.cdr.OCPI), []byte(c.cdr.Body), nil)
	if err != nil {
		c.sayf(Wrong, part, "the CDR cannot be read as OCPI %s: %v", c.cdr.OCPI, err)
		return false
	}
	r := c.received
	if cdr.Party.String() != r.CPO || cdr.ID != r.CDR || cdr.Session != r.Session || cdr.CreditOf != r.CreditOf ||
		cdr.Currency != r.Currency || cdr.Net != r.Net || cdr.Gross != r.Gross {
		c.sayf(Wrong, part, "the log says %s %s over %s, the CDR %s %s over %s", r.CPO, r.CDR, amounts(r.Net, r.Gross, r.Currency), cdr.Party, cdr.ID, amounts(cdr.Net, cdr.Gross, cdr.Currency))
		return false
	}
	posted, journals := "nothing is posted", 0
	row := rowOf(r, cdr)
	want := journal(&row)
	for i := range c.cdr.Events {
		leaf, err := ParseLeaf([]byte(c.cdr.Events[i].Leaf))
		if err != nil || len(leaf.Postings) == 0 {
			continue
		}
		if journals++; journals > 1 || !slices.Equal(leaf.Postings, want) {
			c.sayf(Wrong, part, "event %d posts other amounts than those of the CDR, or posts them again", c.cdr.Events[i].Index)
			return false
		}
		posted = fmt.Sprintf("posted by event %d", c.cdr.Events[i].Index)
	}
	c.sayf(Proven, part, "%s as the CDR says; %s", amounts(cdr.Net, cdr.Gross, cdr.Currency), posted)
	return true
}

// findingLines are findings as a leaf lists them.
func findingLines(list []check.Finding) (lines []string) {
	for _, f := range list {
		lines = append(lines, f.Check+" "+string(f.Severity)+" "+f.Code)
	}
	return lines
}

func verdictWords(e *storedEvidence) string {
	if len(e.Report.Findings) == 0 {
		return "no findings"
	}
	return string(e.Report.Verdict) + ", " + strings.Join(findingLines(e.Report.Findings), ", ")
}

// equalJSON reports whether two values are the same but for white space.
func equalJSON(a, b []byte) bool {
	x, y := jsontext.Value(bytes.Clone(a)), jsontext.Value(bytes.Clone(b))
	if x.Compact() != nil || y.Compact() != nil {
		return false
	}
	return bytes.Equal(x, y)
}
