package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/go-json-experiment/json"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/eroam/eroam/internal/ledger"
	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/ocpi"
)

// keyFlag is the key that is trusted.
type keyFlag struct {
	Key string `env:"EROAM_VERIFIER_KEY" placeholder:"KEY" help:"The hub's verifier key, which you got from its operator; without it the key in the file is used, which proves less."`
}

// checkCodes is said by the commands that check a file.
const checkCodes = "\n\nExit code 0: it proves what it says; 1: it does not; 2: a file cannot be read."

// readProof reads a file of at most limit bytes, or standard input for "-".
func readProof(name string, limit int64) ([]byte, error) {
	var r io.Reader = os.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, &codeError{exitInput, err.Error()}
		}
		defer f.Close()
		r = f
	}
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, &codeError{exitInput, fmt.Sprintf("reading %s: %v", name, err)}
	}
	return b, nil
}

// LedgerCheckReceiptCmd checks a receipt.
type LedgerCheckReceiptCmd struct {
	File    string `arg:"" help:"The receipt; - is standard input."`
	Promise string `placeholder:"TEXT" help:"The header Eroam-Promise of the answer when the CDR was sent: the receipt must be about what was promised."`
	keyFlag
}

// Help is shown under the usage line.
func (LedgerCheckReceiptCmd) Help() string {
	return "Example:\n\n  $ eroam ledger check-receipt cdr1.receipt.json --key \"$KEY\"" + checkCodes
}

// Run checks and prints what it proves.
func (c *LedgerCheckReceiptCmd) Run(l *LedgerCmd, s Streams) error {
	file, err := readProof(c.File, receipt.MaxFile)
	if err != nil {
		return err
	}
	r, err := receipt.Parse(file)
	var out receipt.Checked
	if err == nil {
		out, err = receipt.Check(r, c.Key)
	}
	if err == nil && c.Promise != "" {
		var p receipt.Promise
		if p, err = receipt.OpenPromise(c.Promise, out.Key); err == nil {
			err = p.Kept(&out)
		}
	}
	var leaf ledger.Leaf
	if err == nil {
		leaf, err = ledger.ParseLeaf(out.Leaf)
	}
	if err != nil {
		return l.noProof(s, err)
	}
	view := struct {
		Valid   bool        `json:"valid"`
		Trusted bool        `json:"trusted"`
		Warning string      `json:"warning,omitzero"`
		Key     string      `json:"key"`
		Origin  string      `json:"origin"`
		Index   int64       `json:"index"`
		Size    int64       `json:"size"`
		Leaf    ledger.Leaf `json:"leaf"`
	}{true, out.Trusted, out.Warning, out.Key, out.Checkpoint.Origin, out.Index, out.Checkpoint.Size, leaf}
	return l.print(s, view, func(w io.Writer) {
		fmt.Fprintf(w, "valid\tevent %d of the log %s, signed when it had %d\n", out.Index, out.Checkpoint.Origin, out.Checkpoint.Size)
		fmt.Fprintf(w, "key\t%s\n", out.Key)
		if out.Warning != "" {
			fmt.Fprintf(w, "warning\t%s\n", out.Warning)
		}
		printLeaf(w, &leaf)
	})
}

// noProof says that a file proves nothing.
func (c *LedgerCmd) noProof(s Streams, why error) error {
	if c.JSON {
		out := map[string]any{"valid": false, "problem": why.Error()}
		if fault, ok := errors.AsType[*receipt.Error](why); ok {
			out["fault"] = fault.Fault
		}
		return errors.Join(printJSON(s.Out, out), &codeError{code: exitFailed})
	}
	return &codeError{exitFailed, "not proven: " + why.Error()}
}

// printLeaf prints what an event says.
func printLeaf(w io.Writer, l *ledger.Leaf) {
	fmt.Fprintf(w, "event\t%s at %s by %s\n", l.Kind, ocpi.FormatTime(l.At), cmp.Or(l.Actor, "-"))
	for _, line := range [][2]string{
		{"CDR", strings.TrimSpace(l.CPO + " " + l.CDR)}, {"provider", l.EMSP}, {"session", l.Session}, {"state", string(l.State)},
		{"SHA-256 of the CDR", l.Digest}, {"SHA-256 of the evidence", l.Evidence}, {"takes back", l.CreditOf}, {"taken back by", l.CreditBy},
		{"reason", strings.TrimSpace(l.Reason + " " + l.Text)}, {"findings", strings.Join(l.Findings, ", ")},
	} {
		if line[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", line[0], line[1])
		}
	}
	if l.Currency != "" {
		fmt.Fprintf(w, "amount\t%s before and %s after tax\n", money(l.Net, l.Currency), money(l.Gross, l.Currency))
	}
	for _, p := range l.Postings {
		fmt.Fprintf(w, "posted\t%s %s\n", p.Account, money(p.Amount, p.Currency))
	}
}

