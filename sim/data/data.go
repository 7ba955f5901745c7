// Package data holds the real stations that the simulators publish. README.md
// in its folder names their origin and licence.
package data

import _ "embed"

// Stations is a gzip-compressed CSV file of public charging stations in
// Washington and New York, for package afdc.
//
//go:embed stations.csv.gz
var Stations []byte
