package console

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"boxoffice/internal/errs"
	"boxoffice/internal/page"
)

// notOfForms are codes that no form of ours comes to: those of the API's own fields,
// and of values that forms cannot have.
var notOfForms = []string{
	"no-such-device", "not-of-nodes", "other-kind", // of gate nodes
	// combinations of the API's fields, of which a form sends one
	"cannot-combine", "needs-another-field", "fees-above-price",
	// fields that no form has
	"not-an-id", "bad-version", "bad-cursor", "too-many-words", "too-large", "too-deep", "not-an-object",
	"expired-link", // beside problem.bad-token
	// choices that forms offer without another
	"not-a-choice", "no-such-type",
	// the shop says them in its own words, see missed.odd, or drops such seats
	"seat-not-in-booking", "no-such-tier",
	// of JSON bodies, of parameters and of headers: pages send forms
	"wrong-type", "wrong-format", "not-valid", "not-json", "not-readable", "unknown-field", "unknown-parameter", "unexpected-body", "given-twice",
	"named-twice", "too-few", "above-maximum", "below-minimum", "not-above", "not-below",
	// of devices, which the check-in app tells in its own words
	"not-a-key", "pairing-over", "names-the-scan", "not-the-reason", "one-of", "only-of-undo", "only-with-decided", "other-event",
	// quoted, see console.fault.file
	"plan-document",
}

// codesOf are the codes of field errors in the sources of some rooms.
func codesOf(t *testing.T, rooms ...string) (out []string) {
	t.Helper()
	literal := func(e ast.Expr) {
		if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
			if text, _ := strconv.Unquote(l.Value); text != "" { // of another add
				out = append(out, text)
			}
		}
	}
	for _, room := range rooms {
		sources(t, room, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				f, ok := n.Fun.(*ast.SelectorExpr)
				switch {
				case !ok || len(n.Args) < 2:
				case f.Sel.Name == "Why": // errs.Why(code, format, …)
					literal(n.Args[0])
				case (f.Sel.Name == "Bad" || f.Sel.Name == "Add" || f.Sel.Name == "add") && len(n.Args) > 2: // errs.Bad(field, code, format, …)
					literal(n.Args[1])
				}
			case *ast.KeyValueExpr: // errs.Field{Code: …}
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Code" {
					literal(n.Value)
				}
			}
			return true
		})
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func inGerman(t *testing.T) (v *page.Visit) {
	t.Helper()
	site, err := page.New(page.Config{})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept-Language", "de")
	if err := site.Page(func(it *page.Visit) error { v = it; return nil })(httptest.NewRecorder(), r); err != nil {
		t.Fatal(err)
	}
	return v
}

// Every code of a field error that a form may come to has a message in German, and
// every such message has a code.
func TestFieldErrorsHaveWords(t *testing.T) {
	v := inGerman(t)
	all, known := codesOf(t, "user", "event", "eventapi", "booking", "bookingapi", "payment", "webhook", "invoice", "vat", "notify/announce", "checkin", "phone", "gateway", "money", "safetext", "console", "app"), 0
	for _, code := range all {
		field := errs.Field{Code: code, Reason: "is odd"}
		switch has := v.Fault(field) != v.T("fault.other", "Reason", field.Reason); {
		case has:
			known++
		case !slices.Contains(notOfForms, code):
			t.Errorf("%q has no German words", code)
		}
	}
	if known < 30 {
		t.Errorf("only %d codes were found", known)
	}
	for _, code := range notOfForms {
		if !slices.Contains(all, code) {
			t.Errorf("nobody says %q any more", code)
		}
	}
	for code := range v.Words("fault.") {
		if code != "some" && code != "other" && !slices.Contains(all, code) {
			t.Errorf("fault.%s is a message without a code", code)
		}
	}
}

// elsewhere are problems that no form says: pages do something about them, or an
// error page does.
var elsewhere = map[string]string{
	"sign-in-required": "leads to the sign-in page", "organizers-only": "error page",
	"bad-token":      "an ended session leads to the sign-in page",
	"device-revoked": "of the check-in app", "other-kind": "of gate nodes", "too-many-requests": "of the check-in app", "device-not-now": "of the check-in app", "no-names": "of the check-in app",
	"bad-form": "error page: browsers do not send such forms", "malformed-form": "error page: browsers do not send such forms",
}

// What is wrong with all of a form is said in German too, by the problem's type.
func TestProblemsHaveWords(t *testing.T) {
	v := inGerman(t)
	said := map[string]bool{}
	for _, room := range []string{"user", "booking", "event", "webhook", "notify/announce", "checkin", "shop", "console", "app"} {
		for _, slug := range problemsOf(t, room) {
			said[slug] = true
			if key := "problem." + slug; v.T(key) == key && elsewhere[slug] == "" {
				t.Errorf("%q of %s has no German words", slug, room)
			}
		}
	}
	for slug := range elsewhere {
		if !said[slug] {
			t.Errorf("nobody says %q any more", slug)
		}
	}
	if len(said) < 40 {
		t.Errorf("only %d problems were found", len(said))
	}
}

// problemsOf are the types of the errors that a room makes and that may be shown
// in a form.
func problemsOf(t *testing.T, room string) (out []string) {
	t.Helper()
	kinds := []string{"Invalid", "Malformed", "Unauthenticated", "Forbidden", "Conflict", "Precondition", "TooMany", "PaymentRequired"}
	sources(t, room, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 2 {
			return true
		}
		made, ok := call.Fun.(*ast.SelectorExpr)
		kind, sure := call.Args[0].(*ast.SelectorExpr)
		slug, literal := call.Args[1].(*ast.BasicLit)
		if ok && sure && literal && made.Sel.Name == "New" && slices.Contains(kinds, kind.Sel.Name) {
			text, _ := strconv.Unquote(slug.Value)
			out = append(out, text)
		}
		return true
	})
	return out
}

// sources walks through the syntax trees of a room and of its parts, other than
// importers: they speak of places in a file, which pages quote, see console.fault.file.
func sources(t *testing.T, room string, visit func(ast.Node) bool) {
	t.Helper()
	err := filepath.WalkDir("../"+room, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "importer" || strings.HasSuffix(d.Name(), "test")):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err == nil {
			ast.Inspect(tree, visit)
		}
		return err
	})
	if err != nil {
		t.Fatal(room, err)
	}
}
