// Package seatmap tests the seat map of the event page: its decisions by Node's
// test runner, the whole of it in Chromium over a server that only this package has.
package seatmap

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"boxoffice/test/browser/stage"

	"boxoffice/internal/patience"
)

const assets = "../../internal/page/dist"

// The wire form of a plan, as far as the map reads it.
type (
	plan struct {
		Width      float64    `json:"width"`
		Height     float64    `json:"height"`
		Categories []category `json:"categories"`
		Sections   []section  `json:"sections"`
		Seats      []seat     `json:"seats"`
	}
	category struct {
		Name string `json:"name"`
	}
	section struct {
		ID               string  `json:"id"`
		Name             string  `json:"name"`
		First            int     `json:"first"`
		Count            int     `json:"count"`
		GeneralAdmission bool    `json:"general_admission,omitempty"`
		Rows             []row   `json:"rows,omitempty"`
		Outline          []point `json:"outline,omitempty"`
	}
	row struct {
		Label string `json:"label"`
		First int    `json:"first"`
		Count int    `json:"count"`
	}
	point struct {
		X float64 `json:"x"`
		Y float64 `json:"y"`
	}
	seat struct {
		Label    string  `json:"label"`
		Number   string  `json:"number"`
		X        float64 `json:"x"`
		Y        float64 `json:"y"`
		Category int     `json:"category"`
	}
)

// bowl is a plan of n seats around a field, in sections of 25 rows of 40, with
// seats as far apart sideways as from row to row.
func bowl(n int) plan {
	const rows, inRow, pitch = 25, 40, 10.0
	p := plan{Categories: []category{{"Lower"}, {"Middle"}, {"Upper"}}}
	total := n / (rows * inRow)
	radius := 900.0
	for made, ring := 0, 0; made < total; ring++ {
		fit := min(total-made, int(2*math.Pi*radius/((inRow+4)*pitch)))
		for i := range fit {
			p.wedge(made+i+1, min(ring, 2), radius, 2*math.Pi*float64(i)/float64(fit), 2*math.Pi*float64(i+1)/float64(fit), rows, inRow, pitch)
		}
		made += fit
		radius += (rows + 5) * pitch
	}
	p.Width, p.Height = 2*radius, 2*radius
	return p
}

func (p *plan) wedge(id, category int, radius, from, to float64, rows, inRow int, pitch float64) {
	s := section{ID: strconv.Itoa(id), Name: "Section " + strconv.Itoa(id), First: len(p.Seats), Count: rows * inRow}
	for r := range rows {
		label := string(rune('A' + r))
		s.Rows = append(s.Rows, row{label, len(p.Seats), inRow})
		far := radius + float64(r)*pitch
		aisle := 2 * pitch / far
		for i := range inRow {
			a := from + aisle + (to-from-2*aisle)*(float64(i)+0.5)/float64(inRow)
			p.Seats = append(p.Seats, seat{fmt.Sprintf("%d-%s-%d", id, label, i+1), strconv.Itoa(i + 1), math.Round(far*math.Cos(a)*10) / 10, math.Round(far*math.Sin(a)*10) / 10, category})
		}
	}
	p.Sections = append(p.Sections, s)
}

// house is a small plan: one section of four rows of ten, and an area of 30 places.
func house() plan {
	p := plan{Width: 400, Height: 300, Categories: []category{{"Seats"}, {"Standing"}}}
	s := section{ID: "ST", Name: "Stalls", Count: 40}
	for r := range 4 {
		label := string(rune('A' + r))
		s.Rows = append(s.Rows, row{label, len(p.Seats), 10})
		for i := range 10 {
			p.Seats = append(p.Seats, seat{fmt.Sprintf("ST-%s-%d", label, i+1), strconv.Itoa(i + 1), 100 + 20*float64(i), 100 + 20*float64(r), 0})
		}
	}
	floor := section{ID: "FL", Name: "Floor", First: 40, Count: 30, GeneralAdmission: true, Outline: []point{{100, 200}, {280, 200}, {280, 260}, {100, 260}}}
	for i := range 30 {
		p.Seats = append(p.Seats, seat{fmt.Sprintf("FL-%d", i+1), strconv.Itoa(i + 1), 190, 230, 1})
	}
	p.Sections = []section{s, floor}
	return p
}

