package party

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"
)

// TokenKind says what a token that the hub accepts may do.
type TokenKind string

// The kinds of tokens that the hub accepts.
const (
	// KindInvite is TOKEN_A: it opens versions, version details and one POST
	// of credentials, and expires.
	KindInvite TokenKind = "A"
	// KindPending is TOKEN_B while the hub registers with a partner: it opens
	// versions and version details, so that the partner can call back.
	KindPending TokenKind = "B"
	// KindFull is the token in use. There is one per registered platform.
	KindFull TokenKind = "C"
	// KindPrevious was the full token before a rotation. It opens everything
	// until the full token is first used, 24 h at most.
	KindPrevious TokenKind = "P"
	// KindNext is the token of a rotation that the hub started and of which
	// it does not know the end. It opens everything; the full token stays.
	KindNext TokenKind = "N"
)

// Registered reports whether a token of kind k opens the functional modules.
func (k TokenKind) Registered() bool {
	return k == KindFull || k == KindPrevious || k == KindNext
}

// How long tokens live.
const (
	inviteLifetime  = 72 * time.Hour
	overlapLifetime = 24 * time.Hour
	// pendingLifetime outlives every handshake; it bounds what a crash leaves.
	pendingLifetime = 5 * time.Minute
	// unsettled is how long after its making a KindNext token may still be
	// used by a call-back of the PUT that offered it. Later use means that the
	// partner has taken it.
	unsettled = 5 * time.Minute
)

// mintToken returns a new token: 260 random bits, 58 characters of A–Z, 2–7 and
// the prefix that secret scanners can look for. The underscore is not in the
// Base64 alphabet, so a raw token of ours never reads as Base64 of another.
func mintToken() string { return "eroam_" + rand.Text() + rand.Text() }

// digest is the keyed hash under which an accepted token is stored.
type digest [sha256.Size]byte

// keyring hashes the tokens that the hub accepts and seals those it sends.
// Both keys are derived from one that is not in the database.
type keyring struct {
	macs sync.Pool // of hash.Hash; making one costs more than using it
	aead cipher.AEAD
	id   [4]byte // names the key in every sealed value
}

// minSealKey is the shortest key, in bytes, that newKeyring accepts.
const minSealKey = 32

func newKeyring(sealKey []byte) (*keyring, error) {
	if len(sealKey) < minSealKey {
		return nil, fmt.Errorf("the sealing key has %d bytes, want at least %d", len(sealKey), minSealKey)
	}
	derive := func(use string, n int) []byte {
		key, err := hkdf.Key(sha256.New, sealKey, nil, "eroam party "+use, n)
		if err != nil {
			panic(err) // n is far below the limit of HKDF
		}
		return key
	}
	block, err := aes.NewCipher(derive("token seal", 32))
	if err != nil {
		return nil, fmt.Errorf("preparing the sealing key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("preparing the sealing key: %w", err)
	}
	mac := derive("token hash", sha256.Size)
	k := &keyring{aead: aead, macs: sync.Pool{New: func() any { return hmac.New(sha256.New, mac) }}}
	copy(k.id[:], derive("key id", len(k.id)))
	return k, nil
}

// digest returns the keyed hash of a token.
func (k *keyring) digest(token string) (d digest) {
	h, _ := k.macs.Get().(hash.Hash)
	defer k.macs.Put(h)
	h.Reset()
	_, _ = io.WriteString(h, token) // never fails
	h.Sum(d[:0])
	return d
}

// sealFormat is the first byte of a sealed token: format, key id, nonce, text.
const sealFormat = 1

// seal encrypts a token that the hub sends to platform; no other platform's row
// can hold the result.
func (k *keyring) seal(platform, token string) []byte {
	if token == "" {
		return nil
	}
	out := make([]byte, 0, 1+len(k.id)+k.aead.NonceSize()+len(token)+k.aead.Overhead())
	out = append(out, sealFormat)
	out = append(out, k.id[:]...)
	nonce := make([]byte, k.aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	out = append(out, nonce...)
	return k.aead.Seal(out, nonce, []byte(token), []byte(platform))
}

var errSealedOtherKey = errors.New("sealed with another key")

// unseal undoes seal.
func (k *keyring) unseal(platform string, sealed []byte) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	head := 1 + len(k.id)
	if len(sealed) < head+k.aead.NonceSize() || sealed[0] != sealFormat {
		return "", errors.New("not a sealed token")
	}
	if [4]byte(sealed[1:head]) != k.id {
		return "", errSealedOtherKey
	}
	nonce, text := sealed[head:head+k.aead.NonceSize()], sealed[head+k.aead.NonceSize():]
	token, err := k.aead.Open(nil, nonce, text, []byte(platform))
	if err != nil {
		return "", fmt.Errorf("the sealed token was changed: %w", err)
	}
	return string(token), nil
}
