// Package receipt makes and checks proofs that a record is in an append-only
// log: signed checkpoints of a Merkle tree (RFC 6962), inclusion proofs,
// consistency proofs, and the receipt, one file that holds all that is needed
// to check a record without the log and without a network.
//
// It knows nothing of what a leaf means. The tree is that of
// golang.org/x/mod/sumdb/tlog, the signature that of golang.org/x/mod/sumdb/note
// (Ed25519), and the checkpoint is a C2SP tlog-checkpoint, so that checkpoints
// can be witnessed and checked by other tools. Everything is safe for concurrent
// use; nothing here does input or output.
package receipt