// LedgerCheckEvidenceCmd checks a bundle.
type LedgerCheckEvidenceCmd struct {
	File string `arg:"" help:"The evidence; - is standard input."`
	keyFlag
}

// Help is shown under the usage line.
func (LedgerCheckEvidenceCmd) Help() string {
	return "Example:\n\n  $ eroam ledger check-evidence cdr1.evidence.json --key \"$KEY\"" + checkCodes
}

// Run checks and prints each part.
func (c *LedgerCheckEvidenceCmd) Run(l *LedgerCmd, s Streams) error {
	file, err := readProof(c.File, ledger.MaxBundle)
	if err != nil {
		return err
	}
	out, err := ledger.CheckBundle(file, c.Key)
	if err != nil {
		return l.noProof(s, err)
	}
	view := struct {
		Valid bool `json:"valid"`
		ledger.BundleCheck
	}{out.Sound(), out}
	err = l.print(s, view, func(w io.Writer) {
		for _, j := range out.Parts {
			fmt.Fprintf(w, "%s\t%s\t%s\n", j.Proof, j.Part, j.Text)
		}
	})
	if err == nil && !out.Sound() {
		err = &codeError{exitFailed, "something is wrong with this evidence"}
	}
	return err
}

// LedgerCheckConsistencyCmd checks a consistency proof.
type LedgerCheckConsistencyCmd struct {
	Older string `arg:"" help:"The older checkpoint, or a receipt with it."`
	Newer string `arg:"" help:"The newer checkpoint, or a receipt with it."`
	Proof string `arg:"" help:"What eroam ledger consistency wrote for the two."`
	keyFlag
}

// Help is shown under the usage line.
func (LedgerCheckConsistencyCmd) Help() string {
	return `A checkpoint has no key in it: --key is needed unless one of the two is a receipt.

Example:

  $ eroam ledger check-consistency checkpoint.january checkpoint.february proof.json --key "$KEY"` + checkCodes
}

// Run checks.
func (c *LedgerCheckConsistencyCmd) Run(l *LedgerCmd, s Streams) error {
	key := c.Key
	var notes [2]string
	for i, name := range []string{c.Older, c.Newer} {
		file, err := readProof(name, receipt.MaxFile)
		if err != nil {
			return err
		}
		notes[i] = string(file)
		if !ocpi.IsObject(file) {
			continue
		}
		r, err := receipt.Parse(file)
		if err != nil {
			return l.noProof(s, fmt.Errorf("%s: %w", name, err))
		}
		notes[i], key = r.Checkpoint, cmp.Or(key, r.VerifierKey)
	}
	if key == "" {
		return &codeError{exitInput, "--key is needed: a checkpoint has no key in it"}
	}
	file, err := readProof(c.Proof, receipt.MaxFile)
	if err != nil {
		return err
	}
	var proof struct {
		Proof []tlog.Hash `json:"proof"`
	}
	if err := json.Unmarshal(file, &proof); err != nil {
		return l.noProof(s, fmt.Errorf("%s: %w", c.Proof, err))
	}
	older, newer, err := receipt.CheckConsistency(notes[0], notes[1], proof.Proof, key)
	if err != nil {
		return l.noProof(s, err)
	}
	view := map[string]any{"valid": true, "trusted": c.Key != "", "key": key, "origin": newer.Origin, "older": older.Size, "newer": newer.Size}
	return l.print(s, view, func(w io.Writer) {
		fmt.Fprintf(w, "valid\tthe log %s of %d events holds all %d of the older one, unchanged\nkey\t%s\n", newer.Origin, newer.Size, older.Size, key)
		if c.Key == "" {
			fmt.Fprintf(w, "warning\tthe key is from the receipt itself: give the verifier key that the hub publishes\n")
		}
	})
}
