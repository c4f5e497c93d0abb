package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/userapi"
)

// fillers say nothing to a newcomer.
var fillers = []string{"What it is named by", "As asked", "Of the user or the event", "UTC.", "Name for people.", "What kind of thing it is.", "Compared without case.", "IANA name."}

// typeScript are types that TypeScript has by itself.
var typeScript = []string{"Array", "Awaited", "Blob", "Capitalize", "Date", "Error", "Exclude", "Extract", "FormData", "Function", "Headers", "Iterator", "Map", "NonNullable", "Number",
	"Object", "Omit", "Parameters", "Partial", "Pick", "Promise", "Readonly", "Record", "RegExp", "Request", "Required", "Response", "ReturnType", "Set", "String", "Symbol", "URL"}

// The API's document says what a newcomer has to know of each operation, parameter
// and field, and which headers come with which answers.
func TestDocumentSaysWhatIs(t *testing.T) {
	h := newHouse(t)
	doc := h.door.API().OpenAPI()
	if said := doc.Info.Description; strings.Contains(said, "RFC 3339 in UTC") || !strings.Contains(said, "offset") {
		t.Errorf("of times it says: %s", said)
	}
	check := func(at, text string) {
		if text == "" || slices.Contains(fillers, text) || slices.Contains(fillers, strings.TrimSuffix(text, ".")) {
			t.Errorf("%s has no description: %q. Describe it: a field with a doc tag, or in internal/gateway/vocabulary.go", at, text)
		}
	}
	for path, item := range doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Delete} {
			if op == nil {
				continue
			}
			at := op.Method + " " + path
			if check(at, op.Description); op.Description == op.Summary+"." {
				t.Errorf("%s says its summary twice", at)
			}
			for _, p := range op.Parameters {
				if check(at+" "+p.Name, p.Description); p.Name == "Accept-Language" && !strings.HasSuffix(path, ".pdf") && path != "/payments" {
					t.Errorf("%s has a language", at)
				}
			}
			for code, res := range op.Responses {
				check(at+" "+code, res.Description)
				if made := code == "201" || code == "202"; res.Headers["Location"] != nil && !made || res.Headers["Retry-After"] != nil && code != "202" && code[0] == '2' {
					t.Errorf("%s: %s with %v", at, code, slices.Sorted(maps.Keys(res.Headers)))
				}
			}
		}
	}
	for name, s := range doc.Components.Schemas.Map() {
		if slices.Contains(typeScript, name) {
			t.Errorf("the schema %s hides a type of TypeScript in clients that are generated: give it another name", name)
		}
		for field, p := range s.Properties {
			if p.Ref == "" {
				check(name+"."+field, p.Description)
			}
		}
	}
	if res := doc.Paths["/payments"].Post.Responses["202"]; res.Headers["Location"] == nil || res.Headers["Retry-After"] == nil {
		t.Errorf("a payment that goes on: %v", res.Headers)
	}
}

// Location comes with what was made or goes on, and not with reads.
func TestLocationOfReads(t *testing.T) {
	h := newHouse(t)
	organizer, fan := h.account(t, caller.Organizer), h.account(t, caller.Customer)
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	made := h.ask(t, fan, "POST", "/bookings", `{"event_id":"`+event+`","quantity":1}`)
	where := made.Header().Get("Location")
	if made.Code != 201 || where == "" {
		t.Fatalf("%d %v", made.Code, made.Header())
	}
	for as, path := range map[*userapi.Fan]string{&fan: where, &organizer: "/events/" + event} {
		if w := h.ask(t, *as, "GET", path, ""); w.Code != 200 || w.Header().Get("Location") != "" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
}
