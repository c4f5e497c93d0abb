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

// checkChange refuses a change whose request has parameters or conditions that the
// operation does not know. Ignoring them could make the change larger than intended,
// as with ?seat=A in DELETE /bookings/{id}. Reads ignore what they do not know.
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

// checkQuery refuses parameters that are unknown, empty or repeated; huma would
// silently take the first of several.
func checkQuery(op *huma.Operation, raw string) error {
	if raw == "" {
		return nil
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return badAddress("query", errs.Why("not-readable", "cannot be read: its percent signs and semicolons must be escaped"))
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

// checkConditions refuses preconditions that the operation would otherwise ignore.
// If-Match cannot match something that has no version (RFC 9110, section 13.1.1).
// If-None-Match is refused for every change: * is false because the resource exists
// (section 13.1.2), and no operation compares other tags.
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
