package app

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"boxoffice/internal/bus"
	"boxoffice/internal/caller"
	"boxoffice/internal/ledger"
	"boxoffice/internal/notify/letter/lettertest"
	"boxoffice/internal/notify/occasion"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/shop"
	"boxoffice/internal/ticket"
	"boxoffice/internal/userapi"
)

// visitor is somebody with an account that has a password.
func (h *house) visitor(t *testing.T, name string) userapi.Fan {
	t.Helper()
	mail := name + "@example.org"
	id := h.must(t, userapi.Fan{}, "POST", "/users", fmt.Sprintf(`{"email":%q,"name":%q,"password":"velvet curtain"}`, mail, name), "id")
	verify := func(tx *sql.Tx) error { // as the mailed link does
		_, err := tx.Exec(`UPDATE users SET email = $1, contact = '', email_verified = TRUE WHERE id = $2`, mail, id)
		return err
	}
	if err := h.DB.Write(t.Context(), verify); err != nil {
		t.Fatal(err)
	}
	token := h.must(t, userapi.Fan{}, "POST", "/users/login", fmt.Sprintf(`{"email":%q,"password":"velvet curtain"}`, mail), "token")
	return userapi.Fan{UserID: id, Token: token}
}

// bought is a booking of somebody for a new event, held, and paid with a method
// unless that is "".
func (h *house) bought(t *testing.T, who userapi.Fan, seats int, method string) (booking, event string) {
	t.Helper()
	event = h.must(t, h.account(t, caller.Organizer), "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	booking = h.must(t, who, "POST", "/bookings", fmt.Sprintf(`{"event_id":%q,"quantity":%d}`, event, seats), "id")
	if method != "" {
		h.must(t, who, "POST", "/payments", fmt.Sprintf(`{"booking_id":%q,"method":%q}`, booking, method), "id")
	}
	return booking, event
}

func (h *house) link(t *testing.T, booking string) (path, token string) {
	t.Helper()
	links, err := h.Bookings.Links(t.Context(), []string{booking})
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ = strings.Cut(links[booking], "token=")
	return links[booking], token
}

// Whoever has the signed link sees order and tickets, and changes nothing.
func TestOrderByLink(t *testing.T) {
	h := newHouse(t)
	nobody := userapi.Fan{}
	booking, _ := h.bought(t, h.visitor(t, "ann"), 2, paymentapi.SandboxOK)
	path, token := h.link(t, booking)
	w := h.ask(t, nobody, "GET", path, "")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "/tickets?token="+token) || strings.Contains(w.Body.String(), "/cancel\"") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for below, want := range map[string]int{"/tickets": 200, "/tickets.pdf": 200, "/calendar.ics": 200, "/cancel": 303} {
		if w := h.ask(t, nobody, "GET", "/orders/"+booking+below+"?token="+token, ""); w.Code != want {
			t.Errorf("%s: %d", below, w.Code)
		}
		if w := h.ask(t, nobody, "GET", "/orders/"+booking+below+"?token="+token+"x", ""); w.Code != 404 && below != "/cancel" {
			t.Errorf("%s with a wrong token: %d", below, w.Code)
		}
	}
	if w := h.ask(t, h.visitor(t, "bob"), "POST", "/orders/"+booking+"/cancel?token="+token, "seats=x&refund=0"); w.Code != 303 || !strings.HasPrefix(w.Header().Get("Location"), "/orders/"+booking+"/enter?token=") {
		t.Errorf("a stranger with the link cancels: %d", w.Code)
	}
}

var hidden = regexp.MustCompile(`name="(seats|refund)" value="([^"]*)"`)

