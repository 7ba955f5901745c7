// Package simulation tests the tell way as a whole, on both engines of the store:
// the catalog, the feed, the lanes and the registry against receivers that fail
// in all the ways of the field, in hours and days of simulated time. It has tests
// only.
//
//	EROAM_SIM_SEEDS=20 go test ./internal/simulation             # more seeds than usual
//	EROAM_SIM_SEED=7 go test -run Simulation ./internal/simulation # this one again
//
// A seed decides what happens when. The pauses of the lanes are random besides,
// so a failure may need a few runs to come back.
//
// What holds is said where it is checked: receiver_test.go looks at each message
// as it comes in, invariant_test.go at the end, and model_test.go says what the
// hub ought to hold.
package simulation
