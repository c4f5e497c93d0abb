package app

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/notify/letter/lettertest"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/userapi"
)

// fair is a house with an event on sale.
type fair struct {
	*house
	base, event string
	post        *postbox
	seats       []string // labels of free seats, in the order of the plan
}

func newFair(t *testing.T) *fair {
	t.Helper()
	return newFairWith(t, Config{})
}

// newFairWith is newFair with some of what the services are built with.
func newFairWith(t *testing.T, cfg Config) *fair {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	f := &fair{post: newPostbox(), base: "http://" + srv.Listener.Addr().String()}
	cfg.Notices, cfg.PublicURL = lettertest.New(f.post.deliver), f.base
	f.house = newHouseWith(t, cfg)
	f.Jobs.Go("users", f.Users.Run)
	srv.Config.Handler = f.door.Handler()
	srv.Start()
	t.Cleanup(srv.Close)
	f.event = f.must(t, f.account(t, caller.Organizer), "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	e, err := f.Events.Event(t.Context(), caller.Caller{}, f.event)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := f.Events.Plan(t.Context(), e.PlanID, e.PlanVersion)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range plan.Seats {
		f.seats = append(f.seats, s.Label)
	}
	return f
}

// named is a seat as pages name it, in English.
func (f *fair) named(t *testing.T, label string) string {
	t.Helper()
	places, err := f.Bookings.Named(t.Context(), f.event, []string{label})
	if err != nil || len(places) != 1 {
		t.Fatal(places, err)
	}
	return fmt.Sprintf("%s, row %s, seat %s", places[0].Section, places[0].Row, places[0].Number)
}

func (f *fair) hold() string { return "/e/" + f.event + "/hold" }

// status is how a booking is in the record.
func (f *fair) status(t *testing.T, bookingID string) bookingapi.Status {
	t.Helper()
	b, err := f.Bookings.Booking(t.Context(), bookingID)
	if err != nil {
		t.Fatal(err)
	}
	return b.Status
}

// held is the booking of the checkout that a browser is at.
func (b *fanBrowser) held(t *testing.T) string {
	t.Helper()
	b.at(t, 200, "/checkout/", "Your seats are held")
	id, _, _ := strings.Cut(strings.TrimPrefix(b.path, "/checkout/"), "?")
	return id
}

