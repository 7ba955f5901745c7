//go:build !linux

package demo

import "os/exec"

// separate does nothing here: a Ctrl-C on the terminal also reaches the child.
func separate(*exec.Cmd) {}
