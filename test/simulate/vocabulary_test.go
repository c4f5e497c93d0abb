package simulate

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/danielgtaylor/huma/v2"
)

// outside are operations that change something and are not in the vocabulary,
// with the reason. The list is to stay as short as it is.
var outside = map[string]string{}

// TestVocabulary fails when the API has an operation that changes something and
// that no history ever asks for.
func TestVocabulary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(&record{dir: t.TempDir()}, 1)
		if err := h.nodes[0].start(); err != nil {
			t.Fatal(err)
		}
		var asked []string
		for _, o := range vocabulary() {
			asked = append(asked, o.api)
		}
		var there []string
		for path, item := range h.nodes[0].app.Gateway().API().OpenAPI().Paths {
			for method, o := range map[string]*huma.Operation{http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete} {
				if o == nil {
					continue
				}
				there = append(there, o.OperationID)
				if !slices.Contains(asked, o.OperationID) && outside[o.OperationID] == "" {
					t.Errorf("%s (%s %s) is not in the vocabulary", o.OperationID, method, path)
				}
			}
		}
		for _, id := range asked {
			if id != "" && !slices.Contains(there, id) {
				t.Errorf("the vocabulary has %s, and the API does not", id)
			}
		}
		if err := h.nodes[0].stop(); err != nil {
			t.Error(err)
		}
	})
}

// TestDocumented fails when docs/simulation.md does not name a step.
func TestDocumented(t *testing.T) {
	data, err := os.ReadFile("../../docs/simulation.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range vocabulary() {
		if !strings.Contains(string(data), "`"+name+"`") {
			t.Errorf("docs/simulation.md does not name %q", name)
		}
	}
}
