package app

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// bootID names this run of the kernel.
const bootID = "/proc/sys/kernel/random/boot_id"

// lockPlace names a lock file in a way that no other machine, no other data
// directory and no earlier start of this machine shares: whoever holds its lock
// knows that an earlier holder of the same name is dead. It is empty when that
// cannot be told.
func lockPlace(name string) string {
	boot, err := os.ReadFile(bootID)
	if err != nil {
		return ""
	}
	var st syscall.Stat_t
	if err := syscall.Stat(name, &st); err != nil {
		return ""
	}
	return fmt.Sprintf("%s/%d/%d", strings.TrimSpace(string(boot)), st.Dev, st.Ino)
}
