package app

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"html"
	"io"
	"mime/multipart"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/patience"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/userapi"
)

// newEventForm is the form of a new event, filled in.
func newEventForm() url.Values {
	return url.Values{
		"title": {"Night of the Violins"}, "category": {"Music"}, "description": {"Twelve violins.\r\nOne night."}, "venue": {"new"},
		"venue.name": {"Old Hall"}, "venue.city": {"Ulm"}, "venue.country": {"de"}, "venue.time_zone": {"Europe/Berlin"},
		"when": {"time"}, "event_time": {"2099-07-01T20:00"}, "plan": {"template"}, "plan.template": {"theatre"}, "plan.seats": {"100"},
		"currency": {"EUR"}, "pricing": {"rules"}, "fee_rules.fee_rate": {"8,5"}, "fee_rules.tax_rate": {"19"}, "fee_rules.fee_fixed": {""}, "fee_rules.rounding": {"half_up"},
		"tiers[0].name": {"Good"}, "tiers[0].price": {"50"}, "tiers[0].categories": {"Premium", "Stalls"},
		"tiers[1].name": {"Fair"}, "tiers[1].price": {"20.00"}, "tiers[1].categories": {"Circle", "Balcony"},
		"limit_per_customer": {"6"}, "hold_minutes": {"5"}, "do": {"publish"},
	}
}

// page asks for a page, and fails unless the answer has a status.
func (h *house) page(t *testing.T, as userapi.Fan, method, path string, form url.Values, status int) string {
	t.Helper()
	w := h.ask(t, as, method, path, form.Encode(), "Accept", "text/html")
	if w.Code != status {
		t.Fatalf("%s %s: %d, want %d: %s", method, path, w.Code, status, visible(w.Body.String()))
	}
	if status == 303 {
		return w.Header().Get("Location")
	}
	return w.Body.String()
}

var (
	tags   = regexp.MustCompile(`(?s)<[^>]*>`)
	spaces = regexp.MustCompile(`[\s\x{a0}]+`)
)

// visible is the text of a page.
func visible(page string) string {
	return spaces.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(page, " ")), " ")
}

// wants fails unless a page says all of it.
func wants(t *testing.T, page string, texts ...string) {
	t.Helper()
	text := visible(page)
	for _, want := range texts {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in: %s", want, text)
		}
	}
}

// field is the value of a hidden field of a page.
func field(t *testing.T, page, name string) string {
	t.Helper()
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("the page has no field %s", name)
	}
	return m[1]
}

