package seatmap

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
)

// The decisions of the seat map, written and tested in TypeScript: bundled here,
// run by Node's test runner.
func TestLogic(t *testing.T) {
	if testing.Short() {
		t.Skip("needs Node")
	}
	files, err := filepath.Glob("../../ui/test/*.test.ts")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests were found: %v", err)
	}
	dir := t.TempDir()
	built := api.Build(api.BuildOptions{
		EntryPoints: files, Outdir: dir, OutExtension: map[string]string{".js": ".mjs"},
		Bundle: true, Write: true, Platform: api.PlatformNode, Format: api.FormatESModule, Target: api.ES2020, LogLevel: api.LogLevelError,
	})
	if len(built.Errors) > 0 {
		t.Fatalf("the tests do not bundle: %s", built.Errors[0].Text)
	}
	bundles, err := filepath.Glob(filepath.Join(dir, "*.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	run := exec.Command("node", append([]string{"--test"}, bundles...)...)
	run.Env = append(os.Environ(), "TZ=UTC")
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("node --test: %v\n%s", err, out)
	}
}

// Every word that the map asks for is in the catalogue, and the catalogue has none that nobody asks for.
func TestWords(t *testing.T) {
	source, err := os.ReadFile("../../ui/map/words.ts")
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range []string{"en", "de"} {
		have := words(t, lang)
		for _, m := range regexp.MustCompile(`(?m)^  (\w+): string;`).FindAllStringSubmatch(string(source), -1) {
			if have[m[1]] == "" {
				t.Errorf("%s has no %q", lang, m[1])
			}
			delete(have, m[1])
		}
		for key := range have {
			t.Errorf("%s has %q, which the map does not know", lang, key)
		}
	}
}
