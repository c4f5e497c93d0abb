package page

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// No form has a browser check addresses: browsers refuse some that the API takes,
// such as jörg@exämple.de. Phones still show their keyboard for addresses.
func TestAddressesAreCheckedHereOnly(t *testing.T) {
	files, err := filepath.Glob("../*/templates/*.html")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d templates, %v", len(files), err)
	}
	address := regexp.MustCompile(`<input[^>]*name="[a-z_]*email"[^>]*>`)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), `type="email"`) {
			t.Errorf("%s has an input that its browser checks for an address", name)
		}
		for _, input := range address.FindAllString(string(text), -1) {
			if !strings.Contains(input, `type="text" inputmode="email"`) && !strings.Contains(input, `type="hidden"`) {
				t.Errorf("%s: %s", name, input)
			}
		}
	}
}
