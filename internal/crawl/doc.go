// Package crawl fetches the lists of partners that do not push, and publishes
// what is in them, as if its owner had pushed it: the same checks, the same
// comparison with what is stored, the same way to the receivers.
//
// A job is one list of one party: locations, tariffs or tokens. Its runs are of
// two kinds. A delta asks for what has changed since the highest last_updated
// that was seen, less an overlap. A full run asks for everything: many owners
// do not raise last_updated when something below it changes, and nothing but a
// full run notices what is gone. Each page is committed with the link to the
// next one, so that a run goes on in the middle after a restart, in this process
// or in another: one process works on a job at a time (package lease).
//
// Guaranteed:
//   - nothing is taken for gone on the basis of one answer. A location that was
//     in no page of a whole full run is asked for by itself; only when the partner
//     says that it does not exist are its EVSEs made REMOVED. Tariffs cannot be
//     asked for one by one in OCPI: one must be missing from two whole
//     full runs, one after the other, to be deleted. When more than half are
//     missing, nothing is removed, and the state of the job says so.
//   - one bad object does not keep the others on its page;
//   - an object is published for its owner, which must be a party that the
//     operator granted to the platform; others are refused and counted;
//   - links to next pages are followed to places that the platform has named in
//     its endpoints only, and never in a circle.
//
// Not guaranteed: that what a partner lists is true, or that a change between
// two runs is seen. Tokens that are missing are reported and left as they are:
// OCPI knows no deletion of tokens, their owner says valid: false.
package crawl