// What the page says comes back is what the ledger then says; sent twice it is
// carried out once; and nothing happens for another amount than was shown.
func TestCancelShowsRefund(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor(t, "ann")
	booking, event := h.bought(t, ann, 3, paymentapi.SandboxOK)
	page := "/orders/" + booking + "/cancel"
	given := func() (sum int64, n int) {
		t.Helper()
		entries, err := h.Bookings.Entries(t.Context(), event, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.Kind == ledger.Cancelled {
				sum, n = sum+e.Amount, n+1
			}
		}
		return sum, n
	}
	labels := regexp.MustCompile(`name="seats" value="([^"]*)" checked`).FindAllStringSubmatch(h.ask(t, ann, "GET", page, "").Body.String(), -1)
	if len(labels) != 3 {
		t.Fatalf("%v", labels)
	}
	for i, pick := range [][]string{{labels[1][1]}, {labels[0][1], labels[2][1]}} { // one seat, then the rest
		before, n := given()
		form := url.Values{}
		for _, m := range hidden.FindAllStringSubmatch(h.ask(t, ann, "GET", page+"?"+url.Values{"seats": pick}.Encode(), "").Body.String(), -1) {
			form.Add(m[1], m[2])
		}
		shown := form.Get("refund")
		form.Set("refund", "1")
		if w := h.ask(t, ann, "POST", page, form.Encode()); w.Code != 409 {
			t.Errorf("another amount: %d", w.Code)
		}
		form.Set("refund", shown)
		for range 2 {
			if w := h.ask(t, ann, "POST", page, form.Encode()); w.Code != 303 || w.Header().Get("Location") != "/orders/"+booking {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
		after, m := given()
		if want := int64(5000 * len(pick)); shown != fmt.Sprint(want) || after-before != want || m != n+1 {
			t.Errorf("step %d: shown %s, given back %d in %d entries", i, shown, after-before, m-n)
		}
		body := h.ask(t, ann, "GET", "/orders/"+booking, "").Body.String()
		if !strings.Contains(body, fmt.Sprintf("€%d.00 goes back", after/100)) {
			t.Errorf("step %d: the order does not say what is on its way", i)
		}
	}
}

// When nothing is given back any more, the page says so and has no button.
func TestCancelRefused(t *testing.T) {
	h := newHouse(t)
	ann, organizer := h.visitor(t, "ann"), h.account(t, caller.Organizer)
	event := h.must(t, organizer, "POST", "/events", strings.Replace(fmt.Sprintf(eventJSON, "on_sale"), `"price"`, `"refundable_until":"2020-01-01T00:00:00Z","price"`, 1), "id")
	booking := h.must(t, ann, "POST", "/bookings", `{"event_id":"`+event+`","quantity":1}`, "id")
	h.must(t, ann, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`, "id")
	w := h.ask(t, ann, "GET", "/orders/"+booking+"/cancel", "")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "deadline for cancelling seats was") || strings.Contains(w.Body.String(), `method="post"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Tickets are there once the money is taken, or for what was given away, and a
// gate that knows the public keys takes them.
func TestTicketsOfPaidSeats(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor(t, "ann")
	booking, event := h.bought(t, ann, 2, "")
	if w := h.ask(t, ann, "GET", "/bookings/"+booking+"/tickets", ""); w.Code != 404 || !strings.Contains(w.Body.String(), "This booking has no tickets") {
		t.Errorf("the API: %d %s", w.Code, w.Body)
	}
	if w := h.ask(t, ann, "GET", "/orders/"+booking+"/tickets", ""); w.Code != 303 {
		t.Errorf("held: %d", w.Code)
	}
	if w := h.ask(t, ann, "GET", "/orders/"+booking+"/tickets.pdf", ""); w.Code != 404 {
		t.Errorf("held: %d", w.Code)
	}
	h.must(t, ann, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`, "id")
	b, err := h.Bookings.Booking(t.Context(), booking)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := ticket.ParseKeys(h.ask(t, userapi.Fan{}, "GET", "/tickets/keys.json", "").Body.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	body := h.ask(t, ann, "GET", "/orders/"+booking+"/tickets", "").Body.String()
	for _, seat := range b.Seats {
		token, err := h.Tickets.Sign(ticket.Ticket{BookingID: booking, Seat: seat, PlanVersion: b.PlanVersion})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := keys.Verify(token, event); err != nil {
			t.Error(err)
		}
		code, _ := ticket.NewQR(token)
		svg, err := code.SVG()
		if err != nil || !strings.Contains(body, string(svg[strings.Index(string(svg), "<svg"):])) {
			t.Errorf("no ticket for seat %d: %v", seat, err)
		}
	}
	if n := strings.Count(body, "<svg"); n != 2 {
		t.Errorf("%d tickets", n)
	}
	if w := h.ask(t, ann, "GET", "/orders/"+booking+"/tickets.pdf", ""); w.Header().Get("Content-Type") != "application/pdf" || !strings.HasPrefix(w.Body.String(), "%PDF") {
		t.Errorf("%d", w.Code)
	}
}

func TestTicketsOfGifts(t *testing.T) {
	h := newHouse(t)
	organizer, ann := h.account(t, caller.Organizer), h.visitor(t, "ann")
	event := h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	gift := h.must(t, organizer, "POST", "/events/"+event+"/complimentary", `{"quantity":1,"user_id":"`+ann.UserID+`"}`, "id")
	if w := h.ask(t, ann, "GET", "/orders/"+gift+"/tickets", ""); w.Code != 200 {
		t.Errorf("given away: %d", w.Code)
	}
	block := h.must(t, organizer, "POST", "/events/"+event+"/blocks", `{"quantity":1}`, "id")
	if w := h.ask(t, organizer, "GET", "/orders/"+block+"/tickets", ""); w.Code != 303 && w.Code != 404 {
		t.Errorf("kept back: %d", w.Code)
	}
}

// The list has what is coming first, soonest first, a page at a time.
func TestOrdersInOrder(t *testing.T) {
	const ordersShown = 20 // on a page
	h := newHouse(t)
	ann, organizer := h.visitor(t, "ann"), h.account(t, caller.Organizer)
	for i := range ordersShown + 2 {
		body := strings.NewReplacer("2099-03-01", fmt.Sprintf("20%02d-03-01", 90-i), "Gala", fmt.Sprintf("Gala %02d", i)).Replace(fmt.Sprintf(eventJSON, "on_sale"))
		event := h.must(t, organizer, "POST", "/events", body, "id")
		id := h.must(t, ann, "POST", "/bookings", `{"event_id":"`+event+`","quantity":1}`, "id")
		if i == ordersShown+1 { // the soonest: released
			if w := h.ask(t, ann, "DELETE", "/bookings/"+id, ""); w.Code != 200 {
				t.Fatal(w.Body)
			}
		}
	}
	titles := regexp.MustCompile(`Gala \d\d`)
	list := func(page string) []string {
		return titles.FindAllString(h.ask(t, ann, "GET", "/orders"+page, "").Body.String(), -1)
	}
	first, second := list(""), list("?page=2")
	if len(first) != ordersShown || first[0] != "Gala 20" || first[ordersShown-1] != "Gala 01" {
		t.Errorf("%v", first)
	}
	if len(second) != 2 || second[0] != "Gala 00" || second[1] != "Gala 21" {
		t.Errorf("%v", second)
	}
	if got := list("?page=99"); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// letters are mails that were handed over.
type letters struct {
	all     []string
	then    func() // after each; nil: nothing
	service *lettertest.Service
}

// Notify implements notifyapi.Service.
func (l *letters) Notify(ctx context.Context, list []notifyapi.Notice) error {
	return l.open().Notify(ctx, list)
}

func (l *letters) Prepare(list []notifyapi.Notice) (func(context.Context, *sql.Tx) error, error) {
	return l.open().Prepare(list)
}

func (*letters) Forget(context.Context, string) error { return nil }

func (*letters) Wake() {}

func (l *letters) open() *lettertest.Service {
	if l.service == nil {
		l.service = lettertest.New(func(_ context.Context, to, subject, text string) error {
			l.all = append(l.all, to+"\n"+subject+"\n"+text)
			if l.then != nil {
				l.then()
			}
			return nil
		})
	}
	return l.service
}

// confirm tells buyers what has become of their payments.
func (h *house) confirm(t *testing.T, notices occasion.Notices) error {
	t.Helper()
	consumers, err := h.occasions(t.Context(), notices, "https://tickets.example")
	if err != nil {
		t.Fatal(err)
	}
	b, err := bus.New(t.Context(), bus.Config{DB: h.DB, Outboxes: h.outboxes(), Consumers: consumers, Now: h.DB.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return b.Round(t.Context())
}

// Every buyer with an address gets a mail whose link opens the order.
func TestConfirmations(t *testing.T) {
	h := newHouse(t)
	mail := &letters{}
	booking, _ := h.bought(t, h.visitor(t, "ann"), 2, paymentapi.SandboxOK)
	h.bought(t, h.account(t, caller.Customer), 1, paymentapi.SandboxOK) // made in bulk: no address
	if err := h.confirm(t, mail); err != nil {
		t.Fatal(err)
	}
	if len(mail.all) != 1 {
		t.Fatalf("%d mails", len(mail.all))
	}
	for _, part := range []string{"ann@example.org\n", "Gala", "is paid", "Sunday 1 March 2099", "Europe/Berlin", "€100.00", "row "} {
		if !strings.Contains(mail.all[0], part) {
			t.Errorf("no %q in %s", part, mail.all[0])
		}
	}
	link := regexp.MustCompile(`https://tickets\.example(/orders/\S+)`).FindStringSubmatch(mail.all[0])
	if link == nil {
		t.Fatal(mail.all[0])
	}
	if w := h.ask(t, userapi.Fan{}, "GET", link[1], ""); w.Code != 200 || !strings.Contains(w.Body.String(), booking) {
		t.Errorf("%s: %d", link[1], w.Code)
	}
}

// Bookings that have become another account's before their confirmation was mailed
// are confirmed to that account.
func TestConfirmationsFollowTheBooking(t *testing.T) {
	h := newHouse(t)
	mail := &letters{}
	ann, kay := h.visitor(t, "ann"), h.visitor(t, "kay")
	h.bought(t, ann, 1, paymentapi.SandboxOK)
	if err := h.Bookings.Adopt(t.Context(), ann.UserID, kay.UserID, caller.EmailKey{}); err != nil {
		t.Fatal(err)
	}
	err := h.DB.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`DELETE FROM users WHERE id = $1`, ann.UserID)
		return err
	})
	if err == nil {
		err = h.confirm(t, mail)
	}
	if err != nil || len(mail.all) != 1 || !strings.HasPrefix(mail.all[0], "kay@example.org\n") {
		t.Errorf("%v %q", err, mail.all)
	}
}

// The export has everything, and no secrets.
func TestExportIsComplete(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor(t, "ann")
	paid, _ := h.bought(t, ann, 2, paymentapi.SandboxOK)
	held, _ := h.bought(t, ann, 1, "")
	gone, _ := h.bought(t, ann, 1, paymentapi.SandboxOK)
	if w := h.ask(t, ann, "DELETE", "/bookings/"+gone, ""); w.Code != 200 {
		t.Fatal(w.Body)
	}
	h.bought(t, h.visitor(t, "bob"), 1, paymentapi.SandboxOK)
	w := h.ask(t, ann, "GET", "/account/export", "")
	var doc shop.AccountExport
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Account.Email != "ann@example.org" || doc.Account.Name != "ann" || !doc.Account.HasPassword || doc.Account.CreatedAt.IsZero() || len(doc.Sessions) != 1 {
		t.Errorf("%+v", doc)
	}
	if doc.Emails == nil || !doc.Emails.Announcements || !doc.Emails.Reminders || len(doc.Emails.Muted) != 0 {
		t.Errorf("%+v", doc.Emails)
	}
	status := map[string]string{}
	for _, b := range doc.Bookings {
		status[b.ID] = b.Status
		if len(b.Seats) == 0 || b.Event != "Gala" || b.Amount != int64(5000*len(b.Seats)) {
			t.Errorf("%+v", b)
		}
	}
	if len(status) != 3 || status[paid] != "booked" || status[held] != "pending" || status[gone] != "cancelled" {
		t.Errorf("%v", status)
	}
	if len(doc.Payments) != 2 || len(doc.Payments[0].History) < 2 {
		t.Errorf("%+v", doc.Payments)
	}
	for _, secret := range []string{"argon2", ann.Token, "totp_secret", "bob"} {
		if strings.Contains(w.Body.String(), secret) {
			t.Errorf("%s is in the export", secret)
		}
	}
}

// An account with seats for something to come stays; one without goes, with the
// right password, and its old bookings stay without a name.
func TestDeleteAccount(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor(t, "ann")
	booking, _ := h.bought(t, ann, 1, paymentapi.SandboxOK)
	page := h.ask(t, ann, "GET", "/account/delete", "").Body.String()
	if !strings.Contains(page, "/orders/"+booking) || strings.Contains(page, "current_password") {
		t.Error("the page does not say what the account has to stay for")
	}
	if w := h.ask(t, ann, "POST", "/account/delete", "current_password=velvet+curtain"); w.Code != 409 {
		t.Errorf("with seats: %d", w.Code)
	}
	if w := h.ask(t, ann, "DELETE", "/bookings/"+booking, ""); w.Code != 200 {
		t.Fatal(w.Body)
	}
	if w := h.ask(t, ann, "POST", "/account/delete", "current_password=velvet+curtains"); w.Code != 422 || !strings.Contains(w.Body.String(), `aria-invalid="true"`) {
		t.Errorf("wrong password: %d", w.Code)
	}
	w := h.ask(t, ann, "POST", "/account/delete", "current_password=velvet+curtain")
	if w.Code != 303 || !strings.Contains(w.Header().Get("Clear-Site-Data"), `"storage"`) {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := h.ask(t, userapi.Fan{}, "POST", "/users/login", `{"email":"ann@example.org","password":"velvet curtain"}`); w.Code != 401 {
		t.Errorf("can log in: %d", w.Code)
	}
	if b, err := h.Bookings.Booking(t.Context(), booking); err != nil || b.UserID != ann.UserID {
		t.Errorf("%+v %v", b, err)
	}
}

// The pages of an account change it, and ask for the password where that matters.
func TestAccountPages(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor(t, "ann")
	for _, c := range []struct {
		path, form string
		status     int
		fault      string
	}{
		{"/account", "name=Ann+Other&email=ann@example.org&username=annie", 303, ""},
		{"/account", "name=&email=ann@example.org", 422, "f-name-fault"},
		{"/account", "name=Ann&email=new@example.org", 422, "f-current_password-fault"},
		{"/account/password", "current_password=wrong+one&password=crimson+balcony", 422, "f-p-current_password-fault"},
		{"/account/password", "current_password=velvet+curtain&password=short", 422, "f-p-password-fault"},
		{"/account/two-factor", "current_password=velvet+curtain", 200, ""},
		{"/account/two-factor/confirm", "code=000000", 422, "f-code-fault"},
		{"/account", "name=Ann&email=new@example.org&username=annie&current_password=velvet+curtain", 303, ""},
		{"/account/two-factor", "current_password=velvet+curtain", 422, ""}, // the new address is to be confirmed first
		{"/account/password", "current_password=velvet+curtain&password=crimson+balcony", 303, ""},
	} {
		w := h.ask(t, ann, "POST", c.path, c.form)
		if w.Code != c.status || c.fault != "" && !strings.Contains(w.Body.String(), c.fault) {
			t.Errorf("%s %s: %d, want %d with %s: %s", c.path, c.form, w.Code, c.status, c.fault, w.Body)
		}
	}
	if w := h.ask(t, ann, "GET", "/account", ""); w.Code != 401 {
		t.Errorf("the session outlives its password: %d", w.Code)
	}
	h.must(t, userapi.Fan{}, "POST", "/users/login", `{"username":"annie","password":"crimson balcony"}`, "token")
}
