package gateway

import (
	"bytes"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"boxoffice/internal/errs"
)

// everywhere are the problems that any operation may answer.
var everywhere = map[string]errs.ProblemType{
	"bad-request":          {Kind: errs.Malformed, Says: "The request cannot be understood: a parameter or a header is malformed."},
	"malformed-json":       {Kind: errs.Malformed, Says: "The body is not JSON, an object in it names a member twice, or there is no body."},
	"not-utf8":             {Kind: errs.Malformed, Says: "The address or the body is not UTF-8, or a string in the body escapes half of a surrogate pair, such as \\ud800."},
	"body-cut-off":         {Kind: errs.Malformed, Says: "The body ended early. Send the request again, with the same Idempotency-Key."},
	"body-too-slow":        {Kind: errs.Malformed, Says: "The body arrived too slowly: after a few seconds, it must arrive at 4 KiB per second or faster, a seating plan at 64 KiB. Send the request again, with the same Idempotency-Key."},
	"invalid-field":        {Kind: errs.Invalid, Says: "A field or parameter is invalid: fields names each one and the reason, up to twenty."},
	"not-json":             {Kind: errs.Unsupported, Says: "The body must be JSON, with Content-Type: application/json."},
	"unknown-encoding":     {Kind: errs.Unsupported, Says: "The body is compressed. Send it uncompressed."},
	"too-large":            {Kind: errs.TooLarge, Says: "The body is larger than this operation allows."},
	"sign-in-required":     {Kind: errs.Unauthenticated, Says: "The operation needs a session: sign in, and send the token as Authorization: Bearer TOKEN."},
	"bad-token":            {Kind: errs.Unauthenticated, Says: "The session has ended, or there is no session with this token. Sign in again."},
	"not-found":            {Kind: errs.NotFound, Says: "It does not exist, or it belongs to somebody else."},
	"no-such-page":         {Kind: errs.NotFound, Says: "There is nothing at this address."},
	"too-many-requests":    {Kind: errs.TooMany, Says: "Too many requests from this account or address. Retry-After says, in seconds, when to continue."},
	"busy":                 {Kind: errs.Unavailable, Says: "The server is too busy. Nothing was changed; try again after Retry-After, in seconds."},
	"shutting-down":        {Kind: errs.Unavailable, Says: "This node is shutting down. Send the request again, with the same Idempotency-Key."},
	"timeout":              {Kind: errs.Unavailable, Says: "The request took too long, and its outcome is unknown. Send it again, with the same Idempotency-Key."},
	"database-unavailable": {Kind: errs.Unavailable, Says: "The database cannot be reached. Try again after Retry-After, in seconds."},
	"not-ready":            {Kind: errs.Unavailable, Says: "This node is starting or stopping. Send the request to another one."},
	"version-differs":      {Kind: errs.Precondition, Says: "If-Match does not name the current version. Send the ETag as it was answered; things without an ETag do not support If-Match. Or a change was sent with If-None-Match, which only reads support."},
	"internal-error":       {Kind: errs.Internal, Says: "Something went wrong on our side. Quote request_id when you report it."},
	"method-not-allowed":   {Kind: errs.Invalid, Says: "The address does not support this method; Allow lists the supported ones."},
	"cross-origin":         {Kind: errs.Forbidden, Says: "A page of another site sent this request with this site's cookie. Send a token instead."},
	"bad-address":          {Kind: errs.Malformed, Says: "The address cannot be parsed: it has invalid escapes or characters."},
	"http":                 {Kind: errs.Malformed, Says: "The request is not HTTP that this server supports."},
}

// Problems registers the services' problem types. Call it before Complete. It panics
// if an operation names a type without an explanation.
func (g *Gateway) Problems(all ...errs.Problems) {
	g.problems = maps.Clone(everywhere)
	for _, p := range all {
		maps.Copy(g.problems, p.Types)
	}
	g.named = map[string][]string{}
	for _, p := range all {
		for op, slugs := range p.Operations {
			for _, slug := range slugs {
				if _, ok := g.problems[slug]; !ok {
					panic("gateway: " + op + " names the problem " + slug + ", which nothing explains")
				}
			}
			g.named[op] = append(g.named[op], slugs...)
		}
	}
}

