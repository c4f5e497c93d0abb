package app

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/userapi"
)

// slugsIn finds the slugs of the problems that a room's code makes.
func slugsIn(t *testing.T, room string) map[string]string {
	t.Helper()
	slug := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	found := map[string]string{}
	files := token.NewFileSet()
	err := fs.WalkDir(os.DirFS("../"+room), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, "../"+room+"/"+path, nil, 0)
		if err != nil {
			return err
		}
		note := func(e ast.Expr) {
			if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, _ := strconv.Unquote(lit.Value); slug.MatchString(text) {
					found[text] = files.Position(lit.Pos()).String()
				}
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if fn, ok := n.Fun.(*ast.SelectorExpr); ok && fn.Sel.Name == "New" && len(n.Args) > 2 {
					if x, ok := fn.X.(*ast.Ident); ok && x.Name == "errs" {
						note(n.Args[1])
					}
				}
				if fn, ok := n.Fun.(*ast.Ident); ok && fn.Name == "New" && len(n.Args) > 2 { // in errs itself
					note(n.Args[1])
				}
				if fn, ok := n.Fun.(*ast.Ident); ok && slices.Contains([]string{"refuse", "again"}, fn.Name) && len(n.Args) > 1 {
					note(n.Args[0])
				}
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Type" {
					note(n.Value)
				}
			case *ast.AssignStmt:
				for i, left := range n.Lhs {
					if sel, ok := left.(*ast.SelectorExpr); ok && sel.Sel.Name == "Type" && i < len(n.Rhs) {
						note(n.Rhs[i])
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Every type of problem that the API can answer is explained at its address, and
// named by an operation or answered everywhere. Unknown types are not found.
func TestProblemsAreExplained(t *testing.T) {
	h := newHouse(t)
	named := map[string]bool{}
	for _, item := range h.door.API().OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Delete} {
			if op == nil {
				continue
			}
			for code, res := range op.Responses {
				if media := res.Content["application/problem+json"]; media != nil {
					if len(media.Examples) == 0 {
						t.Errorf("%s %s: %s without a type of problem", op.Method, op.Path, code)
					}
					for slug := range media.Examples {
						named[slug] = true
					}
				}
			}
		}
	}
	made := map[string]bool{
		"payment-voided": true, "payment-timed-out": true, // reasons of payments that were given up
		"already-inside": true, "not-inside": true, "nothing-to-undo": true, // reasons of corrections
	}
	outside := []string{"proof-over", // pages only
		"not-ready", "method-not-allowed", "cross-origin", "no-such-page", "bad-address", "http"} // not an operation's
	for _, room := range []string{"booking", "checkin", "event", "payment", "user", "gateway", "errs"} {
		for slug, at := range slugsIn(t, room) {
			made[slug] = true
			if page := h.ask(t, userapi.Fan{}, http.MethodGet, "/problems/"+slug, ""); page.Code != http.StatusOK || !strings.Contains(page.Body.String(), slug) {
				t.Errorf("%s: /problems/%s is %d", at, slug, page.Code)
			} else if !named[slug] && !slices.Contains(outside, slug) {
				t.Errorf("%s: no operation names %s", at, slug)
			}
		}
	}
	for _, p := range []errs.Problems{bookingapi.Problems, checkinapi.Problems, eventapi.Problems, paymentapi.Problems, userapi.Problems} {
		for slug := range p.Types {
			if !made[slug] {
				t.Errorf("%s is explained, and no code answers it", slug)
			}
		}
	}
	for path, want := range map[string]string{"/problems": "</a> (405): The address does not support", "/problems/method-not-allowed": "HTTP status <code>405</code>"} {
		if page := h.ask(t, userapi.Fan{}, http.MethodGet, path, ""); !strings.Contains(page.Body.String(), want) {
			t.Errorf("%s does not say %q", path, want)
		}
	}
	if page := h.ask(t, userapi.Fan{}, http.MethodGet, "/problems/no-such-problem", ""); page.Code != http.StatusNotFound {
		t.Errorf("an unknown type of problem is %d", page.Code)
	}
	if page := h.ask(t, userapi.Fan{}, http.MethodGet, "/problems", ""); page.Code != http.StatusOK || !strings.Contains(page.Body.String(), "seats-taken") {
		t.Errorf("the list of problems is %d", page.Code)
	}
}

// A type of problem is always of one kind, so that it always has the status that
// the document says of it.
func TestProblemsHaveOneKind(t *testing.T) {
	made := regexp.MustCompile(`(?:errs\.New\(errs\.|\bNew\(|Kind: errs\.)([A-Z]\w+), (?:Type: )?"([a-z-]+)"`)
	kinds := map[string]string{}
	if err := fs.WalkDir(os.DirFS(".."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile("../" + path)
		for _, m := range made.FindAllStringSubmatch(string(text), -1) {
			if before := kinds[m[2]]; before != "" && before != m[1] {
				t.Errorf("%s makes %s of the kind %s, others %s", path, m[2], m[1], before)
			}
			kinds[m[2]] = m[1]
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`"([a-z-]+)": *\{Kind: errs\.([A-Z]\w+),`)
	for _, path := range []string{"bookingapi", "checkinapi", "eventapi", "paymentapi", "userapi", "gateway"} {
		text, err := os.ReadFile("../" + path + "/problems.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			if kind := kinds[m[1]]; kind != "" && kind != m[2] {
				t.Errorf("%s declares %s as %s, but code makes it %s", path, m[1], m[2], kind)
			}
		}
	}
	if len(kinds) < 50 {
		t.Errorf("only %d types of problems were found", len(kinds))
	}
}
