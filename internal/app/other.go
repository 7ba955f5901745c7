//go:build !unix

package app

// lockFile does nothing where there is no flock: nothing keeps two processes
// from using one data directory there.
func lockFile(string) (unlock func() error, err error) {
	return func() error { return nil }, nil
}

// maxFiles knows no limit.
func maxFiles() (n uint64, ok bool) { return 0, false }
