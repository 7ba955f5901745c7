package receipt_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/eroam/eroam/internal/receipt"
)

const origin = "hub.example.org/eroam"

// tree is a log in memory.
type tree struct {
	leaves [][]byte
	hashes []tlog.Hash
}

// grow makes a log of n leaves; salt tells two logs apart.
func grow(t testing.TB, n int, salt string) *tree {
	t.Helper()
	tr := new(tree)
	for i := range n {
		leaf := fmt.Appendf(nil, `{"v":1,"kind":"received","cdr":"CDR %d <é & \"%s\">","net":1234}`, i, salt)
		hashes, err := tlog.StoredHashes(int64(i), leaf, tlog.HashReaderFunc(tr.read))
		if err != nil {
			t.Fatal(err)
		}
		tr.leaves, tr.hashes = append(tr.leaves, leaf), append(tr.hashes, hashes...)
	}
	return tr
}

func (tr *tree) read(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= int64(len(tr.hashes)) {
			return nil, fmt.Errorf("no hash %d", x)
		}
		out[i] = tr.hashes[x]
	}
	return out, nil
}

// signer gives the signer of a log by a seed of one repeated byte.
func signer(t testing.TB, name string, seed byte) *receipt.Signer {
	t.Helper()
	s, err := receipt.NewSigner(name, [32]byte(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkpoint signs the tree at a size.
func checkpoint(t testing.TB, tr *tree, s *receipt.Signer, size int64) string {
	t.Helper()
	root, err := receipt.Log(tr.read).Root(size)
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.Sign(size, root)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// sample is a receipt of leaf 5 of 13, with a proof from 6 leaves on.
func sample(t testing.TB) (receipt.Receipt, *receipt.Signer, *tree) {
	t.Helper()
	tr, s := grow(t, 13, "a"), signer(t, origin, 7)
	log := receipt.Log(tr.read)
	r, err := log.Receipt(tr.leaves[5], 5, checkpoint(t, tr, s, 13), s.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	proof, err := log.Consistency(6, 13)
	if err != nil {
		t.Fatal(err)
	}
	r.Consistency = &receipt.Consistency{Checkpoint: checkpoint(t, tr, s, 6), Proof: proof}
	return r, s, tr
}

// wantFault fails unless err is an Error with this fault whose text holds word.
func wantFault(t *testing.T, err error, f receipt.Fault, word string) {
	t.Helper()
	e, ok := errors.AsType[*receipt.Error](err)
	if !ok || e.Fault != f || !strings.Contains(err.Error(), word) {
		t.Errorf("error %v; want fault %s with %q", err, f, word)
	}
}

func TestEveryLeafOfEveryTree(t *testing.T) {
	const most = 40
	tr, s := grow(t, most, "a"), signer(t, origin, 7)
	log := receipt.Log(tr.read)
	for size := int64(1); size <= most; size++ {
		note := checkpoint(t, tr, s, size)
		for i := range size {
			r, err := log.Receipt(tr.leaves[i], i, note, s.VerifierKey())
			if err != nil {
				t.Fatalf("leaf %d of %d: %v", i, size, err)
			}
			text, err := r.Encode()
			if err != nil {
				t.Fatal(err)
			}
			back, err := receipt.Parse(text)
			if err != nil {
				t.Fatalf("leaf %d of %d: %v\n%s", i, size, err, text)
			}
			got, err := receipt.Check(back, s.VerifierKey())
			if err != nil || !bytes.Equal(got.Leaf, tr.leaves[i]) || got.Index != i || !got.Trusted || got.Warning != "" {
				t.Fatalf("leaf %d of %d: %+v %v", i, size, got, err)
			}
		}
		for older := int64(0); older <= size; older++ {
			proof, err := log.Consistency(older, size)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := receipt.CheckConsistency(checkpoint(t, tr, s, older), note, proof, s.VerifierKey()); err != nil {
				t.Fatalf("%d to %d: %v", older, size, err)
			}
		}
	}
}

// changes are what a byte is changed to: each of its bits flipped, and what reads
// as something else in JSON, base64 and notes.
func changes(b byte) []byte {
	out := []byte(" \n\"\\=A")
	for bit := range 8 {
		out = append(out, b^1<<bit)
	}
	return out
}

// Every byte of the file is changed: none of these files is accepted, but for
// white space between members that becomes other white space.
func TestEveryByteMatters(t *testing.T) {
	r, s, _ := sample(t)
	file, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i, was := range file {
		for _, v := range changes(was) {
			file[i] = v
			if file[i] == was || white(was) && white(file[i]) {
				continue
			}
			changed, err := receipt.Parse(file)
			if err != nil {
				continue
			}
			if got, err := receipt.Check(changed, s.VerifierKey()); err == nil {
				t.Fatalf("byte %d changed from %q to %q is accepted: %+v", i, was, file[i], got)
			}
		}
		file[i] = was
	}
	if _, err := receipt.Parse(file); err != nil {
		t.Fatal(err)
	}
}

func white(b byte) bool { return b == ' ' || b == '\n' || b == '\t' || b == '\r' }

// Every byte of a checkpoint by itself.
func TestEveryByteOfACheckpointMatters(t *testing.T) {
	_, s, tr := sample(t)
	text := []byte(checkpoint(t, tr, s, 13))
	for i, was := range text {
		for _, v := range changes(was) {
			if text[i] = v; text[i] == was {
				continue
			}
			if c, err := receipt.Open(string(text), s.VerifierKey()); err == nil {
				t.Fatalf("byte %d changed from %q to %q is accepted: %+v", i, was, text[i], c)
			}
		}
		text[i] = was
	}
}

func TestWhatIsWrong(t *testing.T) {
	other := signer(t, origin, 8)
	foreign := signer(t, "other.example.org", 7)
	for name, c := range map[string]struct {
		change func(r *receipt.Receipt, tr *tree)
		key    string
		fault  receipt.Fault
		word   string
	}{
		"leaf":      {func(r *receipt.Receipt, _ *tree) { r.Leaf = strings.Replace(r.Leaf, "1234", "1235", 1) }, "", receipt.FaultLeaf, "the leaf was changed"},
		"leaf hash": {func(r *receipt.Receipt, _ *tree) { r.LeafHash[0]++ }, "", receipt.FaultLeaf, "leaf_hash"},
		"other leaf": {func(r *receipt.Receipt, tr *tree) {
			r.Leaf, r.LeafHash = string(tr.leaves[6]), tlog.RecordHash(tr.leaves[6])
		}, "", receipt.FaultInclusion, "does not lead"},
		"index":            {func(r *receipt.Receipt, _ *tree) { r.Index = 4 }, "", receipt.FaultInclusion, "does not lead"},
		"size":             {func(r *receipt.Receipt, _ *tree) { r.Size = 14 }, "", receipt.FaultInclusion, "of 13 leaves"},
		"proof":            {func(r *receipt.Receipt, _ *tree) { r.Inclusion[1][31] ^= 1 }, "", receipt.FaultInclusion, "does not lead"},
		"proof too short":  {func(r *receipt.Receipt, _ *tree) { r.Inclusion = r.Inclusion[1:] }, "", receipt.FaultInclusion, "does not lead"},
		"proof too long":   {func(r *receipt.Receipt, _ *tree) { r.Inclusion = append(r.Inclusion, tlog.Hash{}) }, "", receipt.FaultInclusion, "does not lead"},
		"proof enormous":   {func(r *receipt.Receipt, _ *tree) { r.Inclusion = make([]tlog.Hash, 65) }, "", receipt.FaultForm, "65 hashes"},
		"checkpoint":       {func(r *receipt.Receipt, _ *tree) { r.Checkpoint = strings.Replace(r.Checkpoint, "\n13\n", "\n14\n", 1) }, "", receipt.FaultSignature, "not signed as it stands"},
		"not a note":       {func(r *receipt.Receipt, _ *tree) { r.Checkpoint = "hello" }, "", receipt.FaultForm, "not a signed note"},
		"other key":        {func(*receipt.Receipt, *tree) {}, other.VerifierKey(), receipt.FaultKey, "another key"},
		"other origin":     {func(*receipt.Receipt, *tree) {}, foreign.VerifierKey(), receipt.FaultKey, `the trusted key is of "other.example.org"`},
		"key swapped":      {func(r *receipt.Receipt, _ *tree) { r.VerifierKey = other.VerifierKey() }, other.VerifierKey(), receipt.FaultKey, "not signed by"},
		"origin swapped":   {func(r *receipt.Receipt, _ *tree) { r.VerifierKey = foreign.VerifierKey() }, foreign.VerifierKey(), receipt.FaultKey, "of the log"},
		"key broken":       {func(r *receipt.Receipt, _ *tree) { r.VerifierKey += "x" }, "", receipt.FaultForm, "verifier key"},
		"consistency":      {func(r *receipt.Receipt, _ *tree) { r.Consistency.Proof[0][0]++ }, "", receipt.FaultConsistency, "did not grow"},
		"older checkpoint": {func(r *receipt.Receipt, _ *tree) { r.Consistency.Checkpoint = "\n" }, "", receipt.FaultForm, "older checkpoint"},
		"empty leaf":       {func(r *receipt.Receipt, _ *tree) { r.Leaf = "" }, "", receipt.FaultForm, "leaf must have"},
		"index too large":  {func(r *receipt.Receipt, _ *tree) { r.Index = 13 }, "", receipt.FaultForm, "index 13"},
		"negative index":   {func(r *receipt.Receipt, _ *tree) { r.Index = -1 }, "", receipt.FaultForm, "index -1"},
	} {
		t.Run(name, func(t *testing.T) {
			r, s, tr := sample(t)
			c.change(&r, tr)
			key := c.key
			if key == "" {
				key = s.VerifierKey()
			}
			_, err := receipt.Check(r, key)
			wantFault(t, err, c.fault, c.word)
		})
	}
}

// A receipt made with a key of the forger's own passes only without a trusted
// key, and then says so.
func TestOwnKeyIsNoTrust(t *testing.T) {
	_, hub, tr := sample(t)
	forger := signer(t, origin, 66)
	r, err := receipt.Log(tr.read).Receipt(tr.leaves[5], 5, checkpoint(t, tr, forger, 13), forger.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	got, err := receipt.Check(r, "")
	if err != nil || got.Trusted || got.Warning == "" || got.Key != forger.VerifierKey() {
		t.Errorf("without a key: %+v %v", got, err)
	}
	_, err = receipt.Check(r, hub.VerifierKey())
	wantFault(t, err, receipt.FaultKey, "another key")
}

func TestRewrittenHistory(t *testing.T) {
	s := signer(t, origin, 7)
	honest, forged := grow(t, 6, "a"), grow(t, 13, "b")
	proof, err := receipt.Log(forged.read).Consistency(6, 13)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = receipt.CheckConsistency(checkpoint(t, honest, s, 6), checkpoint(t, forged, s, 13), proof, s.VerifierKey())
	wantFault(t, err, receipt.FaultConsistency, "did not grow out")
	_, _, err = receipt.CheckConsistency(checkpoint(t, honest, s, 6), checkpoint(t, honest, s, 5), nil, s.VerifierKey())
	wantFault(t, err, receipt.FaultConsistency, "dropped")
	_, _, err = receipt.CheckConsistency(checkpoint(t, honest, s, 6), checkpoint(t, forged, s, 6), nil, s.VerifierKey())
	wantFault(t, err, receipt.FaultConsistency, "two faces")
	_, _, err = receipt.CheckConsistency(checkpoint(t, honest, s, 6), checkpoint(t, honest, s, 6), make([]tlog.Hash, 1), s.VerifierKey())
	wantFault(t, err, receipt.FaultConsistency, "none is needed")
	other := signer(t, origin, 8)
	_, _, err = receipt.CheckConsistency(checkpoint(t, honest, other, 6), checkpoint(t, forged, s, 13), proof, s.VerifierKey())
	wantFault(t, err, receipt.FaultKey, "the older checkpoint")
}
