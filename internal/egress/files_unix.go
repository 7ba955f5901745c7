//go:build unix

package egress

import "syscall"

// maxFiles is how many files this process may open, 0 when that is not known. The
// runtime has raised it as far as it may.
func maxFiles() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return int(min(uint64(l.Cur), 1<<30)) //nolint:unconvert // signed on some systems
}