// buy holds seats and pays for them.
func (h *house) buy(t *testing.T, fan userapi.Fan, request bookingapi.HoldRequest) bookingapi.Booking {
	t.Helper()
	as := caller.Caller{UserID: fan.UserID, Role: caller.Customer, Verified: true}
	b, err := h.Bookings.Hold(t.Context(), as, "", request)
	if err == nil {
		_, err = h.Payments.Pay(t.Context(), as, "", paymentapi.PayRequest{BookingID: b.ID, Method: paymentapi.SandboxOK})
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// eventually looks at a page until it says something.
func (h *house) eventually(t *testing.T, as userapi.Fan, path, text string) {
	t.Helper()
	for end := time.Now().Add(patience.Long); ; {
		page := visible(h.page(t, as, "GET", path, nil, 200))
		if strings.Contains(page, text) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s never says %q: %s", path, text, page)
		}
		time.Sleep(20 * time.Millisecond) // between two looks
	}
}

// An organizer makes an event, sells it, sees it live, has the list of those who
// come, and cancels it.
func TestOrganizerSells(t *testing.T) {
	h := newHouse(t)
	organizer := h.account(t, caller.Organizer)
	wants(t, h.page(t, organizer, "GET", "/organizer", nil, 200), "Nothing here yet")
	wants(t, h.page(t, organizer, "GET", "/organizer/events/new", nil, 200), "Theatre: 500 seats · Premium 100")

	at := h.page(t, organizer, "POST", "/organizer/events/new", newEventForm(), 303)
	eventID := strings.TrimPrefix(at, "/organizer/events/")
	wants(t, h.page(t, organizer, "GET", at, nil, 200), "Night of the Violins", "Published, not on sale", "Wednesday 1 July 2099, 20:00", "of 100 seats", "Nothing has been sold yet", "Good €64.56", "Fair €25.82")
	h.turn(t, organizer, at, "open-now")
	wants(t, h.page(t, organizer, "GET", at, nil, 200), "On sale", "Pause the sale")

	ann, bob := h.account(t, caller.Customer), h.account(t, caller.Customer)
	first := h.buy(t, ann, bookingapi.HoldRequest{EventID: eventID, Selection: bookingapi.Selection{Quantity: 2, Tier: "Good"}})
	h.buy(t, bob, bookingapi.HoldRequest{EventID: eventID, Selection: bookingapi.Selection{Quantity: 3, Tier: "Fair"}})
	if _, err := h.Bookings.Hold(t.Context(), caller.Caller{UserID: bob.UserID, Role: caller.Customer}, "", bookingapi.HoldRequest{EventID: eventID, Selection: bookingapi.Selection{Quantity: 1}}); err != nil {
		t.Fatal(err)
	}
	h.page(t, organizer, "POST", at+"/seats", url.Values{"kind": {"block"}, "quantity": {"4"}, "nonce": {"n"}}, 303)
	h.page(t, organizer, "POST", at+"/seats", url.Values{"kind": {"block"}, "quantity": {"4"}, "nonce": {"n"}}, 303) // clicked twice
	h.eventually(t, organizer, at, "2 paid bookings")
	live := h.page(t, organizer, "GET", at+"/figures", nil, 200)
	wants(t, live, "Revenue €206.58", "2 paid bookings", "Sold 5 of 100 seats", "Held 1", "Free 90", "4 blocked, 0 complimentary", "Good €64.56 2 €129.12", "Fair €25.82 3 €77.46", "Total 5 €206.58", "peak: 2 per minute")
	if strings.Contains(live, "<html") || strings.Contains(live, "style=") {
		t.Error("the part of the page is a whole page, or has styles in it")
	}
	wants(t, h.page(t, organizer, "GET", "/organizer", nil, 200), "5 of 100 sold", "1 held", "€206.58", "Upcoming 1")
	wants(t, h.page(t, organizer, "GET", at+"?booking="+id.Reference(first.ID), nil, 200), id.Reference(first.ID), "€129.12")
	wants(t, h.page(t, organizer, "GET", at+"?booking=nobody@example.org", nil, 200), "no such booking")

	h.attendees(t, organizer, at, 5, 9)
	h.page(t, organizer, "POST", at+"/seats", url.Values{"kind": {"complimentary"}, "quantity": {"2"}, "nonce": {"gift"}}, 303)
	h.eventually(t, organizer, at+"/cancel", "Complimentary seats to be cancelled 2")

	wants(t, h.page(t, organizer, "GET", at+"/cancel", nil, 200), "Bookings to be cancelled 2", "€206.58")
	wants(t, h.page(t, organizer, "POST", at+"/cancel", url.Values{"title": {"Night"}}, 422), "This is not the title")
	h.page(t, organizer, "POST", at+"/cancel", url.Values{"title": {"night of  the violins"}}, 303)
	h.eventually(t, organizer, at+"/refunds", "Refunds are being made. 0 of 2 refunds done")
	h.page(t, organizer, "POST", at+"/refunds", url.Values{"do": {"pause"}, "version": {"1"}}, 303)
	wants(t, h.page(t, organizer, "GET", at+"/refunds", nil, 200), "Refunds are paused.", "Still to be made 2 €206.58", "Resume refunds")
	wants(t, h.page(t, organizer, "POST", at+"/refunds", url.Values{"do": {"resume"}, "version": {"1"}}, 409), "Resume refunds") // somebody else has paused them
	for _, form := range []url.Values{nil, {"version": {"2"}}, {"do": {"start"}, "version": {"2"}}} {
		h.page(t, organizer, "POST", at+"/refunds", form, 400)
	}
	wants(t, h.page(t, organizer, "GET", at+"/refunds", nil, 200), "Refunds are paused.")
	h.page(t, organizer, "POST", at+"/refunds", url.Values{"do": {"resume"}, "version": {"2"}}, 303)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = h.Bookings.Run(ctx) })
	running.Go(func() { _ = h.Payments.Run(ctx) }) // it says that it was stopped
	defer running.Wait()
	defer stop()
	h.eventually(t, organizer, at, "2 of 2 refunds done")
	wants(t, h.page(t, organizer, "GET", at, nil, 200), "Cancelled", "Refunded 2 €206.58", "Revenue €0.00")
	h.eventually(t, organizer, at+"/refunds", "Nothing is left to refund at present. 2 of 2 refunds done")
	handled := url.Values{"do": {"handled"}, "refund": {"1"}, "note": {"by hand"}}
	wants(t, h.page(t, organizer, "POST", at+"/refunds", handled, 409), "Only a refund that has failed can be given back in another way.")
	h.write(t, `UPDATE refunds SET status = 'failed', reason = 'account_closed' WHERE event_id = $1`, strings.TrimPrefix(at, "/organizer/events/"))
	handled["refund"] = regexp.MustCompile(`name="refund" value="(\d+)"`).FindStringSubmatch(h.ask(t, organizer, "GET", at+"/refunds", "").Body.String())[1:]
	h.page(t, organizer, "POST", at+"/refunds", handled, 303)
	wants(t, h.page(t, organizer, "GET", at+"/refunds", nil, 200), "Given back in another way 1", "Failed: needs attention 1")
	if page := h.ask(t, organizer, "GET", at+"/refunds", "").Body.String(); !strings.Contains(page, `value="by hand"`) {
		t.Errorf("the note is not shown: %s", page)
	}
	// Nobody is mailed, so the list keeps those who had booked.
	if kept := h.ask(t, organizer, "GET", at+"/attendees.csv", "").Body.String(); strings.Count(kept, ",cancelled,") != 5+4+2 || strings.Count(kept, "\r\n") != 1+5+4+2 || !strings.Contains(kept, "64.56") {
		t.Errorf("the list of a cancelled event: %q", kept)
	}
	wants(t, h.page(t, organizer, "GET", at+"/edit", nil, 409), "This event is cancelled")
}

