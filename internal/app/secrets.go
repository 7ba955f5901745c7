package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/eroam/eroam/internal/party"
	"github.com/eroam/eroam/internal/store"
)

// sealKeySize is the size of the key that seals the tokens we send, in bytes.
const sealKeySize = 32

// metaAdminToken is where the store keeps the hash of an admin token that was
// made here.
const metaAdminToken = "admin_token_hash"

// sealKey reads <data>/seal.key, or makes it where the database has never had
// one: without the right key the tokens that partners gave us are lost, and
// starting with a new one would lose them silently. That the key is the right
// one is checked by [party.Open].
func sealKey(ctx context.Context, db *store.Store, dir string) ([]byte, error) {
	name := SealKeyFile(dir)
	key, err := readSealKey(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	id, err := db.Meta(ctx, party.KeyIDMeta)
	if err != nil {
		return nil, fmt.Errorf("reading the database: %w", err)
	}
	if id != nil {
		return nil, fmt.Errorf("%s is missing, and this database was made with it: put it back from the backup (partners' tokens cannot be read without it)", name)
	}
	if key, err = makeSealKey(name); err != nil {
		return nil, fmt.Errorf("making the sealing key: %w", err)
	}
	return key, nil
}

func readSealKey(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by other users: run chmod 600 on it", name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != sealKeySize {
		return nil, fmt.Errorf("%s is damaged: want %d bytes in base64", name, sealKeySize)
	}
	return key, nil
}

func makeSealKey(name string) ([]byte, error) {
	key := make([]byte, sealKeySize)
	rand.Read(key)
	text := base64.StdEncoding.EncodeToString(key) + "\n"
	return key, replaceFile(name, []byte(text), 0o600)
}

// adminToken returns the hash of the admin token: of the configured one, else
// of the one an earlier start made, else of one made now, which first then
// holds.
func adminToken(ctx context.Context, db *store.Store, configured string, renew bool) (hash [sha256.Size]byte, first string, err error) {
	if configured != "" {
		return sha256.Sum256([]byte(configured)), "", nil
	}
	kept, err := db.Meta(ctx, metaAdminToken)
	if err != nil {
		return hash, "", fmt.Errorf("reading the admin token: %w", err)
	}
	if len(kept) == len(hash) && !renew {
		return [sha256.Size]byte(kept), "", nil
	}
	first = "eroam_admin_" + rand.Text() + rand.Text()
	hash = sha256.Sum256([]byte(first))
	err = db.Write(ctx, func(tx *store.Tx) error { return tx.SetMeta(metaAdminToken, hash[:]) })
	if err != nil {
		return hash, "", fmt.Errorf("keeping the admin token: %w", err)
	}
	return hash, first, nil
}
