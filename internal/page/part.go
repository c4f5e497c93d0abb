package page

import (
	"bytes"
	"fmt"
	"strconv"
)

// ShowPart answers with one template of a page, without the layout, for scripts that
// update a part of the page.
func (v *Visit) ShowPart(s *Set, name, part string, data any) error {
	one := s.byLang[v.Lang][name]
	if one == nil {
		return fmt.Errorf("there is no page %q", name)
	}
	var out bytes.Buffer
	if err := one.ExecuteTemplate(&out, part, data); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	h := v.W.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(out.Len()))
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "private, no-store")
	v.W.WriteHeader(v.status)
	_, _ = v.W.Write(out.Bytes()) // fails when the client has gone
	return nil
}
