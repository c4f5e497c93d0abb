package server

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"boxoffice/internal/locale"
	"boxoffice/internal/payment/sandbox/wire"
)

//go:embed templates/*.html
var templateFiles embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"money": func(minor int64, currency string) string { return locale.Money("en", minor, currency) },
}).ParseFS(templateFiles, "templates/*.html"))

const chargesShown = 50

func (s *Server) pages() {
	s.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { s.home(w, r, "") })
	s.mux.HandleFunc("POST /do", s.order)
	s.mux.HandleFunc("GET /approve/{charge}", s.approve)
	s.mux.HandleFunc("POST /approve/{charge}", s.decided)
}

// approvePath is where the buyer of a charge approves it. The token keeps others from
// approving it.
func approvePath(secret, charge string) string {
	return "/approve/" + url.PathEscape(charge) + "?token=" + approveToken(secret, charge)
}

func approveToken(secret, charge string) string {
	m := hmac.New(sha256.New, []byte(secret))
	_, _ = m.Write([]byte("approve." + charge))
	return hex.EncodeToString(m.Sum(nil)[:16])
}

// words are the texts of the page where buyers approve.
var words = map[string]map[string]string{
	"en": {
		"title": "Approve a payment", "test": "No money moves here.", "bank": "Your bank (sandbox)", "ask": "Approve this payment?",
		"approved": "You have approved this payment.", "refused": "This payment is not made.", "for": "For", "to": "To", "reference": "Reference",
		"approve": "Approve", "refuse": "Refuse", "nothing": "With a real gateway, your bank would ask you for a code or in its app.",
		"back": "Back to the shop", "close": "You can close this page.",
	},
	"de": {
		"title": "Zahlung freigeben", "test": "Hier fließt kein Geld.", "bank": "Ihre Bank (Sandbox)", "ask": "Diese Zahlung freigeben?",
		"approved": "Sie haben diese Zahlung freigegeben.", "refused": "Diese Zahlung findet nicht statt.", "for": "Für", "to": "An", "reference": "Referenz",
		"approve": "Freigeben", "refuse": "Ablehnen", "nothing": "Bei einem echten Zahlungsdienst würde Ihre Bank hier einen Code verlangen oder in ihrer App fragen.",
		"back": "Zurück zum Shop", "close": "Sie können diese Seite schließen.",
	},
}

// asked is the charge that a buyer's request is about; nil if it was answered.
func (s *Server) asked(w http.ResponseWriter, r *http.Request) *wire.Charge {
	charge := r.PathValue("charge")
	if !hmac.Equal([]byte(r.URL.Query().Get("token")), []byte(approveToken(s.cfg.Secret, charge))) {
		http.Error(w, "There is no such payment.", http.StatusNotFound)
		return nil
	}
	a, err := s.find(r.Context(), charge)
	switch {
	case err != nil:
		http.Error(w, "The gateway cannot be used.", http.StatusServiceUnavailable)
		return nil
	case a.Charge == nil:
		http.Error(w, "There is no such payment.", http.StatusNotFound)
		return nil
	}
	return a.Charge
}

func (s *Server) approve(w http.ResponseWriter, r *http.Request) {
	c := s.asked(w, r)
	if c == nil {
		return
	}
	lang := locale.Match("", r.Header.Get("Accept-Language"))
	show(w, http.StatusOK, "approve.html", map[string]any{
		"Lang": lang, "T": words[lang], "Charge": c, "Amount": locale.Money(lang, c.Amount, c.Currency),
		"Approved": c.Status == wire.RequiresCapture || c.Status == wire.Succeeded,
	})
}

