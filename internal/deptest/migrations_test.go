package deptest

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var beside = regexp.MustCompile(`(?m)^-- beside: ([0-9]+)$`)

// Each migration says which programs may go on while it is made. Adding what
// older ones need not know of may name one of them; what they must not ignore
// (a limit, a promise, money) names the migration itself.
func TestMigrationsSayWhatRunsBesideThem(t *testing.T) {
	files, err := filepath.Glob("../*/migrations/*.sql")
	more, err2 := filepath.Glob("../*/*/migrations/*.sql") // parts of services
	if err != nil || err2 != nil || len(files) < 10 || len(more) == 0 {
		t.Fatal(files, more, err, err2)
	}
	for _, name := range append(files, more...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		number, _, _ := strings.Cut(filepath.Base(name), "_")
		own, err := strconv.Atoi(number)
		if err != nil {
			t.Fatal(err)
		}
		said := beside.FindSubmatch(text)
		if said == nil {
			t.Errorf("%s lacks a line such as \"-- beside: %d\": the oldest program, by the newest migration that it knows, that may run beside it", name, own)
			continue
		}
		if n, err := strconv.Atoi(string(said[1])); err != nil || n < 1 || n > own {
			t.Errorf("%s may run beside %s, which is not between 1 and %d", name, said[1], own)
		}
	}
}
