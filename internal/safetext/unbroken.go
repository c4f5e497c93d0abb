package safetext

import (
	"html/template"
	"strings"
)

// Unbroken writes a text as HTML in which a part, such as the number of an order, is not
// broken at the end of a line. Its characters stay as they are, also when it is copied.
func Unbroken(text, part string) template.HTML {
	safe, keep := template.HTMLEscapeString(text), template.HTMLEscapeString(part)
	if keep != "" {
		safe = strings.ReplaceAll(safe, keep, `<span class="unbroken">`+keep+`</span>`)
	}
	return template.HTML(safe) //nolint:gosec // both are escaped
}
