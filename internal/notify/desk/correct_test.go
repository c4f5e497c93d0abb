package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/userapi"
)

// box is all that a desk needs, for a guest with several orders, and a gift. A mail about
// each waits for the wrong address.
type box struct {
	orders  []bookingapi.Booking
	email   string
	gift    bookingapi.Recipient
	links   map[string]int              // how often each was renewed
	lines   map[string][]notifyapi.Line // by order, the newest first
	waiting map[string]string           // what else is to be told: its address
	before  func(step, order string)    // nil: nothing happens
	fails   func(step, order string) error
}

const wrong, right = "typo@example.org", "right@example.org"

func newBox() *box {
	f := &box{email: wrong, gift: bookingapi.Recipient{Person: caller.Person{Email: wrong}}, links: map[string]int{}, lines: map[string][]notifyapi.Line{}, waiting: map[string]string{}}
	for id, status := range map[string]bookingapi.Status{"a": bookingapi.Booked, "b": bookingapi.Booked, "c": bookingapi.Booked, "off": bookingapi.Cancelled, "late": bookingapi.Expired, "held": bookingapi.Pending} {
		f.orders = append(f.orders, bookingapi.Booking{ID: id, UserID: "gus", OrganizerID: "o", Status: status})
		f.lines[id], f.waiting[id] = []notifyapi.Line{{ID: "booked/" + id, Kind: notifyapi.Booked, To: wrong, State: notifyapi.StateQueued}}, wrong
	}
	f.orders = append(f.orders, bookingapi.Booking{ID: "hold-elsewhere", UserID: "gus", OrganizerID: "rival", Status: bookingapi.Cancelled})
	f.waiting["hold-elsewhere"], f.waiting["gift"] = wrong, wrong
	return f
}

func (f *box) at(step, order string) error {
	if f.before != nil {
		f.before(step, order)
	}
	if f.fails != nil {
		return f.fails(step, order)
	}
	return nil
}

func (f *box) Bookings(_ context.Context, ids []string) (map[string]bookingapi.Booking, error) {
	out := map[string]bookingapi.Booking{"gift": {ID: "gift", OrganizerID: "o", Status: bookingapi.Booked, PriceVersion: bookingapi.FreeOfCharge, PaymentID: bookingapi.Complimentary}}
	for _, b := range f.orders {
		out[b.ID] = b
	}
	return out, nil
}

func (f *box) List(_ context.Context, by bookingapi.Filter) ([]bookingapi.Booking, error) {
	return slices.DeleteFunc(slices.Clone(f.orders), func(b bookingapi.Booking) bool { return b.Status != by.Status }), nil
}

func (f *box) link(order string) string {
	return fmt.Sprintf("/orders/%s?token=%d", order, f.links[order])
}

func (f *box) Links(_ context.Context, ids []string) (map[string]string, error) {
	out := map[string]string{}
	for _, id := range ids {
		out[id] = f.link(id)
	}
	return out, nil
}

func (f *box) RenewLink(_ context.Context, _ caller.Caller, order, seen string) (b bookingapi.Booking, err error) {
	if err := f.at("renew", order); err != nil {
		return b, err
	}
	if f.link(order) == "/orders/"+order+"?token="+seen {
		f.links[order]++
	}
	return b, nil
}

func (f *box) Recipients(context.Context, []string) (map[string]bookingapi.Recipient, error) {
	return map[string]bookingapi.Recipient{"gift": f.gift}, nil
}

func (f *box) GiveTo(_ context.Context, _ caller.Caller, order string, to caller.Person, _ int64) error {
	f.gift.Person, f.gift.MailedAt = to, 0
	f.links[order]++
	return f.at("given", order)
}

func (f *box) Account(context.Context, caller.Caller, string) (userapi.Account, error) {
	return userapi.Account{ID: "gus", Role: caller.Guest, Email: f.email}, nil
}

func (f *box) CorrectAddress(_ context.Context, user, email string) error {
	f.email = email
	return f.at("corrected", user)
}

