package app

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/userapi"
)

// tripwire is a body that knows whether it was read.
type tripwire struct{ read bool }

func (b *tripwire) Read([]byte) (int, error) { b.read = true; return 0, io.EOF }

// Whoever may not ask is refused before the body is read: everywhere where the
// matrix of rights says that customers may not and organizers may, and where an
// operation wants a session. Only there may a body be large.
func TestRefusedBeforeTheBody(t *testing.T) {
	h := newHouse(t)
	reads := func(as userapi.Fan, method, path string) bool {
		body := &tripwire{}
		r := httptest.NewRequestWithContext(t.Context(), method, path, body)
		r.ContentLength = 60 << 10
		r.Header.Set("Content-Type", "application/json")
		if as.Token != "" {
			r.Header.Set("Authorization", "Bearer "+as.Token)
		}
		h.door.Handler().ServeHTTP(httptest.NewRecorder(), r)
		return body.read
	}
	customer := h.account(t, caller.Customer)
	checked := 0
	for _, route := range h.door.Routes() {
		method, _, _ := strings.Cut(route, " ")
		list, ok := rights[route]
		if !ok {
			list = pageRights[route]
		}
		may := strings.Fields(list)
		if method != http.MethodPost && method != http.MethodPut || len(may) != len(who) {
			continue
		}
		refused := func(i int) bool { return slices.Contains([]string{"401", "403", "404"}, may[i]) && may[i] != may[5] }
		if !refused(1) || !refused(2) {
			continue
		}
		s := h.scene(t, route, "on_sale")
		for name, as := range map[string]userapi.Fan{"nobody": {}, "customer": customer} {
			if reads(as, method, s.path(route)) {
				t.Errorf("%s: the body of %s is read, though it is for organizers only", route, name)
			}
		}
		checked++
	}
	if checked < 9 {
		t.Errorf("%d operations and pages for organizers", checked)
	}
	for path, item := range h.door.API().OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Post, item.Put} {
			if op == nil || op.RequestBody == nil || len(op.Security) != 1 || len(op.Security[0]) == 0 {
				continue
			}
			if reads(userapi.Fan{}, op.Method, placeholder.ReplaceAllString(path, "x")) {
				t.Errorf("%s %s: the body of nobody is read", op.Method, path)
			}
		}
	}
}
