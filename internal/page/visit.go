package page

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
)

// Visit is one request for a page.
type Visit struct {
	W http.ResponseWriter
	*http.Request
	Caller caller.Caller
	Lang   string // of the answer

	site     *Site
	status   int
	personal bool // the answer sets a cookie, so it must not be shared
}

const (
	langCookie   = "lang"
	noticeCookie = "notice"
)

// SessionCookie returns the name of the cookie that holds a session's token.
// Browsers accept the __Host- prefix only with HTTPS (RFC 6265bis, section 4.1.3),
// so plain HTTP uses a plain name.
func SessionCookie(secure bool) string {
	if secure {
		return "__Host-session"
	}
	return "session"
}

// T returns a message in the visit's language; pairs are names and values.
func (v *Visit) T(key string, pairs ...any) string { return v.site.words.Text(v.Lang, key, pairs...) }

// Words returns all messages below a prefix, by the rest of their keys, for scripts.
func (v *Visit) Words(prefix string) map[string]string {
	return v.site.wordsBelow(v.Lang, prefix)
}

func (v *Visit) Now() time.Time { return v.site.cfg.Now() }

// URL returns the public address of a path.
func (v *Visit) URL(path string) string { return v.site.URL(path) }

// Status sets the status of the page that is shown next.
func (v *Visit) Status(code int) { v.status = code }

// Reason sets the status that belongs to an error, and returns the error in words
// for the page: the message of its slug in the visit's language, with the error's
// members filled in, or else the error's own text. ok is false for internal and
// similar errors, which are not for pages.
func (v *Visit) Reason(err error) (text string, ok bool) {
	e := errs.Of(err)
	if e == nil || e.Kind == errs.Internal || e.Kind == errs.Unavailable || e.Kind == errs.NotFound {
		return "", false
	}
	v.status = http.StatusUnprocessableEntity
	switch e.Kind {
	case errs.Conflict, errs.Precondition:
		v.status = http.StatusConflict
	case errs.TooMany:
		v.status = http.StatusTooManyRequests
		v.W.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	key := "problem." + e.Type
	pairs := make([]any, 0, 2*len(e.Extra))
	for name, value := range e.Extra {
		pairs = append(pairs, name, value)
	}
	if text = v.T(key, pairs...); text == key {
		text = e.Detail
	}
	return text, true
}

// Public lets caches keep the answer briefly. It must be the same for everybody who
// is not signed in.
func (v *Visit) Public() {
	if !v.Caller.SignedIn() && !v.personal {
		v.W.Header().Set("Cache-Control", "public, max-age=0, s-maxage=1, stale-while-revalidate=5")
	}
}

// Go redirects the reader to another page of this server, with GET.
func (v *Visit) Go(path string) error {
	v.W.Header().Set("Cache-Control", "no-store")
	http.Redirect(v.W, v.Request, path, http.StatusSeeOther)
	return nil
}

// Resend makes the reader's browser send the same form to another path of this
// server (307), for example together with a cookie set by this answer.
func (v *Visit) Resend(path string) error {
	v.W.Header().Set("Cache-Control", "no-store")
	http.Redirect(v.W, v.Request, path, http.StatusTemporaryRedirect)
	return nil
}

// WantsJSON reports whether the request comes from a script.
func (v *Visit) WantsJSON() bool {
	return strings.EqualFold(v.Header.Get("Accept"), "application/json")
}

// JSON answers a script of this server's pages.
func (v *Visit) JSON(body any) error {
	raw, err := codec.Marshal(body)
	if err != nil {
		return err
	}
	h := v.W.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	_, _ = v.W.Write(raw)
	return nil
}

// Notice makes the next page show the message "notice.NAME" at its top.
func (v *Visit) Notice(name string) { v.setCookie(noticeCookie, name, time.Minute) }

// Begin sets the session cookie in the reader's browser.
func (v *Visit) Begin(token string, ends time.Time) {
	v.setCookie(SessionCookie(v.site.Secure()), token, ends.Sub(v.Now()))
}

// End removes the session cookie from the reader's browser.
func (v *Visit) End() { v.setCookie(SessionCookie(v.site.Secure()), "", -1) }

// Token returns the token of the reader's session; "" if there is none.
func (v *Visit) Token() string {
	if c, err := v.Cookie(SessionCookie(v.site.Secure())); err == nil {
		return c.Value
	}
	return ""
}

// setCookie sets a cookie of this server's pages; a negative life removes it.
func (v *Visit) setCookie(name, value string, life time.Duration) {
	seconds := int(life / time.Second)
	if life < 0 {
		seconds = -1
	}
	http.SetCookie(v.W, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, Secure: v.site.Secure(), SameSite: http.SameSiteLaxMode})
}

// Remember stores a choice of the reader in their browser for a while; "" removes
// it. The page becomes private to this reader.
func (v *Visit) Remember(name, value string, life time.Duration) {
	if value == "" {
		life = -1
	}
	v.setCookie(name, url.QueryEscape(value), life) // a cookie holds ASCII only (RFC 6265, section 4.1.1)
	v.personal = true
}

// Remembered returns a stored choice of the reader; "": none.
func (v *Visit) Remembered(name string) string {
	c, err := v.Cookie(name)
	if err != nil {
		return ""
	}
	value, err := url.QueryUnescape(c.Value)
	if err != nil {
		return ""
	}
	return value
}

// Send answers with a file. Its ETag is a hash of its content, so clients that have
// it get 304.
func (v *Visit) Send(contentType, caching string, body []byte) error {
	sum := sha256.Sum256(body)
	h := v.W.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("Cache-Control", caching)
	h.Set("ETag", `"`+hex.EncodeToString(sum[:9])+`"`)
	v.W.WriteHeader(v.status)
	_, _ = v.W.Write(body) // fails when the client has gone
	return nil
}

// notice returns the message for this page, and removes it.
func (v *Visit) notice() string {
	c, err := v.Cookie(noticeCookie)
	if err != nil || c.Value == "" {
		return ""
	}
	v.setCookie(noticeCookie, "", -1)
	key := "notice." + c.Value
	if text := v.T(key); text != key {
		return text
	}
	return ""
}

// Next returns where a form wants to continue, if that is a path of this server.
func (v *Visit) Next(otherwise string) string {
	next := v.FormValue("next")
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.Contains(next, `\`) {
		return otherwise
	}
	return next
}

// askToSignIn sends the reader to the sign-in page, which leads back here.
func (v *Visit) askToSignIn() error {
	next := v.Request.URL.RequestURI()
	if v.Method != http.MethodGet && v.Method != http.MethodHead {
		next = "/"
	}
	return v.Go("/sign-in?next=" + url.QueryEscape(next))
}
