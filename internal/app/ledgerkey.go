package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/eroam/eroam/internal/receipt"
	"github.com/eroam/eroam/internal/store"
)

// metaLedgerOrigin is where the store keeps the name of the log: that of the
// hub when the log began. Every checkpoint bears it, so it does not change when the
// hub moves.
const metaLedgerOrigin = "ledger_origin"

// metaReader is the part of a database that keeps the name.
type metaReader interface {
	Meta(ctx context.Context, key string) ([]byte, error)
}

// ledgerSigner returns what signs the checkpoints of a log.
func ledgerSigner(origin string, sealKey []byte) (*receipt.Signer, error) {
	signer, err := receipt.NewSigner(origin, [32]byte(derive(sealKey, "checkpoints of the ledger")))
	if err != nil {
		return nil, fmt.Errorf("making the key of the ledger: %w", err)
	}
	return signer, nil
}

// openSigner is ledgerSigner for a hub at a URL, which names the log where it has
// no name yet.
func openSigner(ctx context.Context, db *store.Store, url string, sealKey []byte) (*receipt.Signer, error) {
	origin, err := db.Meta(ctx, metaLedgerOrigin)
	if err != nil {
		return nil, err
	}
	if origin == nil {
		origin = []byte(strings.TrimPrefix(strings.TrimPrefix(url, "https://"), "http://"))
		err := db.Write(ctx, func(tx *store.Tx) error { return tx.SetMeta(metaLedgerOrigin, origin) })
		if err != nil {
			return nil, fmt.Errorf("naming the ledger: %w", err)
		}
	}
	return ledgerSigner(string(origin), sealKey)
}

// SealKeyFile is the file in a data directory from which the keys of a hub are
// derived.
func SealKeyFile(dir string) string { return filepath.Join(dir, "seal.key") }

// VerifierKey returns the key with which the checkpoints of a hub's database are
// verified, as its data directory has it; a hub need not run. Whoever has the
// directory could also have signed: a key from elsewhere proves more.
func VerifierKey(ctx context.Context, db metaReader, dir string) (string, error) {
	sealKey, err := readSealKey(SealKeyFile(dir))
	if err != nil {
		return "", fmt.Errorf("reading the sealing key: %w", err)
	}
	origin, err := db.Meta(ctx, metaLedgerOrigin)
	if err != nil {
		return "", err
	}
	if origin == nil {
		return "", errors.New("the ledger of this database has no name yet: no hub has opened it")
	}
	signer, err := ledgerSigner(string(origin), sealKey)
	if err != nil {
		return "", err
	}
	return signer.VerifierKey(), nil
}
