package deptest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"testing"
)

// docs/walkthrough.md leads through the code by files and functions, all of which
// exist.
func TestWaysLeadThroughTheCode(t *testing.T) {
	text, err := os.ReadFile("../../docs/walkthrough.md")
	if err != nil {
		t.Fatal(err)
	}
	steps := regexp.MustCompile("`([a-z_/]+\\.go):\\s+([A-Za-z.]+)`").FindAllStringSubmatch(string(text), -1)
	if len(steps) < 50 {
		t.Fatalf("only %d steps were found", len(steps))
	}
	known := map[string]map[string]bool{}
	for _, step := range steps {
		file, name := step[1], step[2]
		if known[file] == nil {
			if known[file], err = functionsIn("../" + file); err != nil {
				t.Error(err)
				continue
			}
		}
		if !known[file][name] {
			t.Errorf("internal/%s has no function %s", file, name)
		}
	}
	for _, path := range regexp.MustCompile("`(ui/[a-z/]+\\.ts)`").FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat("../../" + path[1]); err != nil {
			t.Error(err)
		}
	}
}

// functionsIn lists the functions of a file, methods as Type.Name.
func functionsIn(path string) (map[string]bool, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		name := f.Name.Name
		if f.Recv != nil {
			of := f.Recv.List[0].Type
			if p, ok := of.(*ast.StarExpr); ok {
				of = p.X
			}
			if id, ok := of.(*ast.Ident); ok {
				name = id.Name + "." + name
			}
		}
		names[name] = true
	}
	return names, nil
}
