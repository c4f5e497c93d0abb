package seatmap

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"boxoffice/internal/patience"
)

const houseTiers = `[{"id":"s","name":"Seats","price":5000,"label":"€50.00","categories":["Seats"]},{"id":"f","name":"Standing","price":2000,"label":"€20.00","sections":["FL"]}]`

// visit opens the small house.
func visit(t *testing.T, path string) (*office, *visitor) {
	if testing.Short() {
		t.Skip("needs a browser")
	}
	o := open(t, house(), houseTiers)
	return o, &visitor{t, browse(t, o.URL+path)}
}

// visitor is somebody before the map. A step that fails ends the test.
type visitor struct {
	*testing.T
	ctx context.Context
}

func (v *visitor) do(actions ...chromedp.Action) {
	v.Helper()
	ctx, stop := context.WithTimeout(v.ctx, patience.Long)
	defer stop()
	if err := chromedp.Run(ctx, actions...); err != nil {
		v.Fatal(err)
	}
}

// press sends keys to the map.
func (v *visitor) press(keys ...string) {
	v.Helper()
	for _, k := range keys {
		v.do(chromedp.SendKeys(".sm-canvas", k, chromedp.ByQuery))
	}
}

// check clicks a seat's checkbox in the list.
func (v *visitor) check(label string) {
	v.Helper()
	v.do(chromedp.Click(fmt.Sprintf(`input[value="%s"]`, label), chromedp.ByQuery))
}

// chosen are the seats that the list shows as chosen.
func (v *visitor) chosen() []string {
	v.Helper()
	var labels []string
	v.do(chromedp.Evaluate(`[...document.querySelectorAll("#seatlist input:checked")].map(i => i.value)`, &labels))
	return labels
}

func (v *visitor) text(selector string) string {
	v.Helper()
	var text string
	v.do(chromedp.Evaluate(fmt.Sprintf(`document.querySelector(%q)?.textContent ?? ""`, selector), &text))
	return text
}

func (v *visitor) hears(part string) {
	v.Helper()
	if said := v.text(".sm-said"); !strings.Contains(said, part) {
		v.Fatalf("%q was said, not %q", said, part)
	}
}

