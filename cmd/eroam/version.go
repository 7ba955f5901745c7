package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the linker for releases: -ldflags "-X main.version=1.2.3".
var version = ""

// VersionCmd prints what was built, from what.
type VersionCmd struct{}

// Help is shown under the usage line.
func (VersionCmd) Help() string {
	return "Example:\n\n  $ eroam version\n  eroam 0.1.0 (commit 7ff413f2c1d0, go1.26.8, linux/amd64)"
}

// Run prints one line.
func (VersionCmd) Run(s Streams) error {
	_, err := fmt.Fprintln(s.Out, versionLine())
	return err
}

func versionLine() string {
	name, commit := version, "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		if name == "" {
			name = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				commit = s.Value[:12]
			}
		}
	}
	if name == "" || name == "(devel)" {
		name = "development"
	}
	return fmt.Sprintf("eroam %s (commit %s, %s, %s/%s)", name, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
