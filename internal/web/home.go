package web

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"boxoffice/internal/money"
)

// Event is what a page shows of an event.
type Event struct {
	ID, Title, Description, Category string
	Venue, City                      string
	Starts                           time.Time // in the venue's zone; zero: to be announced
	Date                             string    // YYYY-MM-DD, when the time is not known
	Status                           string    // published, on_sale, cancelled, past
	Opens                            time.Time // of the sale; zero: at once
	From                             int64     // lowest all-in price, minor units
	Priced                           bool
	Currency                         string
	Free, Total                      int32
}

// Events lists what the home page shows.
type Events interface {
	Listed(ctx context.Context) ([]Event, error)
}

// Home is the page at "/".
type Home struct {
	Events Events
	Demo   bool // with what one needs to try it out
	Now    func() time.Time
	Log    *slog.Logger
}

//go:embed home.html
var homeText string

//go:embed style.css
var style string

var homePage = template.Must(template.New("home").Parse(homeText))

// card is one event as the page words it.
type card struct {
	Event
	When, Price, State, Note string
	Left                     string // "1,200 of 2,000 free"
	Sold                     int    // percent that is taken
}

func (h *Home) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	list, err := h.Events.Listed(r.Context())
	if err != nil {
		h.Log.ErrorContext(r.Context(), "home page", "error", err)
		http.Error(w, "The events cannot be listed at the moment. Please try again.", http.StatusServiceUnavailable)
		return
	}
	page := struct {
		Style    template.CSS
		Now      []card
		Past     []card
		Demo     bool
		Base     string
		Purchase string
	}{Style: template.CSS(style), Demo: h.Demo, Base: "http://" + r.Host} //nolint:gosec // our own file
	now := h.Now()
	for i := range list {
		c := newCard(list[i], now)
		if c.State == "past" || c.State == "cancelled" {
			page.Past = append(page.Past, c)
			continue
		}
		page.Now = append(page.Now, c)
		if page.Purchase == "" && c.State == "on sale" {
			page.Purchase = c.ID
		}
	}
	var out bytes.Buffer
	if err := homePage.Execute(&out, page); err != nil {
		h.Log.ErrorContext(r.Context(), "home page", "error", err)
		http.Error(w, "This page cannot be shown at the moment.", http.StatusInternalServerError)
		return
	}
	head := w.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	head.Set("Referrer-Policy", "same-origin")
	head.Set("Cache-Control", "public, max-age=0, s-maxage=1, stale-while-revalidate=5")
	_, _ = w.Write(out.Bytes())
}

// newCard words an event for a reader at a time.
func newCard(e Event, now time.Time) card {
	c := card{Event: e, When: "Date to be announced", Price: "Price to be announced", State: strings.ReplaceAll(e.Status, "_", " ")}
	switch {
	case !e.Starts.IsZero():
		c.When = e.Starts.Format("Mon 2 January 2006, 15:04 MST")
	case e.Date != "":
		if d, err := time.Parse(time.DateOnly, e.Date); err == nil {
			c.When = d.Format("Mon 2 January 2006")
		}
	}
	if e.Priced {
		c.Price = "from " + money.Format(e.From, e.Currency)
	}
	c.Left = thousands(e.Free) + " of " + thousands(e.Total) + " free"
	if e.Total > 0 {
		c.Sold = int(100 * int64(e.Total-e.Free) / int64(e.Total))
	}
	switch {
	case e.Status == "on_sale" && e.Opens.After(now):
		c.State, c.Note = "opens soon", "Sale opens in "+inWords(e.Opens.Sub(now))
	case e.Status == "on_sale" && e.Free == 0:
		c.State, c.Note = "sold out", "Every seat is taken"
	case e.Status == "published":
		c.State = "announced"
	}
	return c
}

// thousands writes a number with commas.
func thousands(n int32) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// inWords is a time span as people say it.
func inWords(d time.Duration) string {
	unit := func(n time.Duration, name string) string {
		if n == 1 {
			return "1 " + name
		}
		return fmt.Sprintf("%d %ss", int64(n), name)
	}
	switch {
	case d < time.Minute:
		return "less than a minute"
	case d < time.Hour:
		return unit(d/time.Minute, "minute")
	case d < 48*time.Hour:
		return unit(d/time.Hour, "hour")
	}
	return unit(d/(24*time.Hour), "day")
}
