package deptest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// hasty is a loop that gives up after some seconds, or a wait that does.
var hasty = regexp.MustCompile(`for [a-z]+ := time\.Now\(\)\.Add\([^;]*time\.(Second|Minute)|case <-time\.After\([^)]*time\.Second`)

// Tests wait for what must come about as long as patience.Long says: a machine that is
// busy with other things must not make them fail.
func TestPatience(t *testing.T) {
	waits := 0
	for _, root := range []string{"..", "../../test"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules") {
				return filepath.SkipDir
			}
			if !strings.HasSuffix(path, "_test.go") {
				return nil
			}
			text, err := os.ReadFile(path)
			for i, line := range strings.Split(string(text), "\n") {
				if strings.Contains(line, "patience.") {
					waits++
				}
				if hasty.MatchString(line) && !strings.Contains(line, "// ") {
					t.Errorf("%s:%d is not patient: %s", path, i+1, strings.TrimSpace(line))
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if waits < 30 {
		t.Errorf("only %d waits were seen", waits)
	}
}
