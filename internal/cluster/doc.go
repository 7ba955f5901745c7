// Package cluster runs several hub processes on one PostgreSQL, behind a load
// balancer, and looks at them from outside: what one process accepted, the other
// knows; who is killed or stopped loses its lanes, and sends nothing afterwards.
// It has tests only, which need Linux.
//
// `go test` stops a process for 20 s; EROAM_CLUSTER_STOP, such as 60s, says for
// how long instead.
package cluster