// problemsOf lists the problems of an operation with a status, sorted: its own, and
// the general ones with this status.
func (g *Gateway) problemsOf(op *huma.Operation, status int) []string {
	var list []string
	for _, slug := range g.named[op.OperationID] {
		if statuses[g.problems[slug].Kind] == status {
			list = append(list, slug)
		}
	}
	for slug, p := range everywhere {
		if statuses[p.Kind] == status && applies(op, slug) {
			list = append(list, slug)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// applies reports whether a general problem can occur in an operation of the API.
func applies(op *huma.Operation, slug string) bool {
	switch slug {
	case "version-differs":
		return op.Method != http.MethodGet
	case "not-ready", "method-not-allowed", "cross-origin", "no-such-page", "bad-address", "http":
		return false
	case "malformed-json", "body-cut-off", "body-too-slow", "not-json", "unknown-encoding", "too-large":
		return op.RequestBody != nil
	}
	return true
}

// problemExamples returns an example document for each problem with a status.
func (g *Gateway) problemExamples(op *huma.Operation, status int) map[string]*huma.Example {
	out := map[string]*huma.Example{}
	for _, slug := range g.problemsOf(op, status) {
		out[slug] = &huma.Example{Summary: g.problems[slug].Says, Value: map[string]any{
			"type": "/problems/" + slug, "title": http.StatusText(status), "status": status, "detail": g.problems[slug].Says, "request_id": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
		}}
	}
	return out
}

var problemPage = template.Must(template.New("problem").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}} · boxoffice API</title>
<style>:root { color-scheme: light dark; } body { font: 16px/1.6 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; } h1 { letter-spacing: -.02em; margin: 0 0 .5rem; } code { font: .92em ui-monospace, monospace; } a { color: inherit; } li { margin: .4rem 0; }</style></head>
<body><p><a href="/docs">API</a> · <a href="/problems">Problems</a></p><h1>{{.Title}}</h1>
{{with .Says}}<p>{{.}}</p>{{end}}{{with .Status}}<p>HTTP status <code>{{.}}</code>.</p>{{end}}
{{with .Operations}}<p>Answered by:</p><ul>{{range .}}<li><a href="/docs#{{.}}"><code>{{.}}</code></a></li>{{end}}</ul>{{end}}
{{with .All}}<ul>{{range .}}<li><a href="/problems/{{.Slug}}"><code>{{.Slug}}</code></a> ({{.Status}}): {{.Says}}</li>{{end}}</ul>{{end}}
</body></html>
`))

type problemView struct {
	Title, Says, Status string
	Operations          []string
	All                 []problemLine
}

type problemLine struct {
	Slug, Says string
	Status     int
}

// statusOf returns the status of a problem's answers. It belongs to the kind, except
// when the method is not allowed.
func statusOf(slug string, p errs.ProblemType) int {
	if slug == "method-not-allowed" {
		return http.StatusMethodNotAllowed
	}
	return statuses[p.Kind]
}

// explain serves the page behind a problem's type.
func (g *Gateway) explain(w http.ResponseWriter, r *http.Request) {
	slug := chi.URLParam(r, "slug")
	p, ok := g.problems[slug]
	if !ok {
		refuse(w, r, errs.Missing("type of problem"))
		return
	}
	view := problemView{Title: slug, Says: p.Says, Status: strconv.Itoa(statusOf(slug, p))}
	for _, op := range slices.Sorted(maps.Keys(g.named)) {
		if slices.Contains(g.named[op], slug) {
			view.Operations = append(view.Operations, op)
		}
	}
	g.writePage(w, r, view)
}

// listProblems serves the page that lists all problem types.
func (g *Gateway) listProblems(w http.ResponseWriter, r *http.Request) {
	view := problemView{Title: "Problems", Says: "Errors are problem documents (RFC 9457). Their type is one of these and does not change."}
	for _, slug := range slices.Sorted(maps.Keys(g.problems)) {
		view.All = append(view.All, problemLine{slug, g.problems[slug].Says, statusOf(slug, g.problems[slug])})
	}
	g.writePage(w, r, view)
}

func (g *Gateway) writePage(w http.ResponseWriter, r *http.Request, view problemView) {
	var b bytes.Buffer
	if err := problemPage.Execute(&b, view); err != nil {
		refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	_, _ = w.Write(b.Bytes())
}
