package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/commands"
	"boxoffice/internal/notify"
	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/notifyapi/notifytest"
	"boxoffice/internal/patience"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/userapi"
)

// postOffice is a mail server. Addresses at full.example are refused for now, those at
// gone.example for good.
type postOffice struct {
	mu   sync.Mutex
	list []mail.Mail
}

func (p *postOffice) Send(_ context.Context, m *mail.Mail) (string, error) {
	switch mail.Domain(m.To) {
	case "full.example":
		return "", errors.New("452 4.2.2 mailbox full")
	case "gone.example":
		return "", &mail.Refused{Answer: "550 5.1.1 no such user"}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, *m)
	return "250 2.0.0 taken", nil
}

func (*postOffice) Close() {}

// to waits until n mails have arrived at an address, and returns their texts.
func (p *postOffice) to(t *testing.T, address string, n int) (texts []string) {
	t.Helper()
	for end := time.Now().Add(patience.Long); ; time.Sleep(5 * time.Millisecond) {
		texts = nil
		p.mu.Lock()
		for _, m := range p.list {
			if m.To == address && strings.Contains(m.Text, "/orders/") {
				texts = append(texts, m.Text)
			}
		}
		p.mu.Unlock()
		if len(texts) >= n || time.Now().After(end) {
			break
		}
	}
	if len(texts) != n {
		t.Fatalf("%d mails to %s, want %d: %q", len(texts), address, n, texts)
	}
	return texts
}

