package deptest

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var treeLine = regexp.MustCompile(`^  ([a-z][a-z/, ]*?)(  .*|)$`)

// The tree in docs/architecture.md is the tree on disk: every package below
// internal has its line there, and every line names a package.
func TestTreeIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tree, found := strings.Cut(string(text), "\ninternal/\n")
	tree, _, ended := strings.Cut(tree, "```")
	if !found || !ended {
		t.Fatal("docs/architecture.md has no tree of internal/")
	}
	var documented []string
	for _, line := range strings.Split(tree, "\n") {
		if m := treeLine.FindStringSubmatch(line); m != nil {
			documented = append(documented, strings.Split(m[1], ", ")...)
		}
	}
	out, err := exec.Command("go", "list", "boxoffice/internal/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var onDisk []string
	for _, path := range strings.Fields(string(out)) {
		onDisk = append(onDisk, strings.TrimPrefix(path, module+"internal/"))
	}
	for _, name := range onDisk {
		if !slices.Contains(documented, name) {
			t.Errorf("internal/%s is missing from the tree in docs/architecture.md", name)
		}
	}
	for _, name := range documented {
		if !slices.Contains(onDisk, name) {
			t.Errorf("the tree in docs/architecture.md names internal/%s, which does not exist", name)
		}
	}
	if len(documented) < 10 {
		t.Fatalf("only %d lines were read", len(documented))
	}
}
