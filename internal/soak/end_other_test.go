//go:build !linux

package soak

import "syscall"

func endsWithParent() *syscall.SysProcAttr { return nil }