// office is a house that sends mails, and an event of an organizer whose buyers need not
// confirm their address.
type office struct {
	*house
	post             *postOffice
	organizer, admin userapi.Fan
	event            string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{post: &postOffice{}}
	o.house = newHouseWith(t, Config{PublicURL: "https://tickets.example", Mail: &MailConfig{Sender: o.post, Parallel: 1}})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{o.Notices.Run, o.Bus.Run, o.Bookings.Run} {
		running.Go(func() { _ = run(ctx) })
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	o.organizer, o.admin = o.account(t, caller.Organizer), o.account(t, caller.Admin)
	o.event = o.sells(t, o.organizer)
	return o
}

// sells makes an event of an organizer.
func (o *office) sells(t *testing.T, organizer userapi.Fan) string {
	t.Helper()
	event := o.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	o.must(t, o.admin, "PUT", "/events/"+event, `{"unverified_buyers":true}`, "id")
	return event
}

// guest enters with an address that is not confirmed.
func (o *office) guest(t *testing.T, name, email string) userapi.Fan {
	t.Helper()
	w := o.ask(t, userapi.Fan{}, "POST", "/users/guest", fmt.Sprintf(`{"name":%q,"email":%q}`, name, email))
	var doc struct {
		Token string
		User  struct{ ID string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || w.Code != 201 {
		t.Fatal(w.Code, w.Body)
	}
	return userapi.Fan{UserID: doc.User.ID, Token: doc.Token}
}

// buys buys a seat.
func (o *office) buys(t *testing.T, who userapi.Fan, event string) (booking string) {
	t.Helper()
	booking = o.must(t, who, "POST", "/bookings", `{"event_id":"`+event+`","quantity":1}`, "id")
	o.must(t, who, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`, "id")
	return booking
}

// log is the log of an order, as its organizer reads it.
func (o *office) log(t *testing.T, booking string) (out struct {
	Email       string
	Correctable bool
	Items       []struct{ Kind, Email, Status, Answer string }
}) {
	t.Helper()
	w := o.ask(t, o.organizer, "GET", "/bookings/"+booking+"/notices", "")
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	return out
}

// became waits until the latest mail about an order has a status.
func (o *office) became(t *testing.T, booking, status, email string) {
	t.Helper()
	var l []struct{ Kind, Email, Status, Answer string }
	for end := time.Now().Add(patience.Long); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if l = o.log(t, booking).Items; len(l) > 0 && l[0].Status == status && l[0].Email == email {
			return
		}
	}
	t.Fatalf("the latest mail is not %s to %s: %+v", status, email, l)
}

// again sends the tickets again, and returns the status of the answer and its slug.
func (o *office) again(t *testing.T, as userapi.Fan, booking, body string) string {
	t.Helper()
	w := o.ask(t, as, "POST", "/bookings/"+booking+"/notices", body)
	var doc struct{ Type string }
	_ = json.Unmarshal(w.Body.Bytes(), &doc)
	return strings.TrimSpace(fmt.Sprint(w.Code, " ", doc.Type[strings.LastIndexByte(doc.Type, '/')+1:]))
}

var orderLink = regexp.MustCompile(`https://tickets\.example(/orders/\S+\?token=\S+)`)

// A guest mistypes the address, so the tickets are on their way to nobody. The organizer
// sees that in the order's log and corrects the address: what waits for the wrong one is
// stopped, the link that was mailed there opens nothing any more, and all orders of the
// guest are mailed to the right one.
func TestMistypedAddress(t *testing.T) {
	o := newOffice(t)
	gus := o.guest(t, "Gus", "gus@full.example")
	first, second := o.buys(t, gus, o.event), o.buys(t, gus, o.event)
	old, _ := o.link(t, first)
	o.became(t, first, "queued", "gus@full.example")
	o.became(t, second, "queued", "gus@full.example")
	at := "/organizer/events/" + o.event + "/orders/" + first
	wants(t, o.page(t, o.organizer, "GET", at, nil, 200), "Gus", "gus@full.example", "Confirmation with tickets", "You can correct the address first.")
	o.eventually(t, o.organizer, at, "not accepted yet")
	wants(t, o.page(t, o.organizer, "GET", at+"?lang=de", nil, 200), "noch nicht angenommen", "452 4.2.2 mailbox full", "Tickets noch einmal senden")
	wants(t, o.page(t, o.organizer, "POST", at, url.Values{"email": {"gus@"}}, 422), "Email address")
	if w := o.ask(t, userapi.Fan{}, "GET", old, ""); w.Code != 200 {
		t.Errorf("the link after a correction that was refused: %d", w.Code)
	}
	o.page(t, o.organizer, "POST", at, url.Values{"email": {"gus@example.org"}}, 303)
	texts := o.post.to(t, "gus@example.org", 2)
	issues, err := o.Issues.Issues(t.Context(), []string{first, second})
	if err != nil {
		t.Fatal(err)
	}
	for _, booking := range []string{first, second} {
		if len(issues[booking]) == 0 {
			t.Errorf("whoever has the mails at the old address has valid tickets of %s", booking)
		}
		o.became(t, booking, "sent", "gus@example.org")
		if l := o.log(t, booking); l.Email != "gus@example.org" || len(l.Items) != 2 || l.Items[1].Status != "stopped" || l.Items[1].Email != "gus@full.example" {
			t.Errorf("%+v", l)
		}
		fresh, _ := o.link(t, booking)
		if !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, fresh) }) {
			t.Errorf("nobody was told %s: %q", fresh, texts)
		}
		if w := o.ask(t, userapi.Fan{}, "GET", fresh, ""); w.Code != 200 {
			t.Errorf("the new link: %d", w.Code)
		}
	}
	if w := o.ask(t, userapi.Fan{}, "GET", old, ""); w.Code != 404 {
		t.Errorf("the old link: %d", w.Code)
	}
	if w := o.ask(t, gus, "GET", "/bookings/"+first, ""); w.Code != 401 { // nothing else is bought that is mailed there
		t.Error(w.Code)
	}
	for range 2 { // the form was sent twice
		if got := o.again(t, o.organizer, first, `{"email":"gus@example.org"}`); got != "202" {
			t.Error(got)
		}
	}
	o.post.to(t, "gus@example.org", 2)
	if l := o.log(t, first); len(l.Items) != 2 {
		t.Errorf("%+v", l)
	}
	wants(t, o.page(t, o.organizer, "GET", at, nil, 200), "sent", "stopped")
}

// An organizer who corrects an address to one of their own gets nothing that the guest
// buys from others: neither what the guest holds at that moment, nor what is bought later.
func TestCorrectedAddressGetsNothingElse(t *testing.T) {
	o := newOffice(t)
	rival := o.account(t, caller.Organizer)
	gus := o.guest(t, "Gus", "gus@gone.example")
	booking, other := o.buys(t, gus, o.event), o.sells(t, rival)
	held := o.must(t, gus, "POST", "/bookings", `{"event_id":"`+other+`","quantity":1}`, "id")
	if got := o.again(t, o.organizer, booking, `{"email":"thief@example.org"}`); got != "409 orders-elsewhere" {
		t.Errorf("while the guest holds seats elsewhere: %s", got)
	}
	if w := o.ask(t, gus, "DELETE", "/bookings/"+held, ""); w.Code/100 != 2 {
		t.Fatal(w.Code, w.Body)
	}
	ended := func(status bookingapi.Status, ago time.Duration) {
		o.write(t, `UPDATE bookings SET status = $1, expires_at = $2 WHERE id = $3`, string(status), time.Now().Add(-ago).UnixMicro(), held)
	}
	for _, status := range []bookingapi.Status{bookingapi.Pending, bookingapi.Expired} {
		ended(status, 10*time.Minute)
		if got := o.again(t, o.organizer, booking, `{"email":"thief@example.org"}`); got != "409 orders-elsewhere" {
			t.Errorf("while an %s hold elsewhere may still be paid: %s", status, got)
		}
	}
	ended(bookingapi.Expired, time.Hour)
	if got := o.again(t, o.organizer, booking, `{"email":"thief@example.org"}`); got != "202" {
		t.Error(got)
	}
	if w := o.ask(t, gus, "POST", "/bookings", `{"event_id":"`+other+`","quantity":1}`); w.Code != 401 {
		t.Errorf("the guest, whose mails go to the corrected address, buys elsewhere: %d", w.Code)
	}
}

// An order elsewhere that was cancelled is the guest's secret, too: the mail about its money
// would go to the corrected address, and so would the order to who confirms that.
func TestCorrectedAddressGetsNoRefund(t *testing.T) {
	o := newOffice(t)
	gus := o.guest(t, "Gus", "gus@gone.example")
	booking, elsewhere := o.buys(t, gus, o.event), o.buys(t, gus, o.sells(t, o.account(t, caller.Organizer)))
	if w := o.ask(t, gus, "DELETE", "/bookings/"+elsewhere, ""); w.Code/100 != 2 {
		t.Fatal(w.Code, w.Body)
	}
	if got := o.again(t, o.organizer, booking, `{"email":"thief@example.org"}`); got != "409 orders-elsewhere" {
		t.Error(got)
	}
	ida := o.guest(t, "Ida", "ida@gone.example")
	booking, own := o.buys(t, ida, o.event), o.buys(t, ida, o.event)
	if w := o.ask(t, ida, "DELETE", "/bookings/"+own, ""); w.Code/100 != 2 {
		t.Fatal(w.Code, w.Body)
	}
	if got := o.again(t, o.organizer, booking, `{"email":"ida@example.org"}`); got != "202" {
		t.Errorf("with a cancelled order of the same organizer: %s", got)
	}
}

// What waits to be told about a cancelled order of the guest goes to the corrected address,
// too, and the link that was mailed to the wrong one does not open that order any more.
func TestCorrectedAddressGetsOwnRefund(t *testing.T) {
	o := newOffice(t)
	gus := o.guest(t, "Gus", "gus@full.example")
	booking, cancelled := o.buys(t, gus, o.event), o.buys(t, gus, o.event)
	o.became(t, booking, "queued", "gus@full.example")
	o.became(t, cancelled, "queued", "gus@full.example")
	old, _ := o.link(t, cancelled)
	if w := o.ask(t, gus, "DELETE", "/bookings/"+cancelled, ""); w.Code/100 != 2 {
		t.Fatal(w.Code, w.Body)
	}
	n := notifytest.Booked("refunded/x/1", "gus@full.example", "en")
	n.Kind, n.Data.Refund, n.BookingID, n.UserID, n.Data.Link = notifyapi.Refunded, &notifyapi.Refund{Amount: 5000}, cancelled, gus.UserID, "https://tickets.example"+old
	if err := o.Notices.Notify(t.Context(), []notifyapi.Notice{n}); err != nil {
		t.Fatal(err)
	}
	if got := o.again(t, o.organizer, booking, `{"email":"gus@example.org"}`); got != "202" {
		t.Fatal(got)
	}
	texts := o.post.to(t, "gus@example.org", 2) // the tickets, and the refund
	for _, l := range o.log(t, cancelled).Items {
		if l.Email == "gus@full.example" && l.Status != "stopped" {
			t.Errorf("it goes to the wrong address: %+v", l)
		}
	}
	if w := o.ask(t, userapi.Fan{}, "GET", old, ""); w.Code != 404 {
		t.Errorf("the link that was mailed to the wrong address: %d", w.Code)
	}
	for _, text := range texts {
		if strings.Contains(text, old) {
			t.Errorf("the old link was mailed again: %s", text)
		}
	}
}

// Who may see the log and correct what: organizers their own orders, of guests who have
// not confirmed the address and have no orders elsewhere.
func TestWhoCorrectsAddresses(t *testing.T) {
	o := newOffice(t)
	rival := o.account(t, caller.Organizer)
	gus := o.guest(t, "Gus", "gus@gone.example")
	booking := o.buys(t, gus, o.event)
	o.became(t, booking, "failed", "gus@gone.example")
	for who, as := range map[string]userapi.Fan{"owner": gus, "rival": rival} {
		if w := o.ask(t, as, "GET", "/bookings/"+booking+"/notices", ""); w.Code != 404 {
			t.Errorf("%s reads the log: %d", who, w.Code)
		}
		if got := o.again(t, as, booking, `{"email":"thief@example.org"}`); !strings.HasPrefix(got, "404") {
			t.Errorf("%s: %s", who, got)
		}
	}
	wants(t, o.page(t, o.organizer, "GET", "/organizer/events/"+o.event+"/orders/"+booking, nil, 200), "not delivered", "550 5.1.1 no such user")
	o.page(t, o.organizer, "GET", "/organizer/events/"+o.sells(t, o.organizer)+"/orders/"+booking, nil, 404) // of another event

	elsewhere := o.buys(t, gus, o.sells(t, rival))
	if got := o.again(t, o.organizer, booking, `{"email":"gus@example.org"}`); got != "409 orders-elsewhere" {
		t.Error(got)
	}
	if got := o.again(t, rival, elsewhere, `{"email":"thief@example.org"}`); got != "409 orders-elsewhere" {
		t.Error(got)
	}
	o.post.to(t, "thief@example.org", 0)
	if got := o.again(t, o.admin, booking, `{"email":"gus@example.org"}`); got != "202" {
		t.Error(got)
	}
	o.post.to(t, "gus@example.org", 2)

	ann := o.visitor(t, "ann") // has a password, and the address is confirmed
	booking = o.buys(t, ann, o.event)
	o.became(t, booking, "sent", "ann@example.org")
	link, _ := o.link(t, booking)
	if l := o.log(t, booking); l.Correctable || l.Email != "ann@example.org" {
		t.Errorf("%+v", l)
	}
	for _, as := range []userapi.Fan{o.organizer, o.admin} {
		if got := o.again(t, as, booking, `{"email":"thief@example.org"}`); got != "409 address-confirmed" {
			t.Error(got)
		}
	}
	if now, _ := o.link(t, booking); now != link {
		t.Error("a correction that was refused has ended the link")
	}
	wants(t, o.page(t, o.organizer, "GET", "/organizer/events/"+o.event+"/orders/"+booking, nil, 200), "Only the buyer can change this address")
	held := o.must(t, ann, "POST", "/bookings", `{"event_id":"`+o.event+`","quantity":1}`, "id")
	if got := o.again(t, o.organizer, held, `{}`); got != "409 not-booked" {
		t.Error(got)
	}
}

// The tickets are sent again at most six times a day, and once for a request that is
// repeated within a minute.
func TestTicketsAgain(t *testing.T) {
	o := newOffice(t)
	ann := o.visitor(t, "ann")
	booking := o.buys(t, ann, o.event)
	first := o.post.to(t, "ann@example.org", 1)
	earlier := func() { // all of it was a quarter of an hour before
		o.write(t, `UPDATE notices SET created_at = created_at - 900000000, id = 'e' || id WHERE booking_id = $1`, booking)
		o.write(t, `UPDATE notices_again SET at = at - 900000000, request = request || at WHERE booking_id = $1`, booking)
	}
	earlier()
	for n := 2; n <= 6; n++ {
		for range 3 {
			if got := o.again(t, o.organizer, booking, `{}`); got != "202" {
				t.Fatal(n, got)
			}
		}
		texts := o.post.to(t, "ann@example.org", n)
		if a, b := orderLink.FindString(texts[0]), orderLink.FindString(texts[n-1]); a != b || a == "" {
			t.Errorf("%s, and later %s", a, b)
		}
		o.became(t, booking, "sent", "ann@example.org")
		earlier()
	}
	w := o.ask(t, o.organizer, "POST", "/bookings/"+booking+"/notices", ``)
	if w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	wants(t, o.page(t, o.organizer, "POST", "/organizer/events/"+o.event+"/orders/"+booking, url.Values{}, 429), "sent six times within a day")
	if !strings.Contains(first[0], "Your tickets") && !strings.Contains(first[0], "your tickets") {
		t.Error(first[0])
	}
	if w := o.ask(t, ann, "DELETE", "/bookings/"+booking, ""); w.Code != 200 {
		t.Fatal(w.Body)
	}
	if got := o.again(t, o.organizer, booking, `{}`); got != "409 not-booked" {
		t.Error(got)
	}
}

// Complimentary tickets without an account go again, or to another address, whose link is
// another. Blocked seats have neither.
func TestGiftAgain(t *testing.T) {
	o := newOffice(t)
	gift := o.must(t, o.organizer, "POST", "/events/"+o.event+"/complimentary", `{"quantity":1,"name":"Ada","email":"ada@example.com"}`, "id")
	o.post.to(t, "ada@example.com", 1)
	o.became(t, gift, "sent", "ada@example.com")
	old, _ := o.link(t, gift)
	if got := o.again(t, o.organizer, gift, `{}`); got != "202" { // a moment after the first
		t.Error(got)
	}
	if got := o.again(t, o.organizer, gift, `{"email":"ada@"}`); got != "422 invalid-field" {
		t.Error(got)
	}
	if got := o.again(t, o.organizer, gift, `{"email":"ada@example.org"}`); got != "202" {
		t.Error(got)
	}
	text := o.post.to(t, "ada@example.org", 1)[0]
	if fresh, _ := o.link(t, gift); fresh == old || !strings.Contains(text, fresh) {
		t.Errorf("%s, and before %s: %s", fresh, old, text)
	}
	if l := o.log(t, gift); l.Email != "ada@example.org" || !l.Correctable || l.Items[0].Kind != string(notifyapi.Gift) || len(l.Items) != 2 {
		t.Errorf("%+v", l)
	}
	wants(t, o.page(t, o.organizer, "GET", "/organizer/events/"+o.event+"/orders/"+gift, nil, 200), "Complimentary tickets", "ada@example.com", "ada@example.org")
	b, err := o.Bookings.Grant(t.Context(), caller.Caller{UserID: o.organizer.UserID, Role: caller.Organizer}, "", bookingapi.Grant{EventID: o.event, Kind: bookingapi.Block, Selection: bookingapi.Selection{Quantity: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if got := o.again(t, o.organizer, b.ID, `{"email":"ada@example.org"}`); got != "409 not-booked" {
		t.Error(got)
	}
	wants(t, o.page(t, o.organizer, "GET", "/organizer/events/"+o.event+"/orders/"+b.ID, nil, 200), "No message about this booking")
}

// A mail that comes back is piped into the command, while the server runs: the order's log
// then says so. Whatever else arrives there is no failure.
func TestMailBounced(t *testing.T) {
	if sqldbtest.OnPostgres(t) {
		t.Skip("the embedded folder; the command is the same")
	}
	at := settings.Storage{Data: t.TempDir()}
	var id string
	err := with(t.Context(), at, "", slog.New(slog.DiscardHandler), func(p *Parts) error {
		s, err := notify.New(t.Context(), notify.Config{DB: p.DB, Now: p.DB.Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Parallel: 1,
			Sender: sendsBy(func(m *mail.Mail) { id = m.Local })})
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var running sync.WaitGroup
		defer running.Wait()
		running.Go(func() { _ = s.Run(ctx) })
		if err := s.Notify(ctx, []notifyapi.Notice{notifytest.Booked("1", "gone@gone.example", "en")}); err != nil {
			return err
		}
		until(t, "it is sent", func() bool {
			list, err := p.sent.Of(ctx, "eb", 1)
			return err == nil && list[0].State == notifyapi.StateSent
		})
		cancel()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	serving(t, settings.Server{Storage: at})
	report := "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nAction: failed\nStatus: 5.1.1\n" +
		"\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <" + id + "@example.org>\n\n--b--\n"
	for _, c := range []struct{ mail, says string }{
		{"From: gus@example.org\n\nThank you!\n", "this email reports no failure\n"},
		{report, "1 email is recorded as not delivered\n"},
		{report, "0 emails are recorded as not delivered\n"},
	} {
		var out bytes.Buffer
		if err := (commands.MailBounced{Storage: at}).Run(t.Context(), Office, strings.NewReader(c.mail), &out); err != nil || out.String() != c.says {
			t.Errorf("%q: %q %v", c.mail, out.String(), err)
		}
	}
	db, err := OpenToRead(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var state, answer string
	if err := db.Reader().QueryRowContext(t.Context(), `SELECT state, answer FROM notices WHERE id = '1'`).Scan(&state, &answer); err != nil || state != "bounced" || answer != "5.1.1" {
		t.Errorf("%s %q %v", state, answer, err)
	}
}

// sendsBy is a mail server that takes all mails.
type sendsBy func(*mail.Mail)

func (s sendsBy) Send(_ context.Context, m *mail.Mail) (string, error) {
	s(m)
	return "250 2.0.0 taken", nil
}

func (sendsBy) Close() {}
