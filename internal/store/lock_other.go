//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package store

import "errors"

// lockDir refuses: without a lock two processes could open one database.
func lockDir(string) (func() error, error) {
	return nil, errors.New("SQLite is not supported on this operating system; set database to a postgres:// URL")
}