// turn takes a step of a sale by way of its question.
func (h *house) turn(t *testing.T, as userapi.Fan, at, to string) {
	t.Helper()
	ask := h.page(t, as, "GET", at+"/sale?to="+to, nil, 200)
	if got := h.page(t, as, "POST", at+"/sale", url.Values{"to": {to}, "version": {field(t, ask, "version")}}, 303); got != at {
		t.Fatalf("went to %s", got)
	}
}

// attendees reads the list of those who come, and that of all bookings.
func (h *house) attendees(t *testing.T, organizer userapi.Fan, at string, sold, all int) {
	t.Helper()
	w := h.ask(t, organizer, "GET", at+"/attendees.csv", "")
	body, marked := strings.CutPrefix(w.Body.String(), "\xef\xbb\xbf")
	if !marked || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") || !strings.Contains(w.Header().Get("Content-Disposition"), "night-of-the-violins-attendees.csv") {
		t.Errorf("%v %q", w.Header(), body)
	}
	rows, err := csv.NewReader(strings.NewReader(body)).ReadAll()
	if err != nil || len(rows) != 1+all {
		t.Fatalf("%d rows, want %d: %v", len(rows), 1+all, err)
	}
	sales := 0
	for _, row := range rows[1:] {
		if row[12] == "sale" {
			sales++
		}
		if _, err := time.Parse(time.RFC3339, row[11]); err != nil || row[1] != "booked" || row[2] == "" || row[12] == "sale" && (row[9] == "" || row[7] != "64.56" && row[7] != "25.82") || row[12] != "sale" && row[7] != "0.00" {
			t.Errorf("%q %v", row, err)
		}
	}
	if sales != sold {
		t.Errorf("%d sold seats in %q", sales, body)
	}
	if more := h.ask(t, organizer, "GET", at+"/attendees.csv?status=all", "").Body.String(); strings.Count(more, "\r\n") != 1+all+1 || !strings.Contains(more, ",pending,") {
		t.Errorf("%q", more)
	}
}

