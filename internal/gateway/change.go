package gateway

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"boxoffice/internal/errs"
)

// checkChange refuses a request that would change something and says more than
// its operation knows of: what is passed over might have narrowed the change, as
// ?seat=A of DELETE /bookings/{id} was meant to. Reads take what they know and
// pass over the rest.
func (g *Gateway) checkChange(ctx huma.Context, next func(huma.Context)) {
	if op := ctx.Operation(); op.Method != http.MethodGet {
		r, w := humachi.Unwrap(ctx)
		err := checkQuery(op, r.URL.RawQuery)
		if err == nil {
			err = checkConditions(op, r.Header)
		}
		if err != nil {
			requestFrom(r.Context()).refuse(w, err)
			return
		}
	}
	next(ctx)
}

// checkQuery refuses parameters that an operation does not know, that are empty,
// or that are there more than once, of which huma would take the first.
func checkQuery(op *huma.Operation, raw string) error {
	if raw == "" {
		return nil
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return badAddress("query", "cannot be read: its percent signs and semicolons must be escaped")
	}
	var bad []errs.Field
	for name, values := range query {
		known := slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "query" && p.Name == name })
		switch {
		case !known:
			bad = append(bad, errs.Field{Name: clip(name), Code: "unknown-parameter", Reason: "is not a parameter of this operation"})
		case len(values) > 1:
			bad = append(bad, errs.Field{Name: name, Code: "given-twice", Reason: "must be given once; commas separate several values"})
		case strings.TrimSpace(values[0]) == "":
			bad = append(bad, errs.Field{Name: name, Code: "required", Reason: "must not be empty"})
		}
	}
	slices.SortFunc(bad, func(a, b errs.Field) int { return strings.Compare(a.Name, b.Name) })
	return errs.Fields(bad)
}

// checkConditions refuses a precondition that an operation would pass over. What
// has no version is not the one that If-Match names (RFC 9110, section 13.1.1). No
// change heeds If-None-Match: the thing at its address is there, so that * is false
// (section 13.1.2), and whether another tag is its version no operation looks up.
func checkConditions(op *huma.Operation, h http.Header) error {
	match := strings.Trim(strings.Join(h["If-Match"], ","), " \t")
	if len(h["If-Match"]) > 1 { // one list (section 5.3)
		h["If-Match"] = []string{match}
	}
	known := slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "header" && p.Name == "If-Match" })
	switch {
	case strings.Trim(strings.Join(h["If-None-Match"], ""), " \t") != "":
		return errs.New(errs.Precondition, "version-differs", "Only reads support If-None-Match; send the version that you want to change in If-Match.")
	case match == "" || match == "*" || known:
		return nil
	}
	return errs.New(errs.Precondition, "version-differs", "This operation changes something that has no ETag, so If-Match cannot be used.")
}
