package gateway

import (
	"fmt"
	"html/template"
	"net/http"
	"sort"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"boxoffice/internal/errs"
)

// docsPage lists the operations of the OpenAPI document. It needs nothing from
// elsewhere.
var docsPage = template.Must(template.New("docs").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>boxoffice API</title>
<style>
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 15%, transparent); }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 54rem; margin: 0 auto; padding: 2rem 1rem 5rem; }
h1 { font-size: 2rem; margin: 0 0 .3rem; letter-spacing: -.02em; } h2 { margin: 2.5rem 0 .5rem; font-size: 1.2rem; }
p { margin: .3rem 0; } .quiet { opacity: .75; }
details { border-top: 1px solid var(--line); padding: .55rem 0; } summary { cursor: pointer; display: flex; gap: .8rem; align-items: baseline; flex-wrap: wrap; }
code { font: .92em ui-monospace, monospace; } .method { font-weight: 700; width: 4.2rem; display: inline-block; }
.GET { color: #15803d } .POST { color: #1d4ed8 } .PUT { color: #b45309 } .DELETE { color: #b91c1c }
@media (prefers-color-scheme: dark) { .GET { color: #4ade80 } .POST { color: #93c5fd } .PUT { color: #fcd34d } .DELETE { color: #fca5a5 } }
table { border-collapse: collapse; margin: .5rem 0; width: 100%; } td { padding: .2rem .8rem .2rem 0; vertical-align: top; border-top: 1px solid var(--line); }
</style></head><body>
<h1>boxoffice API</h1>
<p class="quiet">{{.Description}}</p>
<p>The whole of it, for tools: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1).</p>
{{range .Groups}}<h2>{{.Name}}</h2>
{{range .Operations}}<details><summary><code class="method {{.Method}}">{{.Method}}</code><code>{{.Path}}</code><span class="quiet">{{.Summary}}</span></summary>
{{with .Description}}<p>{{.}}</p>{{end}}
{{if .Fields}}<table>{{range .Fields}}<tr><td><code>{{.Name}}</code></td><td class="quiet">{{.Place}}</td><td>{{.Doc}}</td></tr>{{end}}</table>{{end}}
<p class="quiet">Answers: {{.Answers}}</p></details>
{{end}}{{end}}</body></html>
`))

type docsOperation struct {
	Method, Path, Summary, Description, Answers string
	Fields                                      []docsField
}

type docsField struct{ Name, Place, Doc string }

type docsGroup struct {
	Name       string
	Operations []docsOperation
}

func (g *Gateway) docs(w http.ResponseWriter, r *http.Request) {
	oapi := g.api.OpenAPI()
	groups := map[string]*docsGroup{}
	paths := make([]string, 0, len(oapi.Paths))
	for p := range oapi.Paths {
		paths = append(paths, p)
	}
	sort.Strings(paths)
	for _, path := range paths {
		item := oapi.Paths[path]
		for _, op := range []*huma.Operation{item.Post, item.Get, item.Put, item.Delete} {
			if op == nil {
				continue
			}
			name := "More"
			if len(op.Tags) > 0 {
				name = op.Tags[0]
			}
			if groups[name] == nil {
				groups[name] = &docsGroup{Name: name}
			}
			groups[name].Operations = append(groups[name].Operations, describe(oapi, op))
		}
	}
	page := struct {
		Description string
		Groups      []*docsGroup
	}{Description: oapi.Info.Description}
	for _, group := range groups {
		page.Groups = append(page.Groups, group)
	}
	sort.Slice(page.Groups, func(i, j int) bool { return page.Groups[i].Name < page.Groups[j].Name })
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	if err := docsPage.Execute(w, page); err != nil {
		g.cfg.Log.Debug("docs page", "error", err)
	}
}

func describe(oapi *huma.OpenAPI, op *huma.Operation) docsOperation {
	out := docsOperation{Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description}
	for _, p := range op.Parameters {
		doc := p.Description
		if doc == "" && p.Schema != nil {
			doc = p.Schema.Description
		}
		out.Fields = append(out.Fields, docsField{p.Name, p.In, doc})
	}
	if op.RequestBody != nil {
		if media := op.RequestBody.Content["application/json"]; media != nil && media.Schema != nil {
			schema := media.Schema
			if schema.Ref != "" {
				schema = oapi.Components.Schemas.SchemaFromRef(schema.Ref)
			}
			names := make([]string, 0, len(schema.Properties))
			for name := range schema.Properties {
				names = append(names, name)
			}
			sort.Strings(names)
			for _, name := range names {
				out.Fields = append(out.Fields, docsField{name, "body", schema.Properties[name].Description})
			}
		}
	}
	var answers []string
	for status := range op.Responses {
		answers = append(answers, status)
	}
	sort.Strings(answers)
	out.Answers = strings.Join(answers, ", ")
	return out
}

// explain is the page behind a problem's type.
func (g *Gateway) explain(w http.ResponseWriter, r *http.Request) {
	slug := chi.URLParam(r, "slug")
	if len(slug) > 64 || strings.Trim(slug, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		refuse(w, r, errs.Missing("problem"))
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(w, "%s\n\nA problem document of this type says in \"detail\" what is wrong, and in \"fields\" which inputs are at fault. See /docs.\n", slug)
}
