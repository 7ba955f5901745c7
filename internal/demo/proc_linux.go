package demo

import (
	"os/exec"
	"syscall"
)

// separate keeps a Ctrl-C on the terminal from the child, which is stopped by its
// parent, and ends the child when the parent is killed.
func separate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