func (f *box) Of(_ context.Context, order string, _ int) ([]notifyapi.Line, error) {
	return f.lines[order], nil
}

func (f *box) Reserve(context.Context, string, string, int, time.Time) (bool, time.Time, error) {
	return true, time.Time{}, nil
}
func (f *box) Release(context.Context, string, string, time.Time) error { return nil }

func (f *box) Redirect(ctx context.Context, order string, _ time.Time, to func(context.Context) (string, string, error)) error {
	if err := f.at("redirect", order); err != nil {
		return err
	}
	address, _, err := to(ctx)
	if err != nil {
		return err
	}
	f.waiting[order] = address
	for i := range f.lines[order] {
		if l := &f.lines[order][i]; l.To != address && l.State == notifyapi.StateQueued {
			l.State = notifyapi.StateStopped
		}
	}
	return nil
}

func (f *box) Again(_ context.Context, b *bookingapi.Booking) (notifyapi.Notice, error) {
	n := notifyapi.Notice{Kind: notifyapi.Booked, To: f.email, BookingID: b.ID}
	err := f.at("again", b.ID)
	n.Data.Link = f.link(b.ID)
	return n, err
}

func (f *box) Notify(_ context.Context, list []notifyapi.Notice) error {
	for _, n := range list {
		if err := f.at("notify", n.BookingID); err != nil {
			return err
		}
		known := func(l notifyapi.Line) bool { return l.ID == n.ID }
		if !slices.ContainsFunc(f.lines[n.BookingID], known) {
			l := notifyapi.Line{ID: n.ID, Kind: n.Kind, To: n.To, State: notifyapi.StateQueued, CreatedAt: time.Now(), Answer: n.Data.Link}
			f.lines[n.BookingID] = slices.Insert(f.lines[n.BookingID], 0, l)
		}
	}
	return nil
}

func (f *box) corrects(t *testing.T, order, email string) error {
	t.Helper()
	d := New(Config{
		Log: f, Bookings: f, Accounts: f, Letters: f, Notices: f, Now: time.Now, Slog: slog.New(slog.DiscardHandler),
		CheckEmail: func(string) errs.Reason { return errs.Reason{} },
	})
	_, err := d.TellAgain(t.Context(), caller.Caller{UserID: "o", Role: caller.Organizer}, order, email)
	return err
}

// settled checks that an address has the tickets of each booked order once, with the link
// that is valid, that nothing waits for another one, and that old links are void.
func (f *box) settled(t *testing.T, email string) {
	t.Helper()
	for _, b := range f.orders {
		if b.OrganizerID != "o" {
			if f.waiting[b.ID] != wrong || f.links[b.ID] != 0 {
				t.Errorf("%s, of another organizer: %s", b.ID, f.waiting[b.ID])
			}
			continue
		}
		if f.waiting[b.ID] != email || f.links[b.ID] == 0 {
			t.Errorf("%s: its news goes to %s, and its link was renewed %d times", b.ID, f.waiting[b.ID], f.links[b.ID])
		}
		mails := slices.DeleteFunc(slices.Clone(f.lines[b.ID]), func(l notifyapi.Line) bool { return l.State != notifyapi.StateQueued })
		switch booked := b.Status == bookingapi.Booked; {
		case !booked && len(mails) != 0, booked && (len(mails) != 1 || mails[0].To != email || mails[0].Answer != f.link(b.ID)):
			t.Errorf("%s, whose link is %s: %+v", b.ID, f.link(b.ID), f.lines[b.ID])
		}
	}
}

var errKilled = errors.New("killed")

