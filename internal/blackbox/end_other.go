//go:build !linux

package blackbox

import "syscall"

func endsWithParent() *syscall.SysProcAttr { return nil }