// expire has a hold end a minute ago.
func (f *fair) expire(t *testing.T, bookingID string) {
	t.Helper()
	at := f.DB.Now().Add(-time.Minute).UnixMicro()
	if err := f.DB.Write(t.Context(), func(tx *sql.Tx) error {
		for _, text := range []string{
			`UPDATE bookings SET expires_at = $1 WHERE id = $2`,
			`UPDATE claims SET expires_at = $1 WHERE booking_id = $2`,
			`UPDATE ledger SET until = $1 WHERE booking_id = $2 AND until IS NOT NULL`,
			`INSERT INTO lapsing (expires_at, event_id, first_seq, last_seq)
				SELECT until, event_id, min(seq), max(seq) FROM ledger WHERE until = $1 AND booking_id = $2 GROUP BY until, event_id`,
		} {
			if _, err := tx.ExecContext(t.Context(), text, at, bookingID); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// guest goes from the visitor's checkout to the one where they may pay.
func (f *fair) guest(t *testing.T, b *fanBrowser, name, email string) {
	t.Helper()
	f.guestOf(t, b, name, email, "Payment")
}

// guestOf is guest for a checkout that says something else then.
func (f *fair) guestOf(t *testing.T, b *fanBrowser, name, email, says string) {
	t.Helper()
	id := b.held(t)
	b.submit(t, "/checkout/"+id+"/guest", "name="+name+"&email="+email).at(t, 200, "/checkout/"+id, "Check your email")
	code := f.post.find(t, email, `code is ([0-9A-Z-]+)`)
	b.submit(t, "/checkout/"+id+"/code", "code="+code).at(t, 200, "/checkout/", says)
}

// A fan buys without an account and without scripts: seats, guest, code, pay.
func TestBuyAsGuest(t *testing.T) {
	f := newFair(t)
	b := newBrowser(t, f.base)
	b.post(t, f.hold(), "seats="+f.seats[0]+"&seats="+f.seats[1])
	id := b.held(t)
	for _, want := range []string{"€100.00", "Who are the tickets for?", "data-until=", "Held until"} {
		b.at(t, 200, "/checkout/"+id, want)
	}
	b.submit(t, "/checkout/"+id+"/guest", "name=&email=nowhere").at(t, 422, "/checkout/", "This is not a valid email address.").at(t, 422, "", "Please fill this in.")
	b.submit(t, "/checkout/"+id+"/guest", "name=Gus&email=gus@example.org").at(t, 200, "/checkout/"+id, "gus@example.org")
	b.get(t, "/pay/"+id).at(t, 200, "/checkout/"+id, "Check your email") // not yet
	code := f.post.find(t, "gus@example.org", `code is ([0-9A-Z-]+)`)
	b.submit(t, "/checkout/"+id+"/code", "code=000-000-000").at(t, 422, "/checkout/", "This is not the code that we sent you.")
	b.submit(t, "/checkout/"+id+"/resend", "").at(t, 200, "/checkout/"+id, "A code is on its way")
	b.submit(t, "/checkout/"+id+"/code", "code="+code).at(t, 200, "/checkout/"+id, "Pay €100.00")
	b.post(t, "/checkout/"+id+"/code", "code="+code).at(t, 200, "/checkout/"+id, "Pay €100.00") // a double click
	b.get(t, "/pay/"+id).at(t, 200, "/pay/"+id, "No money is moved")
	form := b.form(t, "/pay/"+id, "token=tok_ok")
	b.do(t, "POST", "/pay/"+id, form)
	if f.status(t, id) != bookingapi.Booked || !strings.HasPrefix(b.path, "/orders/"+id) {
		t.Fatalf("%s, at %s", f.status(t, id), b.path)
	}
	// All of it once more does no harm.
	b.do(t, "POST", "/pay/"+id, form)
	for _, path := range []string{"/checkout/" + id, "/pay/" + id, "/checkout/" + id + "/wait"} {
		if b.get(t, path); !strings.HasPrefix(b.path, "/orders/"+id) {
			t.Errorf("%s leads to %s", path, b.path)
		}
	}
	b.post(t, "/checkout/"+id+"/release", "")
	if f.status(t, id) != bookingapi.Booked {
		t.Error("giving back what is paid for, in another tab, has cancelled it")
	}
	if list, err := f.Bookings.List(t.Context(), bookingapi.Filter{EventID: f.event, Limit: 10}); err != nil || len(list) != 1 {
		t.Errorf("%d bookings, %v", len(list), err)
	}
}

// password is that of accounts in these tests.
const password = "velvet+curtain"

// A visitor signs up, or in, within the checkout: the seats come along. A limit is
// told, and nothing is lost.
func TestVisitorBecomesAccount(t *testing.T) {
	f := newFair(t)
	b := newBrowser(t, f.base)
	b.post(t, f.hold(), "quantity=2")
	id := b.held(t)
	b.get(t, "/checkout/"+id+"?as=sign-up").submit(t, "/checkout/"+id+"/sign-up", "name=Ann&email=ann@example.org&password=short").at(t, 422, "/checkout/", "Please enter at least 8 characters")
	b.submit(t, "/checkout/"+id+"/sign-up", "password="+password).at(t, 200, "/checkout/"+id, "Check your email").at(t, 200, "", "ann@example.org")
	b.submit(t, "/checkout/"+id+"/code", "code="+f.post.find(t, "ann@example.org", `code, it is ([0-9A-Z-]+)`)).at(t, 200, "/checkout/"+id, "Pay €100.00")

	c := newBrowser(t, f.base)
	c.post(t, f.hold(), "quantity=3")
	three := c.held(t)
	c.get(t, "/checkout/"+three+"?as=sign-in").submit(t, "/checkout/"+three+"/sign-in", "name=ann@example.org&password=no+such+word").at(t, 422, "/checkout/", "The name or the password is wrong.")
	c.submit(t, "/checkout/"+three+"/sign-in", "password="+password).at(t, 200, "/checkout/"+three, "ann@example.org")

	d := newBrowser(t, f.base) // five of eight are hers by now
	d.post(t, f.hold(), "quantity=4")
	four := d.held(t)
	d.get(t, "/checkout/"+four+"?as=sign-in").submit(t, "/checkout/"+four+"/sign-in", "name=ann@example.org&password="+password).at(t, 409, "/checkout/", "and you keep them")
	d.get(t, "/checkout/"+four).at(t, 200, "/checkout/"+four, "Who are the tickets for?")
	if s := d.form(t, "/checkout/"+four+"/release", "")["seats"]; len(s) != 1 {
		t.Errorf("%v", s)
	}
	d.submit(t, "/checkout/"+four+"/release", "").at(t, 200, "/checkout/"+four, "The seat is free again")
	d.get(t, "/sign-in?next=/checkout/"+four).submit(t, "/sign-in", "name=ann@example.org&password="+password).at(t, 200, "/checkout/"+four, "ann@example.org")
}

// An account with two factors: the code is asked for once the password was right,
// within the checkout too.
func TestSignInWithCode(t *testing.T) {
	f := newFair(t)
	u, err := f.Users.CreateUser(t.Context(), "ann@example.org", "Ann", "velvet curtain", caller.Customer)
	if err != nil {
		t.Fatal(err)
	}
	ann := caller.Caller{UserID: u.ID, Role: u.Role}
	x, err := f.Users.BeginTwoFactor(t.Context(), ann, u.ID, "velvet curtain")
	if err != nil {
		t.Fatal(err)
	}
	digits, err := totp.GenerateCode(x.Secret, f.DB.Now())
	if err != nil {
		t.Fatal(err)
	}
	recovery, err := f.Users.ConfirmTwoFactor(t.Context(), ann, u.ID, digits)
	if err != nil {
		t.Fatal(err)
	}
	b := newBrowser(t, f.base)
	b.post(t, f.hold(), "quantity=1")
	id := b.held(t)
	at := "/checkout/" + id + "/sign-in"
	b.get(t, "/checkout/"+id+"?as=sign-in").submit(t, at, "name=ann@example.org&password="+password).at(t, 422, at, "Please enter the code")
	if form := b.form(t, at, ""); form.Get("proof") == "" || form.Has("password") {
		t.Errorf("%v", form)
	}
	b.submit(t, at, "code=000000").at(t, 422, at, "This code has expired or was already used")
	b.submit(t, at, "code="+recovery[0]).at(t, 200, "/checkout/"+id, "ann@example.org")

	c := newBrowser(t, f.base)
	c.get(t, "/sign-in?next=/developers").submit(t, "/sign-in", "name=ann@example.org&password="+password).at(t, 422, "/sign-in", "Please enter the code")
	c.submit(t, "/sign-in", "code="+recovery[1]).at(t, 200, "/developers", "Account")
}

// A decline keeps the seats; then it works.
func TestDeclinedThenPaid(t *testing.T) {
	f := newFair(t)
	b := newBrowser(t, f.base)
	b.post(t, f.hold(), "quantity=1")
	f.guest(t, b, "Gus", "gus@example.org")
	id := b.held(t)
	b.get(t, "/pay/"+id)
	stale := b.form(t, "/pay/"+id, "token=tok_decline")
	for range 2 { // a double click
		b.do(t, "POST", "/pay/"+id, stale).at(t, 200, "/checkout/"+id, "The payment was declined")
	}
	payments, err := f.Payments.OfBooking(t.Context(), caller.Caller{UserID: f.owner(t, id)}, id)
	if err != nil || payments.Attempt() != 1 {
		t.Errorf("%+v %v", payments, err)
	}
	stale.Set("token", paymentapi.SandboxOK) // back to the page before the decline
	b.do(t, "POST", "/pay/"+id, stale)
	if f.status(t, id) != bookingapi.Booked {
		t.Errorf("%s at %s: %s", f.status(t, id), b.path, b.text)
	}
}

func (f *fair) owner(t *testing.T, bookingID string) string {
	t.Helper()
	b, err := f.Bookings.Booking(t.Context(), bookingID)
	if err != nil {
		t.Fatal(err)
	}
	return b.UserID
}

// A slow payment is waited for, by readers and by scripts.
func TestSlowPayment(t *testing.T) {
	f := newFair(t)
	b := newBrowser(t, f.base)
	b.post(t, f.hold(), "quantity=1")
	f.guest(t, b, "Gus", "gus@example.org")
	id := b.held(t)
	b.get(t, "/pay/"+id).submit(t, "/pay/"+id, "token=tok_slow").at(t, 200, "/checkout/"+id+"/wait", `http-equiv="refresh"`)
	b.get(t, "/checkout/"+id).at(t, 200, "/checkout/"+id+"/wait", "being processed")
	b.post(t, "/checkout/"+id+"/release", "").at(t, 200, "/checkout/"+id+"/wait", "being processed")
	for strings.HasPrefix(b.path, "/checkout/") {
		b.get(t, "/checkout/"+id+"/wait")
	}
	if f.status(t, id) != bookingapi.Booked || !strings.HasPrefix(b.path, "/orders/"+id) {
		t.Errorf("%s at %s", f.status(t, id), b.path)
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", f.base+"/checkout/"+id+"/wait", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json")
	res, err := b.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw := make([]byte, 200)
	n, _ := res.Body.Read(raw)
	if got := string(raw[:n]); got != `{"next":"/orders/`+id+`"}` {
		t.Errorf("%s", got)
	}
}

// A hold that has ended says so, and the same seats can be had again by one click.
// A payment that comes late takes free seats again; gone ones give the money back.
func TestLate(t *testing.T) {
	f := newFair(t)
	b := newBrowser(t, f.base)
	b.post(t, f.hold(), "seats="+f.seats[0])
	f.guest(t, b, "Gus", "gus@example.org")
	id := b.held(t)
	b.get(t, "/pay/"+id)
	form := b.form(t, "/pay/"+id, "token=tok_ok")
	f.expire(t, id)
	b.get(t, "/checkout/"+id).at(t, 200, "/checkout/"+id, "Your hold has expired")
	if _, err := f.Bookings.Sweep(t.Context()); err != nil { // as the janitor does
		t.Fatal(err)
	}
	b.get(t, "/pay/"+id).at(t, 200, "/checkout/"+id, "Your hold has expired")
	again := b.form(t, f.hold(), "")
	b.do(t, "POST", f.hold(), again)
	second := b.held(t)
	b.do(t, "POST", f.hold(), again) // a double click
	if b.held(t) != second || second == id {
		t.Errorf("%s, then %s; before %s", second, b.path, id)
	}
	b.submit(t, "/checkout/"+second+"/release", "").at(t, 200, "/checkout/"+second, "You have given the seats back")

	b.do(t, "POST", "/pay/"+id, form) // late, and the seat is free
	if f.status(t, id) != bookingapi.Booked {
		t.Fatalf("%s at %s", f.status(t, id), b.path)
	}

	b.post(t, f.hold(), "seats="+f.seats[5])
	late := b.held(t)
	b.get(t, "/pay/"+late)
	form = b.form(t, "/pay/"+late, "token=tok_ok")
	f.expire(t, late)
	if _, err := f.Bookings.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	newBrowser(t, f.base).post(t, f.hold(), "seats="+f.seats[5]).held(t)
	b.do(t, "POST", "/pay/"+late, form).at(t, 200, "/checkout/"+late, "We are refunding your payment")
	pay, err := f.Payments.OfBooking(t.Context(), caller.Caller{UserID: f.owner(t, late)}, late)
	if err != nil || pay.Status != "voided" {
		t.Errorf("%+v %v", pay, err)
	}
}

// The same hold sent again is the same booking: double clicks, two tabs, with a
// script's key and without.
func TestHoldAgain(t *testing.T) {
	f := newFair(t)
	for i, fill := range []string{"", "&key=abc"} {
		b := newBrowser(t, f.base)
		b.post(t, f.hold(), "quantity=2"+fill)
		id := b.held(t)
		for range 2 {
			if b.post(t, f.hold(), "quantity=2"+fill); b.held(t) != id {
				t.Errorf("%d: %s, then %s", i, id, b.path)
			}
		}
		// Two of the seats in another tab, with another key.
		seats := b.form(t, "/checkout/"+id+"/release", "")["seats"]
		b.post(t, f.hold(), "key=other&seats="+seats[0]).at(t, 200, "/checkout/"+id, "These seats are already held for you")
		b.post(t, "/checkout/"+id+"/release", "").at(t, 200, "/checkout/"+id, "You have given the seats back")
		b.post(t, "/checkout/"+id+"/release", "").at(t, 200, "/checkout/"+id, "You have given the seats back")
		if b.post(t, f.hold(), "quantity=2"+fill); b.held(t) == id {
			t.Errorf("%d: a hold that was given back is shown again", i)
		}
	}
	// At once, as a visitor whose cookie is there.
	b := newBrowser(t, f.base)
	b.post(t, f.hold(), "seats="+f.seats[50])
	id := b.held(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			one := &fanBrowser{Client: b.Client, base: b.base}
			one.post(t, f.hold(), "key=k&seats="+f.seats[51]+"&seats="+f.seats[52])
			if one.status != 200 || !strings.HasPrefix(one.path, "/checkout/") || strings.HasPrefix(one.path, "/checkout/"+id) {
				t.Errorf("%d %s", one.status, one.path)
			}
		})
	}
	wg.Wait()
}

// Somebody was faster: what is gone is named, the rest is kept, near seats are
// proposed, nothing is half held.
func TestSeatsGone(t *testing.T) {
	f := newFair(t)
	newBrowser(t, f.base).post(t, f.hold(), "seats="+f.seats[1]).held(t)
	b := newBrowser(t, f.base)
	before, err := bookingapi.One(t.Context(), f.Bookings.Counts, "event", f.event)
	if err != nil {
		t.Fatal(err)
	}
	b.post(t, f.hold(), "seats="+f.seats[0]+"&seats="+f.seats[1]).at(t, 409, f.hold(), f.named(t, f.seats[1])+" has just been taken.")
	if text := attribute.ReplaceAllString(b.text, ""); strings.Contains(text, f.seats[0]) || strings.Contains(text, f.seats[1]) {
		t.Error("seats are called by their labels")
	}
	after, err := bookingapi.One(t.Context(), f.Bookings.Counts, "event", f.event)
	if err != nil || after.Free != before.Free {
		t.Errorf("%d free before, %d after; %v", before.Free, after.Free, err)
	}
	near := b.form(t, f.hold(), "")["seats"]
	if len(near) != 2 {
		t.Fatalf("%v", near)
	}
	if !strings.Contains(b.text, "Only "+f.named(t, f.seats[0])) {
		t.Errorf("the rest is not offered: %s", b.text)
	}
	b.submit(t, f.hold(), "").held(t)
	for _, label := range near {
		b.at(t, 200, "/checkout/", `value="`+label+`"`)
	}
	b.post(t, f.hold(), "chosen=1&quantity=2").at(t, 422, f.hold(), "Please choose seats first") // the form's quantity is for another button
	b.post(t, f.hold(), "").at(t, 422, f.hold(), "Please choose seats first")
	b.post(t, f.hold(), "seats=nowhere").at(t, 422, f.hold(), "That did not work")
	b.post(t, f.hold(), "quantity=99").at(t, 409, f.hold(), "Each person can have up to 8 seats")
}

// Who does not keep cookies is told, and holds nothing.
func TestNoCookies(t *testing.T) {
	f := newFair(t)
	b := newBrowser(t, f.base)
	b.Jar = nil
	b.post(t, f.hold()+"?section=PR", "quantity=1").at(t, 409, f.hold()+"?section=PR&visit=1", "blocks cookies")
	if counts, err := bookingapi.One(t.Context(), f.Bookings.Counts, "event", f.event); err != nil || counts.Held != 0 {
		t.Errorf("%+v %v", counts, err)
	}
}

// Purchases are their owner's alone, and forms of other sites are refused.
func TestOthersPurchase(t *testing.T) {
	f := newFair(t)
	b, other := newBrowser(t, f.base), newBrowser(t, f.base)
	b.post(t, f.hold(), "quantity=1")
	id := b.held(t)
	other.post(t, f.hold(), "quantity=1").held(t)
	for _, path := range []string{"/checkout/" + id, "/pay/" + id, "/checkout/" + id + "/wait"} {
		other.get(t, path).at(t, 404, path, "find that page")
	}
	for _, path := range []string{"/release", "/guest", "/code", "/resend", "/sign-in", "/sign-up"} {
		other.post(t, "/checkout/"+id+path, "name=Eve&email=eve@example.org").at(t, 404, "", "find that page")
	}
	other.post(t, "/pay/"+id, "token=tok_ok").at(t, 404, "", "find that page")
	if f.status(t, id) != bookingapi.Pending {
		t.Error(f.status(t, id))
	}
	for _, path := range []string{f.hold(), "/checkout/" + id + "/release", "/pay/" + id, "/sign-in", "/sign-up", "/forgot"} {
		w := f.ask(t, userapi.Fan{}, "POST", path, "quantity=1", "Sec-Fetch-Site", "cross-site", "Accept", "text/html")
		if w.Code != 403 || !strings.Contains(w.Body.String(), "This form came from another site") {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// Signing up and in, forgetting a password and choosing a new one, by the pages.
func TestSignInPages(t *testing.T) {
	f := newFair(t)
	b := newBrowser(t, f.base)
	b.get(t, "/sign-up?next=/developers").submit(t, "/sign-up", "name=Ann&email=ann@example.org&password=password1").at(t, 422, "/sign-up", "This password is easy to guess")
	b.submit(t, "/sign-up", "password="+password).at(t, 200, "/developers", "Check your email")
	link := f.post.find(t, "ann@example.org", `(/verify\?token=\S+)`)
	b.get(t, link).submit(t, "/verify", "").at(t, 200, "/verify", "Your address is confirmed")
	b.post(t, "/sign-out", "").at(t, 200, "/", "You are signed out")

	// Somebody else signs up with the same address: the page says the same, and the mail tells.
	other := newBrowser(t, f.base)
	other.get(t, "/sign-up?next=/developers").submit(t, "/sign-up", "name=Bob&email=ANN@example.org&password=crimson+curtain").at(t, 200, "/developers", "Check your email")
	f.post.find(t, "ann@example.org", `(You already have an account)`)
	b.get(t, "/forgot").submit(t, "/forgot", "email=x").at(t, 422, "/forgot", "This is not a valid email address.")
	b.submit(t, "/forgot", "email=nobody@example.org").at(t, 200, "/forgot", "If there is an account")
	b.get(t, "/forgot").submit(t, "/forgot", "email=ann@example.org").at(t, 200, "/forgot", "If there is an account")
	link = f.post.find(t, "ann@example.org", `(/reset\?token=\S+)`)
	b.get(t, link).submit(t, "/reset", "password=short").at(t, 422, "/reset", "Please enter at least 8 characters")
	b.submit(t, "/reset", "password=another+curtain").at(t, 200, "/reset", "Your new password is saved")
	b.post(t, "/reset", "token=x&password=another+curtain").at(t, 422, "/reset", "This link has expired or was already used")
	b.get(t, "/sign-in?next=/developers").submit(t, "/sign-in", "name=ann@example.org&password="+password).at(t, 422, "/sign-in", "The name or the password")
	if strings.Contains(b.text, `name="code"`) {
		t.Error("a code is asked for that the account does not need")
	}
	b.submit(t, "/sign-in", "password=another+curtain").at(t, 200, "/developers", "")
	for _, next := range []string{"//evil.example", "https://evil.example/", `/\evil.example`} {
		b.post(t, "/sign-in", "name=ann@example.org&password=another+curtain&next="+next)
		if !strings.HasPrefix(b.path, "/orders") {
			t.Errorf("%s leads to %s", next, b.path)
		}
	}
	org, err := f.Users.CreateUser(t.Context(), "org@example.org", "Olivia", "velvet curtain", caller.Organizer)
	if err != nil {
		t.Fatal(err)
	}
	if b.post(t, "/sign-in", "name="+org.Email+"&password="+password); !strings.HasPrefix(b.path, "/organizer") {
		t.Errorf("an organizer is led to %s", b.path)
	}
}
