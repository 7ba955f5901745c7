// Package soak kills the hub again and again, while objects are published and
// while CDRs arrive, and looks for what got lost. It has tests only: real
// processes, real owners and receivers over HTTP, on both engines.
//
// `go test` does a few rounds; `make soak` sets how many:
//
//	EROAM_SOAK_SQLITE    kills on SQLite (default 3; 2 while CDRs arrive)
//	EROAM_SOAK_POSTGRES  kills on PostgreSQL (default 2; 1 while CDRs arrive)
//	EROAM_SOAK_READY     how long a restart may take until /readyz, such as 5s;
//	                     not checked when it is not set
//	EROAM_SOAK_SEED      of the moments of the kills (default: from the clock)
package soak
