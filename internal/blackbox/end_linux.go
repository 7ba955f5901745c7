package blackbox

import "syscall"

// endsWithParent makes the kernel end the hub when the test process ends in
// whatever way.
func endsWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
