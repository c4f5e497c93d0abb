// Package gatewaytest checks answers against the OpenAPI document, in tests.
package gatewaytest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/codec"
)

// Named returns an error if an operation answered with a status or a problem that
// the document does not list for it. It accepts requests that are not operations,
// such as pages.
func Named(doc *huma.OpenAPI, method, path string, status int, body []byte) error {
	op := operation(doc, method, path)
	if op == nil || status == http.StatusMethodNotAllowed {
		return nil
	}
	res := op.Responses[strconv.Itoa(status)]
	if res == nil {
		return fmt.Errorf("%s %s answers %d, which the document does not have: %s", method, op.Path, status, body)
	}
	if status < http.StatusBadRequest {
		return nil
	}
	var problem struct {
		Type string `json:"type"`
	}
	if err := codec.ReadKnown(body, &problem); err != nil {
		return fmt.Errorf("%s %s answers %d with no problem: %w: %s", method, op.Path, status, err, body)
	}
	media := res.Content["application/problem+json"]
	if media == nil || media.Examples[strings.TrimPrefix(problem.Type, "/problems/")] == nil {
		return fmt.Errorf("%s %s answers %d %s, which the document does not name: %s", method, op.Path, status, problem.Type, body)
	}
	return nil
}

// operation returns the operation of a path: of several, the one with the fewest
// parameters.
func operation(doc *huma.OpenAPI, method, path string) (found *huma.Operation) {
	path, _, _ = strings.Cut(path, "?")
	least := 0
	for pattern, item := range doc.Paths {
		params, ok := match(pattern, path)
		op := map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodDelete: item.Delete}[method]
		if ok && op != nil && (found == nil || params < least) {
			found, least = op, params
		}
	}
	return found
}

func match(pattern, path string) (params int, ok bool) {
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return 0, false
	}
	for i, w := range want {
		switch {
		case strings.HasPrefix(w, "{") && have[i] != "":
			params++
		case w != have[i]:
			return 0, false
		}
	}
	return params, true
}
