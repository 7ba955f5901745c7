// Package ledger is the bill way: what was charged, kept so that it can be
// proved.
//
// A CDR that comes in is checked against what the hub knows (package check),
// priced, and committed together with its evidence, its place in the
// verifiable log and its delivery before anybody is told that it was accepted.
// From then on each step of its life is an event, a leaf of a Merkle log: it is
// presented to the provider, approved or disputed, resolved, credited.
// Approval posts a journal to double-entry accounts in minor units.
//
// Guaranteed:
//   - a CDR that was accepted is in the ledger once, whatever is sent again and
//     however often the hub is killed, under (country code, party id, id) without
//     regard to case;
//   - it is delivered at least once with the same bytes, or a dead letter says
//     why not; both parties can GET it all the time;
//   - a posted entry is never changed; per currency all balances sum to 0;
//   - what a leaf says can be checked by who holds an older checkpoint, also
//     against the hub's operator (package receipt).
//
// Begin reading at intake.go (a CDR comes in), post.go (it is delivered later),
// life.go (what the parties do with it), journal.go (money), watch.go (CDRs that
// do not come), witness.go (what a hub remembers of its log), verify.go (the whole
// database is checked).
package ledger