// A correction that ends half-way, wherever that is, is finished when it is repeated, also
// through another order. Whatever waits goes to the new address, about cancelled orders and
// holds that were paid too late, too. Those of other organizers stay.
func TestRepeatedCorrection(t *testing.T) {
	for _, step := range []string{"", "renew", "corrected", "redirect", "again", "notify"} {
		for _, only := range []string{"", "b", "off"} {
			for _, through := range []string{"a", "b"} {
				t.Run(fmt.Sprint(step, only, through), func(t *testing.T) {
					f := newBox()
					f.fails = func(at, order string) error {
						if at == step && (only == "" || only == order) {
							return errKilled
						}
						return nil
					}
					err := f.corrects(t, "a", right)
					f.fails = nil
					if err != nil && !errors.Is(err, errKilled) {
						t.Fatal(err)
					}
					for range 2 {
						if err := f.corrects(t, through, right); err != nil {
							t.Fatal(err)
						}
						f.settled(t, right)
					}
				})
			}
		}
	}
}

// A correction that another one overtakes has nothing told to its own address any more, and
// stops nothing that the other one has mailed.
func TestOvertakenCorrection(t *testing.T) {
	for _, step := range []string{"corrected", "again", "redirect", "notify"} {
		for _, at := range []string{"gus", "a", "b"} {
			f, newest := newBox(), "newest@example.org"
			f.before = func(now, order string) {
				if now == step && order == at {
					f.before = nil
					if err := f.corrects(t, "c", newest); err != nil {
						t.Error(err)
					}
				}
			}
			if err := f.corrects(t, "a", right); err != nil {
				t.Fatal(step, at, err)
			}
			if f.before == nil {
				f.settled(t, newest)
			} else if at != "gus" && step != "corrected" {
				t.Errorf("%s of %s was never reached", step, at)
			}
		}
	}
}

// The same for a gift without an account.
func TestRepeatedCorrectionOfAGift(t *testing.T) {
	f := newBox()
	f.fails = func(string, string) error { return errKilled }
	if err := f.corrects(t, "gift", right); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	f.fails = nil
	if err := f.corrects(t, "gift", right); err != nil || f.waiting["gift"] != right {
		t.Error(f.waiting["gift"], err)
	}
	f.before = func(step, _ string) {
		if step == "given" {
			f.before = nil
			if err := f.corrects(t, "gift", "newest@example.org"); err != nil {
				t.Error(err)
			}
		}
	}
	if err := f.corrects(t, "gift", "other@example.org"); err != nil || f.waiting["gift"] != "newest@example.org" {
		t.Error(f.waiting["gift"], err)
	}
}

// Sending the tickets of one order again mails those of no other, also when the log has
// forgotten them.
func TestSentAgainAlone(t *testing.T) {
	f := newBox()
	for i := range 40 {
		b := f.orders[0]
		b.ID, b.Status = fmt.Sprintf("old%02d", i), "booked"
		f.orders = append(f.orders, b)
	}
	f.lines = map[string][]notifyapi.Line{"a": {{ID: "booked/a", Kind: notifyapi.Booked, To: wrong, State: notifyapi.StateSent, CreatedAt: time.Now().Add(-time.Hour)}}}
	if err := f.corrects(t, "a", wrong); err != nil { // the address that it has
		t.Fatal(err)
	}
	mails := 0
	for id, lines := range f.lines {
		if id != "a" {
			mails += len(lines)
		}
	}
	if mails > 0 {
		t.Errorf("tickets of order a were wanted; those of %d others were mailed, too", mails)
	}
}

// An order that cannot be told keeps no other's tickets from being sent again.
func TestABadOrderLocksNoOthers(t *testing.T) {
	f := newBox()
	f.lines["b"] = nil
	for id := range f.lines {
		for i := range f.lines[id] {
			f.lines[id][i].CreatedAt, f.lines[id][i].State = time.Now().Add(-time.Hour), notifyapi.StateSent
		}
	}
	f.fails = func(step, order string) error {
		if step == "again" && order == "b" {
			return errKilled
		}
		return nil
	}
	if err := f.corrects(t, "a", wrong); err != nil {
		t.Errorf("the tickets of a are not sent again: %v; %d lines", err, len(f.lines["a"]))
	}
}