// decided carries out what the buyer has decided, and sends their browser back.
func (s *Server) decided(w http.ResponseWriter, r *http.Request) {
	c := s.asked(w, r)
	if c == nil {
		return
	}
	o := op{Op: opRefuse, Request: wire.Request{Charge: c.Charge}}
	if r.PostFormValue("decision") == "approve" {
		o.Op = opApprove
	}
	if _, err := s.do(r.Context(), o); err != nil {
		http.Error(w, "The gateway cannot be used.", http.StatusServiceUnavailable)
		return
	}
	to := c.ReturnURL
	if u, err := url.Parse(to); err != nil || u.Scheme != "http" && u.Scheme != "https" {
		to = approvePath(s.cfg.Secret, c.Charge)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// order carries out what the form of the home page wants.
func (s *Server) order(w http.ResponseWriter, r *http.Request) {
	var err error
	charge := wire.Request{Charge: r.PostFormValue("charge")}
	switch do := r.PostFormValue("do"); do {
	case "open", "won", "lost":
		_, err = s.do(r.Context(), op{Op: opDispute, Request: charge, State: do})
	case "expire":
		_, err = s.do(r.Context(), op{Op: opExpire, Request: charge})
	case "good":
		s.trouble.set(Switches{})
	case "switches":
		var want Switches
		if want, err = readSwitches(r); err == nil {
			s.trouble.set(want)
		}
	default:
		var by time.Duration
		if by, err = time.ParseDuration(r.PostFormValue("advance")); err == nil && by >= 0 {
			err = s.Advance(r, by)
		}
	}
	if err != nil {
		s.home(w, r, err.Error())
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// readSwitches reads the form of the switches.
func readSwitches(r *http.Request) (want Switches, err error) {
	share := func(name string) float64 {
		text := cmp.Or(r.PostFormValue(name), "0")
		n, bad := strconv.ParseFloat(text, 64)
		if bad != nil && err == nil {
			err = fmt.Errorf("%s: %q is not a number", name, text)
		}
		return n
	}
	millis := func(name string) time.Duration {
		return time.Duration(share(name) * float64(time.Millisecond))
	}
	want = Switches{LatencyMin: millis("min"), LatencyMax: millis("max"), Shares: map[Fault]float64{}, Webhooks: share("webhooks") / 100}
	for _, f := range Faults {
		if n := share("fault-"+string(f)) / 100; n != 0 {
			want.Shares[f] = n
		}
	}
	if err == nil {
		err = want.Check()
	}
	return want, err
}

func (s *Server) home(w http.ResponseWriter, r *http.Request, problem string) {
	type sums struct {
		Currency string
		Sums
	}
	type fault struct {
		Name    Fault
		Percent string
	}
	var books Books
	var list []wire.Charge
	var now time.Time
	waiting := 0
	err := s.look(r.Context(), func(b *book) {
		books, now, waiting = b.sums(), s.cfg.Now().Add(b.offset).UTC(), len(b.untold)
		list = b.latest(chargesShown)
	})
	if err != nil {
		http.Error(w, "The gateway cannot be used.", http.StatusServiceUnavailable)
		return
	}
	var currencies []sums
	for _, c := range slices.Sorted(maps.Keys(books.Currencies)) {
		currencies = append(currencies, sums{c, books.Currencies[c]})
	}
	percent := func(share float64) string { return strconv.FormatFloat(share*100, 'g', 6, 64) }
	sw := s.trouble.get()
	var faults []fault
	for _, f := range Faults {
		faults = append(faults, fault{f, percent(sw.Shares[f])})
	}
	status := http.StatusOK
	if problem != "" {
		status = http.StatusBadRequest
	}
	show(w, status, "home.html", map[string]any{
		"Now": now, "Webhook": s.cfg.Webhook, "Untold": waiting, "URL": s.cfg.URL, "Sums": currencies, "Charges": list, "Problem": problem,
		"Min": sw.LatencyMin.Milliseconds(), "Max": sw.LatencyMax.Milliseconds(), "Faults": faults, "Hooks": percent(sw.Webhooks),
	})
}

// latest are the charges that were made last, the last one first.
func (b *book) latest(most int) (list []wire.Charge) {
	for _, c := range b.charges {
		at, _ := slices.BinarySearchFunc(list, &c.Charge, func(a wire.Charge, b *wire.Charge) int {
			return -cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(a.Charge, b.Charge))
		})
		if at == most {
			continue
		}
		shown := c.Charge
		shown.Disputes = slices.Clone(c.Disputes)
		if list = slices.Insert(list, at, shown); len(list) > most {
			list = list[:most]
		}
	}
	return list
}

func show(w http.ResponseWriter, status int, name string, data any) {
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, name, data); err != nil {
		http.Error(w, "The page cannot be shown.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}