// hold sends the form by the map's own button, and answers what arrived.
func (v *visitor) hold(o *office) map[string][]string {
	v.Helper()
	v.do(chromedp.Click(".sm-hold", chromedp.ByQuery))
	select {
	case f := <-o.form:
		return f
	case <-time.After(patience.Long):
		v.Fatal("nothing was sent")
		return nil
	}
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

// By keyboard alone: arrows move and read, Enter chooses, the form carries the
// choice and nothing of its own "best available" part.
func TestKeyboard(t *testing.T) {
	o, v := visit(t, "/")
	v.press(kb.ArrowRight)
	v.hears("Stalls, row A, seat 1, Seats €50.00, free")
	v.press(kb.Enter, kb.ArrowRight, kb.Enter)
	v.hears("Stalls, row A, seat 2, Seats €50.00, chosen")
	v.press(kb.ArrowDown)
	v.hears("row B, seat 2")
	v.press(kb.End)
	v.hears("row B, seat 10")
	same(t, v.chosen(), []string{"ST-A-1", "ST-A-2"})
	if total := v.text("[data-total]"); total != "€100.00" {
		t.Fatalf("the form's total is %s", total)
	}
	sent := v.hold(o)
	same(t, sent["seats"], []string{"ST-A-1", "ST-A-2"})
	if len(sent["quantity"]) > 0 {
		t.Fatalf("the form's own quantity was sent besides: %v", sent)
	}
}

// A tap on a seat chooses it, another one leaves it.
func TestTap(t *testing.T) {
	_, v := visit(t, "/")
	v.press(kb.ArrowRight, kb.ArrowRight, kb.ArrowDown)
	v.hears("row B, seat 2")
	var at []float64 // the card stands above the seat
	v.do(chromedp.Evaluate(`(r => [r.x + r.width / 2, r.bottom + 25])(document.querySelector(".sm-card").getBoundingClientRect())`, &at))
	v.do(chromedp.MouseClickXY(at[0], at[1]))
	same(t, v.chosen(), []string{"ST-B-2"})
	v.do(chromedp.MouseClickXY(at[0], at[1]))
	same(t, v.chosen(), nil)
}

// Somebody else takes a chosen seat: it is let go of, named, and a near one is offered.
func TestFaster(t *testing.T) {
	o, v := visit(t, "/")
	v.check("ST-B-5")
	v.check("ST-B-6")
	o.live <- "event: seats\nid: 8\ndata: {\"seq\":8,\"event_version\":1,\"sold\":[14]}\n\n"
	v.do(until(`!document.querySelector(".sm-notice").hidden`))
	v.hears("Stalls, row B, seat 5 has just been taken")
	v.hears("Free nearby: Stalls, row B, seats 6 and 7") // the party stays together
	same(t, v.chosen(), []string{"ST-B-6"})
	v.do(until(`document.querySelector('input[value="ST-B-5"]').disabled`), chromedp.Click(".sm-do", chromedp.ByQuery))
	same(t, v.chosen(), []string{"ST-B-6", "ST-B-7"})
	o.live <- "event: seats\nid: 9\ndata: {\"seq\":9,\"event_version\":1,\"free\":[14]}\n\n"
	v.do(until(`!document.querySelector('input[value="ST-B-5"]').disabled`))
}

// The limit holds in the list too, and is explained; so is a seat left alone.
func TestLimit(t *testing.T) {
	_, v := visit(t, "/")
	v.check("ST-A-2")
	v.hears("leaves seat 1 in row A on its own")
	for _, label := range []string{"ST-A-3", "ST-A-4", "ST-A-5", "ST-A-6"} {
		v.check(label)
	}
	v.hears("You can have at most 4 seats here")
	same(t, v.chosen(), []string{"ST-A-2", "ST-A-3", "ST-A-4", "ST-A-5"})
}

// The finder proposes the best seats and says why; with the filter on the
// standing places, it takes places, which the form sends as an area and a number.
func TestFind(t *testing.T) {
	o, v := visit(t, "/")
	find := chromedp.Click(".sm-find", chromedp.ByQuery)
	seats, standing := chromedp.Click(".sm-chip:nth-child(1)", chromedp.ByQuery), chromedp.Click(".sm-chip:nth-child(2)", chromedp.ByQuery)
	v.do(seats, find)
	v.hears("Stalls, row A, seats 5 and 6: the row nearest the stage with 2 seats together at this price.")
	same(t, v.chosen(), []string{"ST-A-5", "ST-A-6"})
	v.do(seats, standing, find, chromedp.Click(".sm-tray .sm-step:last-child", chromedp.ByQuery))
	same(t, v.chosen(), nil)
	if total := v.text(".sm-total strong"); total != "€60.00" {
		t.Fatalf("three places cost %s", total)
	}
	sent := v.hold(o)
	if len(sent["seats"]) > 0 || !slices.Equal(sent["section"], []string{"FL"}) || !slices.Equal(sent["quantity"], []string{"3"}) {
		t.Fatalf("sent %v", sent)
	}
}

// The form's own button asks for the best, whatever is chosen.
func TestBestAfterAll(t *testing.T) {
	o, v := visit(t, "/")
	v.check("ST-D-4")
	v.do(chromedp.Click("#hold button[name=best]", chromedp.ByQuery))
	select {
	case sent := <-o.form:
		if len(sent["seats"]) > 0 || !slices.Equal(sent["quantity"], []string{"2"}) {
			t.Fatalf("sent %v", sent)
		}
	case <-time.After(patience.Long):
		t.Fatal("nothing was sent")
	}
}

// Before the sale opens the map is to look at: it tells, and nothing can be chosen.
func TestSoon(t *testing.T) {
	_, v := visit(t, "/?soon")
	v.press(kb.ArrowRight, kb.Enter)
	v.hears("Stalls, row A, seat 1, Seats €50.00, free")
	same(t, v.chosen(), nil)
	var tools int
	v.do(chromedp.Evaluate(`document.querySelectorAll(".sm-tray, .sm-finder").length`, &tools))
	if tools != 0 {
		t.Fatal("there is a finder or a tray")
	}
}

// When the event has changed, the reader is asked to reload, and not interrupted.
func TestChanged(t *testing.T) {
	o, v := visit(t, "/")
	v.check("ST-C-3")
	o.live <- "event: seats\nid: 8\ndata: {\"seq\":8,\"event_version\":2}\n\n"
	v.do(until(`document.querySelector(".sm-do")?.textContent == "Reload"`))
	same(t, v.chosen(), []string{"ST-C-3"})
}
