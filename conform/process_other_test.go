//go:build !linux

package conform_test

import "syscall"

func endsWithParent() *syscall.SysProcAttr { return nil }
