package ocmf_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/eroam/eroam/internal/ocmf"
)

// meter signs as a meter does.
type meter struct{ key *ecdsa.PrivateKey }

func newMeter(t testing.TB, c elliptic.Curve) meter {
	t.Helper()
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return meter{key}
}

// der is the SubjectPublicKeyInfo.
func (m meter) der(t testing.TB) []byte {
	t.Helper()
	b, err := x509.MarshalPKIXPublicKey(&m.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// point is the bare uncompressed point.
func (m meter) point(t testing.TB) []byte {
	t.Helper()
	b, err := m.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// public is the key as a reader has it.
func (m meter) public(t testing.TB) *ocmf.Key {
	t.Helper()
	k, err := ocmf.ParseKey(hex.EncodeToString(m.der(t)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// sign gives the DER of a signature.
func (m meter) sign(t testing.TB, payload string, h crypto.Hash) []byte {
	t.Helper()
	digest := sha256.Sum256([]byte(payload))
	sum := digest[:]
	if h == crypto.SHA384 {
		d := sha512.Sum384([]byte(payload))
		sum = d[:]
	}
	sig, err := m.key.Sign(rand.Reader, sum, h)
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

// record signs a payload with SHA-256, in hex.
func (m meter) record(t testing.TB, payload string) string {
	t.Helper()
	sa := ""
	if m.key.Curve == elliptic.P384() {
		sa = `"SA":"ECDSA-secp384r1-SHA256",`
	}
	return "OCMF|" + payload + "|{" + sa + `"SD":"` + hex.EncodeToString(m.sign(t, payload, crypto.SHA256)) + `"}`
}

func parse(t testing.TB, text string) *ocmf.Record {
	t.Helper()
	r, err := ocmf.Parse(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return r
}

// wantOutcome fails unless v is that, with a reason unless it is Verified.
func wantOutcome(t *testing.T, v ocmf.Verification, want ocmf.Outcome) {
	t.Helper()
	if v.Outcome != want || (v.Reason == "") != (want == ocmf.Verified) {
		t.Errorf("%+v; want %s", v, want)
	}
}

// What another program has signed.
func TestVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/*.ocmf")
	if err != nil || len(files) != 9 {
		t.Fatal(files, err)
	}
	stranger := newMeter(t, elliptic.P256()).public(t)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".ocmf")
		t.Run(name, func(t *testing.T) {
			text, key := string(read(t, file)), string(read(t, "testdata/"+name+".key"))
			k, err := ocmf.ParseKey(key)
			if err != nil {
				t.Fatal(err)
			}
			r := parse(t, text)
			if !strings.HasPrefix(name, "p") {
				if k.Supported() || string(k.Curve) != name {
					t.Errorf("the key is %+v", k)
				}
				wantOutcome(t, r.Verify(k), ocmf.CannotVerify)
				wantOutcome(t, r.Verify(stranger), ocmf.CannotVerify)
				r.Payload[0] ^= 1
				wantOutcome(t, r.Verify(k), ocmf.CannotVerify)
				return
			}
			wantOutcome(t, r.Verify(k), ocmf.Verified)
			wantOutcome(t, r.Verify(stranger), ocmf.Invalid)
			wantOutcome(t, r.Verify(nil), ocmf.NoKey)
			// Every byte of the payload counts; P-384 is slow.
			step := 1
			if strings.HasPrefix(name, "p384") {
				step = 13
			}
			for i := 0; i < len(r.Payload); i += step {
				r.Payload[i] ^= 1
				wantOutcome(t, r.Verify(k), ocmf.Invalid)
				r.Payload[i] ^= 1
			}
			tx, problems := ocmf.Check([]*ocmf.Record{r}, ocmf.Expected{
				Tokens: []string{"1f:2d:3a:4f:55:06:c7"}, EVSEs: []string{"DECP1E1001"}, TimeBilled: true,
			})
			if len(problems) != 0 || !tx.HasEnergy || tx.EndEnergy-tx.StartEnergy != 14_650_000_000 || tx.Duration().Minutes() != 30 || tx.Meter != "M-100" {
				t.Errorf("%+v %v", tx, problems)
			}
		})
	}
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A record is signed as its bytes are: the same values in another spelling are
// not what was signed.
func TestPayloadIsKept(t *testing.T) {
	text := string(read(t, "testdata/p256-spaced.ocmf"))
	k, err := ocmf.ParseKey(string(read(t, "testdata/p256-spaced.key")))
	if err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, parse(t, "\r\n "+text+"\n").Verify(k), ocmf.Verified)
	for _, change := range [][2]string{{"\n  ", ""}, {"2935.600", "2935.6"}, {"OCMF|{", "OCMF| {"}, {"]}|", "]} |"}} {
		changed := strings.Replace(text, change[0], change[1], 1)
		if changed == text {
			t.Fatalf("no %q", change[0])
		}
		wantOutcome(t, parse(t, changed).Verify(k), ocmf.Invalid)
	}
}

func TestKeyForms(t *testing.T) {
	for name, curve := range map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384()} {
		m := newMeter(t, curve)
		r := parse(t, m.record(t, payload("T1", begin, end)))
		for _, b := range [][]byte{m.der(t), m.point(t)} {
			for _, text := range []string{
				hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)),
				base64.StdEncoding.EncodeToString(b), base64.RawStdEncoding.EncodeToString(b),
				"\n" + hex.EncodeToString(b[:20]) + "\r\n " + hex.EncodeToString(b[20:]) + "\n",
			} {
				k, err := ocmf.ParseKey(text)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if !k.Supported() || !k.Equal(m.public(t)) {
					t.Errorf("%s: %+v", name, k)
				}
				wantOutcome(t, r.Verify(k), ocmf.Verified)
			}
		}
		if m.public(t).Equal(newMeter(t, curve).public(t)) {
			t.Errorf("%s: two keys are equal", name)
		}
	}
}

func TestBadKeys(t *testing.T) {
	der := newMeter(t, elliptic.P256()).der(t)
	off := append([]byte(nil), der...)
	off[len(off)-1] ^= 1
	for name, text := range map[string]string{
		"empty": " \n", "words": "no key!", "long": strings.Repeat("00", 2049),
		"trailing": hex.EncodeToString(der) + "00", "cut": hex.EncodeToString(der[:50]),
		"off the curve": hex.EncodeToString(off), "compressed": "02" + strings.Repeat("11", 32),
		"RSA": "300d06092a864886f70d0101010500", "RSA in full": "3018300d06092a864886f70d0101010500030700300402010102",
	} {
		if k, err := ocmf.ParseKey(text); err == nil {
			t.Errorf("%s: %+v", name, k)
		}
	}
	// A bare point that is on no curve known here may be on another.
	point := append([]byte{4}, off[len(off)-64:]...)
	k, err := ocmf.ParseKey(hex.EncodeToString(point))
	if err != nil || k.Supported() || k.Curve != "" {
		t.Errorf("%+v %v", k, err)
	}
	wantOutcome(t, parse(t, string(read(t, "testdata/p256-whole.ocmf"))).Verify(k), ocmf.CannotVerify)
	if k, err := ocmf.ParseKey("04" + strings.Repeat("11", 48)); err != nil || k.Supported() {
		t.Errorf("%+v %v", k, err)
	}
}

func TestSignatureSection(t *testing.T) {
	m, p384 := newMeter(t, elliptic.P256()), newMeter(t, elliptic.P384())
	signed := payload("T1", begin, end)
	sig := m.sign(t, signed, crypto.SHA256)
	sig384 := m.sign(t, signed, crypto.SHA384)
	good := `"SD":"` + hex.EncodeToString(sig) + `"`
	for name, c := range map[string]struct {
		section string
		key     *ocmf.Key
		want    ocmf.Outcome
	}{
		"default":          {good, m.public(t), ocmf.Verified},
		"upper case":       {`"SD":"` + strings.ToUpper(hex.EncodeToString(sig)) + `"`, m.public(t), ocmf.Verified},
		"named":            {`"SA":"ECDSA-secp256r1-SHA256","SE":"hex","SM":"application/x-der",` + good, m.public(t), ocmf.Verified},
		"synonym":          {`"SA":"ECDSA-prime256v1-SHA256",` + good, m.public(t), ocmf.Verified},
		"base64":           {`"SE":"base64","SD":"` + base64.StdEncoding.EncodeToString(sig) + `"`, m.public(t), ocmf.Verified},
		"extension":        {`"UX":1,` + good, m.public(t), ocmf.Verified},
		"SHA-384":          {`"SA":"ECDSA-secp256r1-SHA384","SD":"` + hex.EncodeToString(sig384) + `"`, m.public(t), ocmf.Verified},
		"wrong hash":       {`"SD":"` + hex.EncodeToString(sig384) + `"`, m.public(t), ocmf.Invalid},
		"SA of the other":  {`"SA":"ECDSA-secp384r1-SHA256",` + good, m.public(t), ocmf.Verified},
		"key of the other": {good, p384.public(t), ocmf.Invalid},
		"hex is base64":    {`"SE":"base64",` + good, m.public(t), ocmf.Invalid},
		"base64 is hex":    {`"SD":"` + base64.StdEncoding.EncodeToString(sig) + `"`, m.public(t), ocmf.Invalid},
		"not DER":          {`"SD":"` + strings.Repeat("11", 64) + `"`, m.public(t), ocmf.Invalid},
		"unknown SE":       {`"SE":"base32",` + good, m.public(t), ocmf.CannotVerify},
		"unknown SM":       {`"SM":"application/raw",` + good, m.public(t), ocmf.CannotVerify},
		"unknown hash":     {`"SA":"ECDSA-secp256r1-MD5",` + good, m.public(t), ocmf.CannotVerify},
		"RSA":              {`"SA":"RSA-2048-SHA256",` + good, m.public(t), ocmf.CannotVerify},
		"other curve":      {`"SA":"ECDSA-secp256k1-SHA256","SD":"` + strings.Repeat("11", 64) + `"`, m.public(t), ocmf.CannotVerify},
		"no key":           {good, nil, ocmf.NoKey},
	} {
		t.Run(name, func(t *testing.T) {
			wantOutcome(t, parse(t, "OCMF|"+signed+"|{"+c.section+"}").Verify(c.key), c.want)
		})
	}
}
