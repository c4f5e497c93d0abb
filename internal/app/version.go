package app

import (
	"fmt"
	"io"
	"runtime/debug"
)

// Version prints what this program was built from.
type Version struct{}

// Run prints the module's version, the commit if it is known, and the Go that
// built it, on one line.
func (Version) Run(out io.Writer) error {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		_, err := fmt.Fprintln(out, "boxoffice, built without information on it")
		return err
	}
	commit, changed := "unknown", ""
	for _, s := range b.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " and changes"
		}
	}
	_, err := fmt.Fprintf(out, "boxoffice %s, commit %s%s, %s\n", b.Main.Version, commit, changed, b.GoVersion)
	return err
}
