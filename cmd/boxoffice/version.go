package main

import (
	"fmt"
	"io"
	"runtime/debug"
)

// version prints what this program was built from.
type version struct{}

// Run prints the module's version, the commit and the Go that built it, on one
// line.
func (version) Run(out io.Writer) error {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		b = &debug.BuildInfo{GoVersion: "an unknown Go"}
	}
	_, err := fmt.Fprintln(out, built(b))
	return err
}

// built says what is known of a build. "go build" in a clone records the commit
// (vcs.*), and makes a version of it; "go run" and builds of an unpacked archive
// do not.
func built(b *debug.BuildInfo) string {
	known := map[string]string{}
	for _, s := range b.Settings {
		known[s.Key] = s.Value
	}
	version := b.Main.Version
	if version == "" || version == "(devel)" {
		version = "without a version"
	}
	commit := known["vcs.revision"]
	if commit == "" {
		return fmt.Sprintf("boxoffice %s, commit not recorded (go build in a clone records it, go run does not), %s", version, b.GoVersion)
	}
	if at := known["vcs.time"]; at != "" {
		commit += " of " + at
	}
	if known["vcs.modified"] == "true" {
		commit += " and changes"
	}
	return fmt.Sprintf("boxoffice %s, commit %s, %s", version, commit, b.GoVersion)
}
