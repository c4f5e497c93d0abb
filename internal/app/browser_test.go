package app

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// fanBrowser is a browser without scripts: it keeps cookies, follows redirects, and
// sends the forms of the page that it is at.
type fanBrowser struct {
	*http.Client
	base   string
	path   string // where it is, with its query
	status int
	text   string // of the page
}

func newBrowser(t *testing.T, base string) *fanBrowser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &fanBrowser{Client: &http.Client{Jar: jar}, base: base}
}

func (b *fanBrowser) do(t *testing.T, method, path string, form url.Values) *fanBrowser {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(t.Context(), method, b.base+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Accept-Language", "en")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := b.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	raw, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	b.path, b.status, b.text = res.Request.URL.RequestURI(), res.StatusCode, string(raw)
	return b
}

func (b *fanBrowser) get(t *testing.T, path string) *fanBrowser {
	t.Helper()
	return b.do(t, "GET", path, nil)
}

func (b *fanBrowser) post(t *testing.T, path, form string) *fanBrowser {
	t.Helper()
	v, err := url.ParseQuery(form)
	if err != nil {
		t.Fatal(err)
	}
	return b.do(t, "POST", path, v)
}

var (
	templates = regexp.MustCompile(`(?s)<template.*?</template>`) // not on the page yet
	forms     = regexp.MustCompile(`(?s)<form([^>]*)>(.*?)</form>`)
	inputs    = regexp.MustCompile(`<input([^>]*)>`)
	attribute = regexp.MustCompile(`([a-z-]+)="([^"]*)"`)
)

func attributes(text string) map[string]string {
	out := map[string]string{}
	for _, m := range attribute.FindAllStringSubmatch(text, -1) {
		out[m[1]] = html.UnescapeString(m[2])
	}
	return out
}

// form is what the first form of the page with an action would send, with values
// filled in.
func (b *fanBrowser) form(t *testing.T, action, fill string) url.Values {
	t.Helper()
	for _, m := range forms.FindAllStringSubmatch(templates.ReplaceAllString(b.text, ""), -1) {
		at, given := attributes(m[1])["action"]
		if !given {
			at, _, _ = strings.Cut(b.path, "?")
		}
		if at != action {
			continue
		}
		out := url.Values{}
		for _, in := range inputs.FindAllStringSubmatch(m[2], -1) {
			if a := attributes(in[1]); a["type"] != "checkbox" || strings.Contains(in[1], " checked") {
				out.Add(a["name"], a["value"])
			}
		}
		more, err := url.ParseQuery(fill)
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range more {
			out[name] = values
		}
		return out
	}
	t.Fatalf("%s: no form for %s in %s", b.path, action, b.text)
	return nil
}

// submit sends the page's form with an action.
func (b *fanBrowser) submit(t *testing.T, action, fill string) *fanBrowser {
	t.Helper()
	return b.do(t, "POST", action, b.form(t, action, fill))
}

// at fails unless the browser is at a path, with a status, and reads a text.
func (b *fanBrowser) at(t *testing.T, status int, path, text string) *fanBrowser {
	t.Helper()
	if b.status != status || !strings.HasPrefix(b.path, path) || !strings.Contains(b.text, text) {
		t.Fatalf("%d %s, want %d %s with %q:\n%s", b.status, b.path, status, path, text, b.text)
	}
	return b
}

// postbox keeps mails.
type postbox struct {
	mu   sync.Mutex
	mail map[string][]string // by address
	came chan struct{}
}

func newPostbox() *postbox {
	return &postbox{mail: map[string][]string{}, came: make(chan struct{}, 100)}
}

func (p *postbox) deliver(_ context.Context, to, subject, text string) error {
	p.mu.Lock()
	p.mail[to] = append(p.mail[to], subject+"\n"+text)
	p.mu.Unlock()
	p.came <- struct{}{}
	return nil
}

// find waits for a mail to an address in which something stands, and is what the
// expression's group finds.
func (p *postbox) find(t *testing.T, to, expr string) string {
	t.Helper()
	re := regexp.MustCompile(expr)
	for {
		p.mu.Lock()
		list := p.mail[to]
		p.mu.Unlock()
		for i := len(list) - 1; i >= 0; i-- {
			if m := re.FindStringSubmatch(list[i]); m != nil {
				return m[1]
			}
		}
		select {
		case <-p.came:
		case <-t.Context().Done():
			t.Fatalf("no mail to %s with %s", to, expr)
		}
	}
}
