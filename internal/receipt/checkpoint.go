package receipt

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// MaxSize is the largest tree, in leaves; every size and index is then exact in
// any JSON reader.
const MaxSize = 1<<53 - 1

// maxNote is the longest signed checkpoint, in bytes; it has room for
// signatures of witnesses.
const maxNote = 16 << 10

// Checkpoint is the state of a log that its hub has signed (C2SP
// tlog-checkpoint).
type Checkpoint struct {
	Origin string    // the log
	Size   int64     // how many leaves it has
	Root   tlog.Hash // the hash over all of them
}

// body is the text that is signed.
func body(origin string, size int64, root tlog.Hash) string {
	return origin + "\n" + strconv.FormatInt(size, 10) + "\n" + root.String() + "\n"
}

// Open reads a signed checkpoint and checks its signature by the verifier key.
// The faults: FaultForm (not a checkpoint), FaultKey (not signed by this key, or
// of another origin than the key's), FaultSignature. Signatures by other keys
// are allowed and say nothing; lines after the three of a checkpoint are
// refused, because this log writes none.
func Open(text, verifierKey string) (Checkpoint, error) {
	v, err := verifier(verifierKey)
	if err != nil {
		return Checkpoint{}, err
	}
	if len(text) > maxNote {
		return Checkpoint{}, fault(FaultForm, "the checkpoint has %d bytes; at most %d are read", len(text), maxNote)
	}
	n, err := note.Open([]byte(text), note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, noteFault(err, v)
	}
	c, err := parseBody(n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != v.Name() {
		return Checkpoint{}, fault(FaultKey, "the checkpoint is of the log %q, the key is of %q", c.Origin, v.Name())
	}
	if !exactSignatures(text, n) {
		return Checkpoint{}, fault(FaultForm, "a signature line of the checkpoint is not spelled as it would be written")
	}
	return c, nil
}

// noteFault says what is wrong with a signed note.
func noteFault(err error, v note.Verifier) error {
	var (
		unverified *note.UnverifiedNoteError
		invalid    *note.InvalidSignatureError
	)
	switch {
	case errors.As(err, &invalid):
		return fault(FaultSignature, "the checkpoint was not signed as it stands: the signature by %s+%08x does not fit its text", invalid.Name, invalid.Hash)
	case errors.As(err, &unverified):
		if c, err := parseBody(unverified.Note.Text); err == nil && c.Origin != v.Name() {
			return fault(FaultKey, "the checkpoint is of the log %q, the key is of %q", c.Origin, v.Name())
		}
		var by []string
		for _, s := range unverified.Note.UnverifiedSigs {
			by = append(by, s.Name+"+"+hex32(s.Hash))
		}
		return fault(FaultKey, "the checkpoint is not signed by %s+%s, but by %s", v.Name(), hex32(v.KeyHash()), strings.Join(by, ", "))
	}
	return &Error{FaultForm, "the checkpoint is not a signed note", err}
}

// hex32 writes a key hash as keys do.
func hex32(h uint32) string {
	s := strconv.FormatUint(uint64(h), 16)
	return strings.Repeat("0", 8-len(s)) + s
}

// parseBody reads the three lines of a checkpoint.
func parseBody(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, fault(FaultForm, "a checkpoint has three lines: origin, size and root")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || size > MaxSize || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, fault(FaultForm, "the size of the checkpoint, %.30q, is not a number of leaves", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil || root.String() != lines[2] {
		return Checkpoint{}, fault(FaultForm, "the root of the checkpoint, %.60q, is not the base64 of 32 bytes", lines[2])
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: root}, nil
}

// exactSignatures reports whether the signature block is what note would write
// again: Go's base64 reads more spellings than one.
func exactSignatures(text string, n *note.Note) bool {
	var want strings.Builder
	want.WriteString("\n")
	count := 0
	for line := range strings.Lines(text[len(n.Text):]) {
		if line == "\n" {
			continue
		}
		name, b64, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(line, "— "), "\n"), " ")
		raw, err := base64.StdEncoding.Strict().DecodeString(b64)
		if err != nil {
			return false
		}
		want.WriteString("— " + name + " " + base64.StdEncoding.EncodeToString(raw) + "\n")
		count++
	}
	return count == len(n.Sigs)+len(n.UnverifiedSigs) && n.Text+want.String() == text
}
