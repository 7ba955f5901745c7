// Package realsessions has tests only: charging sessions that took place, priced
// by tariffs that are in force, go as CDRs through a hub process. Faults are put
// into some of them, and the ledger must report those faults and nothing else.
//
// `go test` takes the sample in testdata. Where EROAM_TEST_DATA names a directory
// with sessions/acn-jpl-2019.csv.gz, sessions/palo-alto-2011-2012.csv.gz,
// ocpi-nl/locations.jsonl.gz and ocpi-nl/tariffs.jsonl.gz, all of them go through
// as well.
package realsessions
