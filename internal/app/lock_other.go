//go:build !unix

package app

// lockFile does nothing where there is no flock: nothing keeps two processes
// from using one data directory there.
func lockFile(string) (unlock func() error, err error) {
	return func() error { return nil }, nil
}
