package console

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"boxoffice/internal/page"
)

// A reason is what is said of a field: a predicate such as "is required".
var (
	reasonText = regexp.MustCompile(`^(%q |%s )?(is|must|has|have|names|belongs|cannot|comes|holds|does not|happens|leave|needs) `)
	verb       = regexp.MustCompile(`%[.0-9]*[a-z]`)
)

// aboutFiles are sources whose reasons are about a place in a file: pages quote
// them as they are, see console.fault.file.
var aboutFiles = regexp.MustCompile(`/event/(import|importer/(discovery|importer|node|notes|own|pretix))\.go$`)

// notOfForms are reasons that no form of ours comes to: those of the API's own
// fields, and of values that forms cannot have.
var notOfForms = []string{
	// combinations of the API's fields, of which a form sends one
	"must have one of template, id and document", "cannot be combined with event_time", "cannot be combined with end_time",
	"cannot be combined with price", "cannot be combined with fee_rules: give tiers with a face value", "must be given with fee_rules: %s",
	"must be given with a venue in another time zone", "needs the event's fee_rules; without them give the all-in price",
	"must be given instead of price and fees, which the event's fee_rules make of it", "cannot be combined with name or email",
	"cannot be combined with quantity, section or tier", "must name the seats to take, unless quantity says how many", "must be 1 or more, unless seats are named", "cannot change without new prices",
	// fields that no form has
	"must be customer, organizer or admin", "is not the id of an account", "is not the id of an event", "must be a version of the event's ledger",
	"is beyond the event's ledger version %d", "is not one that a list has given", "is not one that a search has given", "must have at most %d words",
	"must have at most %d KiB", "must not be nested deeper than 16 levels", "must be a JSON object", "must be UTF-8 without NUL",
	"must be 0 up to the price, of which they are part", "has expired, was already used, or is not one that was mailed", // beside problem.bad-token
	// choices that forms offer without another
	"must be draft, published, on_sale or cancelled", "must be draft, published or on_sale", "must be half_up, half_even, up or down", "must be theatre, arena, stadium or club",
	// the shop says them in its own words, see missed.odd, or drops such seats
	"names %s, which is not in this booking", "%q is not a price tier of this event",
	// quoted, see console.fault.file
	"is not a seating plan: %s", "must hold one seating plan, and holds %d",
	// command lines
	"%q is not an amount with a currency such as 50.00USD", "%q is not an ISO 4217 currency", "is larger than %d MiB",
}

// reasonsOf are the reasons in the sources of some rooms.
func reasonsOf(t *testing.T, rooms ...string) (out []string) {
	t.Helper()
	for _, room := range rooms {
		sources(t, room, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if text, _ := strconv.Unquote(l.Value); reasonText.MatchString(text) {
					out = append(out, text)
				}
			}
			if c, ok := n.(*ast.CallExpr); ok {
				if f, ok := c.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "BadFlag" { // of a command line
					return false
				}
			}
			_, tags := n.(*ast.Field)
			return !tags
		})
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// example fills a format in with numbers that fit it.
func example(format string) string {
	return verb.ReplaceAllStringFunc(format, func(v string) string {
		switch v[len(v)-1] {
		case 'd':
			return "100"
		case 'q':
			return `"X"`
		}
		return "X"
	})
}

func inGerman(t *testing.T) (v *page.Visit) {
	t.Helper()
	kit, err := page.New(page.Config{})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept-Language", "de")
	if err := kit.Page(func(it *page.Visit) error { v = it; return nil })(httptest.NewRecorder(), r); err != nil {
		t.Fatal(err)
	}
	return v
}

// What is said of a field in a form is said in German too. The catalogues find it
// by its English text, so that a text that changes needs its entry again.
func TestReasonsHaveWords(t *testing.T) {
	v := inGerman(t)
	all, known := reasonsOf(t, "user", "user/session", "event", "event/check", "event/importer", "eventapi", "booking", "booking/live", "bookingapi", "money", "console", "app"), 0
	for _, format := range all {
		reason := example(format)
		if v.Fault(reason) != v.T("fault.other", "Reason", reason) {
			known++
		} else if !slices.Contains(notOfForms, format) {
			t.Errorf("%q has no German words", format)
		}
	}
	if known < 40 {
		t.Errorf("only %d reasons were found", known)
	}
	for _, text := range notOfForms {
		if !slices.Contains(all, text) {
			t.Errorf("nobody says %q any more", text)
		}
	}
}

// elsewhere are problems that no form says: pages do something about them, or an
// error page does.
var elsewhere = map[string]string{
	"sign-in-required": "leads to the sign-in page", "organizers-only": "error page",
	"bad-token": "an ended session leads to the sign-in page",
	"bad-form":  "error page: browsers do not send such forms", "malformed-form": "error page: browsers do not send such forms",
}

// What is wrong with all of a form is said in German too, by the problem's type.
func TestProblemsHaveWords(t *testing.T) {
	v := inGerman(t)
	said := map[string]bool{}
	for _, room := range []string{"user", "user/session", "booking", "booking/live", "event", "shop", "console", "app"} {
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

// sources walks through the syntax trees of a room.
func sources(t *testing.T, room string, visit func(ast.Node) bool) {
	t.Helper()
	files, err := filepath.Glob("../" + room + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(room, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || aboutFiles.MatchString(filepath.ToSlash(file)) {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, visit)
	}
}
