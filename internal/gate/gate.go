// Package gate serves the check-in app: one page, which its script (ui/gate.ts) turns into
// a scanner for the door. The app uses the API as a paired device; nothing of an event is in
// the page itself, so that it can be kept on the device and opened without a network.
package gate

import (
	"embed"

	"boxoffice/internal/locale"
	"boxoffice/internal/page"
)

//go:embed templates/*.html
var templates embed.FS

// Path is where the app is.
const Path = "/gate"

// Gate serves the check-in app.
type Gate struct {
	site *page.Site
	set  *page.Set
}

// New makes the face.
func New(site *page.Site) (*Gate, error) {
	set, err := site.Set(templates, "templates", nil)
	if err != nil {
		return nil, err
	}
	return &Gate{site, set}, nil
}

// Routes returns the app's page. Its scripts, styles and service worker are among the
// site's own files.
func (g *Gate) Routes() []page.Route { return []page.Route{page.Get(Path, g.page)} }

// page serves the app with its words in all languages: the copy that a device keeps
// changes between them without asking.
func (g *Gate) page(v *page.Visit) error {
	words := map[string]map[string]string{}
	for _, lang := range locale.Languages {
		words[lang] = g.site.Speak(lang).Words("gate.")
	}
	h := v.W.Header()
	h.Set("Content-Language", v.Lang)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Permissions-Policy", "camera=(self), geolocation=(), microphone=(), payment=()")
	h.Add("Vary", "Cookie, Accept-Language")
	return v.ShowPart(g.set, "gate", "app", map[string]any{"Words": words})
}