// What is wrong with a form stands beside its fields, in the reader's language.
func TestEventFormFaults(t *testing.T) {
	h := newHouse(t)
	organizer := h.account(t, caller.Organizer)
	for name, c := range map[string]struct {
		change url.Values
		fields string // that are at fault, in order
		says   string
	}{
		"nothing":           {url.Values{"title": {""}, "venue.name": {""}, "venue.time_zone": {""}, "event_time": {""}}, "event_time title venue.name venue.time_zone", "Please fill this in."},
		"amount":            {url.Values{"tiers[0].price": {"5O"}, "tiers[1].price": {"1.005"}}, "tiers[0].price tiers[1].price", "EUR does not have that many decimal places."},
		"yen":               {url.Values{"currency": {"JPY"}, "tiers[0].price": {"50.5"}, "tiers[1].price": {"50"}}, "tiers[0].price", "JPY does not have that many decimal places."},
		"currency":          {url.Values{"currency": {"EURO"}}, "currency", "currency code"},
		"rate":              {url.Values{"fee_rules.fee_rate": {"101"}, "fee_rules.tax_rate": {"x"}}, "fee_rules.fee_rate fee_rules.tax_rate", "percentage"},
		"seats":             {url.Values{"plan.seats": {"7"}, "limit_per_customer": {"many"}, "hold_minutes": {"99"}}, "hold_minutes limit_per_customer plan.seats", "between 50 and 200000"},
		"zone":              {url.Values{"venue.time_zone": {"Mars/Olympus"}}, "venue.time_zone", "no time zone “Mars/Olympus”"},
		"country":           {url.Values{"venue.country": {"Germany"}}, "venue.country", "two-letter"},
		"no such time":      {url.Values{"event_time": {"2027-03-28T02:30"}}, "event_time", "does not exist at the venue"},
		"opens in the gap":  {url.Values{"sale_opens_at": {"2027-03-28T02:30"}}, "sale_opens_at", "does not exist at the venue"},
		"window":            {url.Values{"sale_opens_at": {"2027-03-02T10:00"}, "sale_closes_at": {"2027-03-01T10:00"}}, "sale_closes_at", "after it opens"},
		"sections":          {url.Values{"tiers[0].sections": {"PR, XX"}}, "tiers[0].sections", "no section XX"},
		"no file":           {url.Values{"plan": {"upload"}}, "plan.document", "Please fill this in."},
		"title is too long": {url.Values{"title": {strings.Repeat("x", 201)}}, "title", "at most 200 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			form := newEventForm()
			for k, v := range c.change {
				form[k] = v
			}
			page := h.page(t, organizer, "POST", "/organizer/events/new", form, 422)
			wants(t, page, c.says)
			for _, name := range strings.Fields(c.fields) {
				if !strings.Contains(page, `href="#f-`+strings.NewReplacer("[", "%5b", "]", "%5d").Replace(name)+`"`) {
					t.Errorf("%s is not told to be at fault: %s", name, visible(page))
				}
				if !strings.Contains(page, `id="f-`+name+`-fault"`) {
					t.Errorf("nothing is said beside %s", name)
				}
			}
			if got := strings.Count(page, `<li><a href="#f-`); got != len(strings.Fields(c.fields)) {
				t.Errorf("%d faults, want %s: %s", got, c.fields, visible(page))
			}
		})
	}
	w := h.ask(t, organizer, "POST", "/organizer/events/new", "do=save", "Accept", "text/html", "Accept-Language", "de")
	wants(t, w.Body.String(), "Bitte füllen Sie dieses Feld aus.")
	page, err := h.Events.List(t.Context(), caller.Caller{UserID: "x", Role: caller.Admin}, eventapi.Filter{Status: "all", Limit: 10})
	if err != nil || len(page.Events) != 0 {
		t.Errorf("%d events were made of bad forms: %v", len(page.Events), err)
	}
}

// The form works without scripts: its buttons add and drop prices, work out
// all-in prices, and follow another plan; a file's plan is kept.
func TestEventFormButtons(t *testing.T) {
	h := newHouse(t)
	organizer := h.account(t, caller.Organizer)
	press := func(do string, change url.Values) string {
		form := newEventForm()
		form.Set("do", do)
		for k, v := range change {
			form[k] = v
		}
		return h.page(t, organizer, "POST", "/organizer/events/new", form, 200)
	}
	if page := press("tier", nil); !strings.Contains(page, `name="tiers[2].name"`) {
		t.Error("no row was added")
	}
	if page := press("drop:0", nil); strings.Contains(page, `name="tiers[1].name"`) || !strings.Contains(page, `value="Fair"`) {
		t.Error("the first row was not dropped")
	}
	wants(t, press("check", nil), "All-in €64.56", "All-in €25.82")
	wants(t, press("check", url.Values{"currency": {"KWD"}, "pricing": {"all_in"}, "tiers[0].price": {"14.25"}}), "KWD 14.250")
	page := press("plan", url.Values{"plan.template": {"club"}, "plan.seats": {"300"}})
	wants(t, page, "Club: 300 seats", "Standing", "Balcony")
	if !strings.Contains(page, `name="tiers[0].categories" value="Standing" checked`) {
		t.Error("the prices do not follow the plan")
	}

	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	form := newEventForm()
	form.Set("do", "plan")
	form.Set("plan", "upload")
	for k, values := range form {
		for _, v := range values {
			_ = m.WriteField(k, v)
		}
	}
	part, err := m.CreateFormFile("plan.document", "hall.json")
	if err == nil {
		_, err = io.WriteString(part, `{"name":"My Hall","categories":[{"name":"Sofa"}],"sections":[{"id":"S","category":"Sofa","capacity":12}]}`)
	}
	if err != nil || m.Close() != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/organizer/events/new", &body)
	r.Header.Set("Content-Type", m.FormDataContentType())
	r.Header.Set("Authorization", "Bearer "+organizer.Token)
	w := httptest.NewRecorder()
	h.door.Handler().ServeHTTP(w, r)
	wants(t, w.Body.String(), "My Hall: 12 seats · Sofa 12", "My Hall · 12 seats")
	if w.Code != 200 || !strings.Contains(w.Body.String(), `name="tiers[0].categories" value="Sofa" checked`) {
		t.Errorf("%d %s", w.Code, visible(w.Body.String()))
	}
}

