package folder

import (
	"bytes"
	"errors"
	"html/template"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
)

const mailsShown = 100

var page = template.Must(template.New("mail").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Mail</title>
<style>
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 15%, transparent); }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1.8rem; letter-spacing: -.02em; margin: 1rem 0 .2rem; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem; } .quiet { opacity: .75; }
ul { list-style: none; padding: 0; margin: 1.2rem 0; } li { border-top: 1px solid var(--line); padding: .7rem 0; }
li a { font-weight: 600; text-underline-offset: .2em; } pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; border-top: 1px solid var(--line); padding-top: 1rem; }
iframe { width: 100%; height: 44rem; border: 1px solid var(--line); border-radius: .4rem; }
</style></head><body>
{{with .Mail}}<p><a href="/dev/mail">All mail</a></p><h1>{{.Subject}}</h1>
<p class="quiet">To {{.To}} · {{.Date.Format "2 January 2006, 15:04:05 MST"}} · <a href="?raw">as sent</a></p>
{{if .Files}}<p>{{range $i, $f := .Files}}{{if $i}} · {{end}}<a href="?file={{$i}}" download="{{$f.Name}}">{{$f.Name}}</a>{{end}}</p>{{end}}
{{if .HTML}}<iframe src="?html" sandbox="allow-popups allow-popups-to-escape-sandbox" title="The mail as HTML"></iframe><h2>As text</h2>{{end}}
<pre>{{.Text}}</pre>
{{else}}<p><a href="/">boxoffice</a></p><h1>Mail</h1><p class="quiet">Emails that a live system would send. Each is a file in the data folder.</p>
{{if .List}}<ul>{{range .List}}<li><a href="/dev/mail/{{.Name}}">{{.Subject}}</a><br><span class="quiet">To {{.To}} · {{.Date.Format "2 January, 15:04:05"}}</span></li>{{end}}</ul>
{{else}}<p>There is none yet: sign up somebody.</p>{{end}}{{end}}
</body></html>`))

const (
	pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; frame-ancestors 'none'"
	mailPolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)

// ServeHTTP shows the folder at /dev/mail, and a mail at /dev/mail/{name}: with ?html
// as a mail program shows it, with ?raw as it was sent, with ?file=N an attachment. It
// is for development and checks no access rights.
func (f *Folder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	var shown struct {
		Mail *Message
		List []Listed
	}
	var err error
	if name := r.PathValue("name"); name != "" {
		var m Message
		if m, err = f.Read(name); err == nil && m.send(w, r) {
			return
		}
		shown.Mail = &m
	} else {
		shown.List, err = f.List(r.Context(), mailsShown)
	}
	var out bytes.Buffer
	if err == nil {
		err = page.Execute(&out, shown)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		http.Error(w, "There is no such mail.", http.StatusNotFound)
	case err != nil:
		f.log.ErrorContext(r.Context(), "mail page", "error", err)
		http.Error(w, "The mails cannot be shown.", http.StatusInternalServerError)
	default:
		h.Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(out.Bytes())
	}
}

// send answers with the part of the mail that the request names, if it names one.
func (m *Message) send(w http.ResponseWriter, r *http.Request) bool {
	query, h := r.URL.Query(), w.Header()
	switch {
	case query.Has("raw"):
		h.Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(m.Raw)
	case query.Has("html"):
		h.Set("Content-Security-Policy", mailPolicy)
		h.Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(strings.Replace(m.HTML, "<head>", `<head><base target="_blank">`, 1))) //nolint:gosec // it runs no script: see mailPolicy
	case query.Has("file"):
		n, err := strconv.Atoi(query.Get("file"))
		if err != nil || n < 0 || n >= len(m.Files) {
			http.Error(w, "There is no such file.", http.StatusNotFound)
			return true
		}
		h.Set("Content-Type", m.Files[n].Type)
		h.Set("Content-Disposition", "attachment")
		_, _ = w.Write(m.Files[n].Body)
	default:
		return false
	}
	return true
}
