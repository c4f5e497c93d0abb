package shop

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// The script of the tickets page says all words that are there for it, in both languages.
func TestLiveWords(t *testing.T) {
	source, err := os.ReadFile("../../ui/ticket/page.ts")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, lang := range []string{"en", "de"} {
		raw, err := os.ReadFile("../page/words/order." + lang + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if err := json.Unmarshal(raw, &all); err != nil {
			t.Fatal(err)
		}
		for key := range all {
			if name, ok := strings.CutPrefix(key, "bound."); ok {
				found[name]++
			}
		}
	}
	if len(found) < 15 {
		t.Fatalf("only %d words", len(found))
	}
	for name, n := range found {
		if n != 2 || !strings.Contains(string(source), `"`+name+`"`) {
			t.Errorf("bound.%s is in %d languages, or the script does not say it", name, n)
		}
	}
}
