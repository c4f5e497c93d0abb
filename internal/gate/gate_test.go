package gate_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/gate"
	"boxoffice/internal/page"
	"boxoffice/internal/route"
)

// served returns all pages of a site with the check-in app.
func served(t *testing.T) http.Handler {
	t.Helper()
	site, err := page.New(page.Config{PublicURL: "https://tickets.example", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	g, err := gate.New(site)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	site.Mount(append(site.Routes(), g.Routes()...), func(method, path string, _ route.Traits, h page.Handler) {
		mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) {
			if err := h(w, r); err != nil {
				http.Error(w, err.Error(), http.StatusNotFound)
			}
		})
	})
	return mux
}

func get(t *testing.T, h http.Handler, path, accept string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept-Language", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w
}

// The app may use the camera, and nothing else: no inline scripts, no other sites.
func TestPolicies(t *testing.T) {
	h := served(t)
	w := get(t, h, "/gate", "en")
	if p := w.Header().Get("Permissions-Policy"); !strings.Contains(p, "camera=(self)") || !strings.Contains(p, "microphone=()") {
		t.Errorf("Permissions-Policy: %s", p)
	}
	csp := w.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(csp, "default-src 'none'; script-src 'self'; style-src 'self'; ") || strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") {
		t.Errorf("Content-Security-Policy: %s", csp)
	}
	if w := get(t, h, "/offline", "en"); !strings.Contains(w.Header().Get("Permissions-Policy"), "camera=()") {
		t.Error("another page may use the camera")
	}
	for _, m := range regexp.MustCompile(`<script([^>]*)>`).FindAllStringSubmatch(w.Body.String(), -1) {
		if !strings.Contains(m[1], " src=") && !strings.Contains(m[1], `type="application/json"`) {
			t.Errorf("an inline script: %s", m[0])
		}
	}
}

// The page is in the reader's language, and holds the words of all.
func TestLanguages(t *testing.T) {
	h := served(t)
	for accept, lang := range map[string]string{"en": "en", "de-AT,de;q=0.8": "de", "fr": "en"} {
		body := get(t, h, "/gate", accept).Body.String()
		if !strings.Contains(body, `<html lang="`+lang+`">`) {
			t.Errorf("%s: the page is not in %q", accept, lang)
		}
		for _, word := range []string{"Pair this device", "Gerät koppeln"} {
			if !strings.Contains(body, word) {
				t.Errorf("%s: %q is missing", accept, word)
			}
		}
	}
	if body := get(t, h, "/gate?lang=de", "en").Body.String(); !strings.Contains(body, `<html lang="de">`) {
		t.Error("?lang=de is not obeyed")
	}
}

// What the page loads, and what its service worker keeps, is there.
func TestFiles(t *testing.T) {
	h := served(t)
	paths := regexp.MustCompile(`/assets/[a-z0-9.-]+`)
	page := paths.FindAllString(get(t, h, "/gate", "en").Body.String(), -1)
	kept := paths.FindAllString(get(t, h, "/gate-sw.js", "en").Body.String(), -1)
	if len(page) < 5 || len(kept) < 5 {
		t.Fatalf("the page loads %q, the worker keeps %q", page, kept)
	}
	for _, path := range append(page, kept...) {
		get(t, h, path, "en")
	}
	for _, path := range page {
		if !strings.Contains(path, "gate-192") && !strings.Contains(strings.Join(kept, " "), path) {
			t.Errorf("the worker does not keep %s", path)
		}
	}
	for _, path := range paths.FindAllString(get(t, h, "/assets/gate.webmanifest", "en").Body.String(), -1) {
		get(t, h, path, "en")
	}
}

// Every word that the app asks for is in the catalogue, and the catalogue has none that nobody asks for.
func TestWords(t *testing.T) {
	source, err := os.ReadFile("../../ui/gate/words.ts")
	if err != nil {
		t.Fatal(err)
	}
	site, err := page.New(page.Config{PublicURL: "https://tickets.example", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range []string{"en", "de"} {
		have := site.Speak(lang).Words("gate.")
		delete(have, "noscript") // of the page itself
		for _, m := range regexp.MustCompile(`(?m)^  (\w+): string;`).FindAllStringSubmatch(string(source), -1) {
			if have[m[1]] == "" {
				t.Errorf("%s has no %q", lang, m[1])
			}
			delete(have, m[1])
		}
		for key := range have {
			t.Errorf("%s has %q, which the app does not know", lang, key)
		}
	}
}