// office is a server with one event.
type office struct {
	*httptest.Server
	live chan string // frames for the feed
	form chan map[string][]string
}

const pageHead = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Event</title>
<link rel="stylesheet" href="/assets/style.css"><main>`

func open(t testing.TB, p plan, tiers string) *office {
	t.Helper()
	body, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	o := &office{live: make(chan string, 100), form: make(chan map[string][]string, 1)}
	said, err := json.Marshal(words(t, "en"))
	if err != nil {
		t.Fatal(err)
	}
	data := fmt.Sprintf(`{"currency":"EUR","tiers":%s,"words":%s}`, tiers, said)
	var list strings.Builder
	for _, s := range p.Seats[:min(40, len(p.Seats))] {
		fmt.Fprintf(&list, `<label><input type="checkbox" name="seats" form="hold" value="%[1]s">%[1]s</label>`, s.Label)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", http.StripPrefix("/assets/", http.FileServer(http.Dir(assets))))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		form := `<form id="hold" method="post" action="/hold"><select name="quantity"><option>2</option></select><button name="best" value="1">Best</button><b data-total></b></form>`
		if r.URL.Query().Has("soon") {
			form = ""
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'")
		fmt.Fprintf(w, `%s<div id="seatmap" data-plan="/plan" data-seats="/seats" data-live="/live" data-limit="4" data-version="1"></div>
%s<div id="seatlist">%s</div></main>
<script type="application/json" id="seatmap-data">%s</script><script type="module" src="/assets/map.js"></script>`, pageHead, form, list.String(), data)
	})
	mux.HandleFunc("GET /plan", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	mux.HandleFunc("GET /seats", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"seq":7,"status":"%s"}`, strings.Repeat(".", len(p.Seats)))
	})
	mux.HandleFunc("GET /live", o.feed)
	mux.HandleFunc("POST /hold", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		o.form <- r.PostForm
	})
	o.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		o.CloseClientConnections()
		o.Close()
	})
	return o
}

func (o *office) feed(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.(http.Flusher).Flush()
	for {
		select {
		case f := <-o.live:
			fmt.Fprint(w, f)
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// words are the map's words in a language, as the pages' catalogue has them.
func words(t testing.TB, lang string) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("../../internal/page/words/map." + lang + ".json")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for key, text := range all {
		out[strings.TrimPrefix(key, "map.")] = text
	}
	return out
}

// browse opens a page in Chromium.
func browse(t testing.TB, url string) context.Context {
	t.Helper()
	_, options, err := stage.Chromium()
	if err != nil {
		t.Fatal(err)
	}
	all, stop := chromedp.NewExecAllocator(context.Background(), append(options, chromedp.WindowSize(1280, 800))...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(all)
	t.Cleanup(end)
	chromedp.ListenTarget(ctx, func(ev any) {
		switch ev := ev.(type) {
		case *runtime.EventExceptionThrown:
			t.Errorf("the page threw: %s", ev.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			for _, a := range ev.Args {
				t.Logf("console.%s: %s %s", ev.Type, a.Value, a.Description)
			}
		}
	})
	if err := chromedp.Run(ctx, chromedp.Navigate(url), until(`performance.getEntriesByName("seatmap-painted").length > 0`)); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// until waits until an expression is true. (chromedp.Poll does not work under a
// strict Content-Security-Policy.)
func until(expression string) chromedp.ActionFunc {
	return func(ctx context.Context) error {
		ctx, stop := context.WithTimeout(ctx, patience.Long)
		defer stop()
		for {
			var yes bool
			if err := chromedp.Evaluate(expression, &yes).Do(ctx); err != nil {
				return fmt.Errorf("%s: %w", expression, err)
			}
			if yes {
				return nil
			}
			if err := chromedp.Sleep(20 * time.Millisecond).Do(ctx); err != nil {
				return fmt.Errorf("%s: %w", expression, err)
			}
		}
	}
}