// Changing an event changes what was changed, tells of what others have done
// meanwhile, and refuses kindly what cannot be any more.
func TestEventEdit(t *testing.T) {
	h := newHouse(t)
	organizer := h.account(t, caller.Organizer)
	at := h.page(t, organizer, "POST", "/organizer/events/new", newEventForm(), 303)
	eventID := strings.TrimPrefix(at, "/organizer/events/")
	shown := h.page(t, organizer, "GET", at+"/edit", nil, 200)
	wants(t, shown, "This event is already public")
	form := newEventForm()
	for _, name := range []string{"venue.name", "venue.city", "venue.country", "venue.time_zone"} {
		form.Del(name)
	}
	german := h.ask(t, organizer, "GET", at+"/edit", "", "Accept", "text/html", "Accept-Language", "de").Body.String()
	if price := field(t, german, `tiers\[0\].price`); price != "50,00" {
		t.Errorf("the form in German has the price %q", price)
	}
	place := regexp.MustCompile(`<option value="(\w{16})" selected>Old Hall`).FindStringSubmatch(shown)
	plan := regexp.MustCompile(`<option value="(\w{16}@1)" selected>Theatre`).FindStringSubmatch(shown)
	if place == nil || plan == nil {
		t.Fatalf("venue or plan is not chosen: %s", visible(shown))
	}
	form["venue"], form["plan"], form["plan.id"] = []string{place[1]}, []string{"used"}, []string{plan[1]}
	form["do"], form["version"], form["title"] = []string{"save"}, []string{field(t, shown, "version")}, []string{"Night of the Cellos"}
	h.page(t, organizer, "POST", at+"/edit", form, 303)
	who := caller.Caller{UserID: organizer.UserID, Role: caller.Organizer}
	e, err := h.Events.OwnEvent(t.Context(), who, eventID)
	if err != nil || e.Title != "Night of the Cellos" || e.Prices.Version != 1 || !e.Changed.IsZero() || e.Version != 2 || !e.Closes.Equal(e.Starts) {
		t.Fatalf("more was changed than the title: %+v %v", e, err)
	}

	form.Set("title", "Night of the Flutes") // by the version of before
	form.Set("tiers[0].price", "55")
	overtaken := h.page(t, organizer, "POST", at+"/edit", form, 412)
	form.Set("tiers[0].price", "50,00") // the same price
	if page := h.page(t, organizer, "POST", at+"/edit", form, 412); strings.Contains(visible(page), "Now: 50.00") {
		t.Error("a decimal comma counts as another price")
	}
	form.Set("tiers[0].price", "55")
	wants(t, overtaken, "Somebody else has changed this event", "Now: Night of the Cellos", "Now: 50.00")
	form.Set("version", field(t, overtaken, "version"))
	h.page(t, organizer, "POST", at+"/edit", form, 303)
	if e, err = h.Events.OwnEvent(t.Context(), who, eventID); err != nil || e.Title != "Night of the Flutes" || e.Prices.Version != 2 {
		t.Fatalf("%+v %v", e, err)
	}

	h.turn(t, organizer, at, "open-now")
	h.buy(t, h.account(t, caller.Customer), bookingapi.HoldRequest{EventID: eventID, Selection: bookingapi.Selection{Quantity: 1}})
	form.Set("version", fmt.Sprint(e.Version+1))
	form["plan"], form["plan.template"], form["plan.seats"] = []string{"template"}, []string{"theatre"}, []string{"200"}
	wants(t, h.page(t, organizer, "POST", at+"/edit", form, 409), "Some seats are already taken, so the seating plan cannot change.")
	h.turn(t, organizer, at, "close")
	wants(t, h.page(t, organizer, "GET", at, nil, 200), "Sale closed")
	h.turn(t, organizer, at, "open-now")
	wants(t, h.page(t, organizer, "GET", at, nil, 200), "On sale")
}
