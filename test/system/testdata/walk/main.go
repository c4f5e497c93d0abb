// The walk is a day at the ticket office, seen by a client that was generated
// from the server's /openapi.json: every operation, in an order in which a shop
// would use them. It ends with status 1 at the first answer that is not as
// documented. It is built by TestGeneratedClient.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"time"
)

var (
	base  = flag.String("url", "", "the server")
	admin = flag.String("admin", "", "token of an administrator")
	mails = flag.String("mails", "", "the folder of mails that the server has sent")
	ctx   = context.Background()
)

// as is a client that shows a token.
func as(token string) *ClientWithResponses {
	c, err := NewClientWithResponses(*base, WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		return nil
	}))
	check(err)
	return c
}

func check(err error) {
	if err != nil {
		fmt.Println("FAILED:", err)
		os.Exit(1)
	}
}

var folded = strings.NewReplacer("=\r\n", "", "=\n", "", "=3D", "=") // quoted-printable

var link = regexp.MustCompile(`verify\?token=([0-9a-z]+)`)

// mailed waits for the mail by which an address is verified, and is its secret.
func mailed(address string) string {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(*mails, "*.eml"))
		check(err)
		for _, f := range files {
			raw, err := os.ReadFile(f)
			check(err)
			text := folded.Replace(string(raw))
			if m := link.FindStringSubmatch(text); m != nil && strings.Contains(text, address) {
				return m[1]
			}
		}
	}
	check(fmt.Errorf("no mail to %s", address))
	return ""
}

// response is what every generated answer has.
type response interface{ StatusCode() int }

var steps int

// step expects a status and a body of its documented type.
func step[R response](name string, res R, err error, status int, documented bool) R {
	check(err)
	steps++
	if res.StatusCode() != status {
		said := reflect.ValueOf(res).Elem().FieldByName("Body").Bytes()
		check(fmt.Errorf("%s: status %d, want %d: %.2000s", name, res.StatusCode(), status, said))
	}
	if !documented {
		check(fmt.Errorf("%s: the body is not as documented", name))
	}
	return res
}

func ptr[T any](v T) *T { return &v }

func main() {
	flag.Parse()
	nobody, root := as(""), as(*admin)
	mail := func(name string) string { return fmt.Sprintf("%sx%x@example.org", name, time.Now().UnixNano()) }

	// Accounts: a fan, and somebody whom the administrator makes an organizer.
	const password = "velvet curtain"
	enter := func(address string) (*ClientWithResponses, User, string) {
		up, err := nobody.SignUpWithResponse(ctx, NewUser{Email: address, Name: "Zoë Ångström", Password: password})
		step("sign up", up, err, 201, up != nil && up.JSON201 != nil)
		in, err := nobody.LogInWithResponse(ctx, &LogInParams{}, Login{Email: &address, Password: password})
		step("log in", in, err, 200, in != nil && in.JSON200 != nil)
		return as(in.JSON200.Token), *up.JSON201, in.JSON200.Token
	}
	fan, fanUser, _ := enter(mail("fan"))
	org, orgUser, _ := enter(mail("organizer"))
	up, err := root.UpdateUserWithResponse(ctx, orgUser.Id, &UpdateUserParams{}, UpdateUserJSONRequestBody{Role: ptr(UserUpdateRole("organizer"))})
	step("make an organizer", up, err, 200, up != nil && up.JSON200 != nil)
	me, err := fan.GetUserWithResponse(ctx, fanUser.Id)
	step("read account", me, err, 200, me != nil && me.JSON200 != nil)
	named, err := fan.UpdateUserWithResponse(ctx, fanUser.Id, &UpdateUserParams{IfMatch: ptr(me.HTTPResponse.Header.Get("ETag"))}, UpdateUserJSONRequestBody{Name: ptr("Zoë")})
	step("change account", named, err, 200, named != nil && named.JSON200 != nil && named.JSON200.Name == "Zoë")
	again, err := fan.SendVerificationWithResponse(ctx, fanUser.Id)
	step("mail again", again, err, 202, true)
	verify, err := nobody.VerifyEmailWithResponse(ctx, VerificationToken{Token: "none"})
	step("verify by a wrong token", verify, err, 422, verify != nil && verify.ApplicationproblemJSON422 != nil)
	unsaid, err := nobody.VerifyEmailWithResponse(ctx, VerificationToken{Token: mailed(fanUser.Email)})
	step("verify without a session", unsaid, err, 401, unsaid != nil && unsaid.ApplicationproblemJSON401 != nil)
	confirmed, err := fan.VerifyEmailWithResponse(ctx, VerificationToken{Token: mailed(fanUser.Email)})
	step("verify the address", confirmed, err, 200, confirmed != nil && confirmed.JSON200 != nil && confirmed.JSON200.EmailVerified)
	forgot, err := nobody.ForgotPasswordWithResponse(ctx, PasswordReset{Email: mail("nobody")})
	step("forgot password", forgot, err, 202, true)
	reset, err := nobody.ResetPasswordWithResponse(ctx, NewPassword{Token: "none", Password: password})
	step("reset by a wrong token", reset, err, 422, reset != nil && reset.ApplicationproblemJSON422 != nil)
	list, err := fan.ListSessionsWithResponse(ctx, fanUser.Id)
	step("list sessions", list, err, 200, list != nil && list.JSON200 != nil && len(list.JSON200.Items) == 1)
	others, err := fan.EndOtherSessionsWithResponse(ctx, fanUser.Id)
	step("end other sessions", others, err, 204, true)
	elsewhere, err := nobody.LogInWithResponse(ctx, &LogInParams{}, Login{Email: &fanUser.Email, Password: password})
	step("log in elsewhere", elsewhere, err, 200, elsewhere != nil && elsewhere.JSON200 != nil)
	list, err = fan.ListSessionsWithResponse(ctx, fanUser.Id)
	step("list two sessions", list, err, 200, list != nil && list.JSON200 != nil && len(list.JSON200.Items) == 2)
	for _, session := range list.JSON200.Items {
		if !session.Current {
			end, err := fan.EndSessionWithResponse(ctx, fanUser.Id, session.Id)
			step("end a session", end, err, 204, true)
		}
	}
	secret, err := fan.BeginTwoFactorWithResponse(ctx, fanUser.Id, TwoFactorStart{CurrentPassword: password})
	step("begin two-factor", secret, err, 201, secret != nil && secret.JSON201 != nil)
	confirm, err := fan.ConfirmTwoFactorWithResponse(ctx, fanUser.Id, TwoFactorCode{Code: "000000x"})
	step("confirm by a wrong code", confirm, err, 422, true)
	off, err := fan.EndTwoFactorWithResponse(ctx, fanUser.Id, &EndTwoFactorParams{XCurrentPassword: ptr(password)})
	step("end two-factor", off, err, 204, true)

	// Events: a gala, in its own currency and with rules for fees.
	gala, err := org.CreateEventWithResponse(ctx, &CreateEventParams{}, NewEvent{
		Title: "Gala für Zoë 夜", EventTime: ptr(time.Now().AddDate(0, 3, 0).UTC().Format(time.RFC3339)), Status: ptr(NewEventStatus("on_sale")),
		Venue: NewVenue{Name: "Nō Theatre", City: ptr("Kyōto"), TimeZone: "Asia/Tokyo"}, Plan: NewPlan{Template: ptr(NewPlanTemplate("theatre")), Seats: ptr(int64(200))},
		Currency: ptr("JPY"), FeeRules: &FeeRules{FeeRate: ptr(int64(500)), TaxRate: ptr(int64(1000))}, Tiers: &[]NewTier{{Name: "All", Face: ptr(int64(8000))}},
	})
	step("create event", gala, err, 201, gala != nil && gala.JSON201 != nil)
	event := gala.JSON201.Id
	renamed, err := org.UpdateEventWithResponse(ctx, event, &UpdateEventParams{IfMatch: ptr(gala.HTTPResponse.Header.Get("ETag"))}, EventUpdate{Description: ptr("With music.")})
	step("change event", renamed, err, 200, renamed != nil && renamed.JSON200 != nil)
	read, err := nobody.GetEventWithResponse(ctx, event)
	step("read event", read, err, 200, read != nil && read.JSON200 != nil && *read.JSON200.PricePerSeat == 9240)
	events, err := nobody.ListEventsWithResponse(ctx, &ListEventsParams{City: ptr("kyoto")})
	step("list events", events, err, 200, events != nil && events.JSON200 != nil && len(events.JSON200.Items) > 0)
	found, err := nobody.SearchEventsWithResponse(ctx, &SearchEventsParams{Q: ptr("gala fur zoe")})
	step("search events", found, err, 200, found != nil && found.JSON200 != nil && found.JSON200.Total > 0)
	plan, err := nobody.GetPlanWithResponse(ctx, event, &GetPlanParams{})
	step("read plan", plan, err, 200, plan != nil && plan.JSON200 != nil && len(plan.JSON200.Seats) == 200)
	seats, err := nobody.GetSeatsWithResponse(ctx, event, &GetSeatsParams{})
	step("read sections", seats, err, 200, seats != nil)
	var sections SeatSummary
	check(json.Unmarshal(seats.Body, &sections))
	one, err := nobody.GetSeatsWithResponse(ctx, event, &GetSeatsParams{Section: ptr((sections.Sections)[0].Id)})
	step("read a section", one, err, 200, one != nil)
	var section SectionSeats
	check(json.Unmarshal(one.Body, &section))
	free := (section.Seats)[0].Label
	compact, err := nobody.GetSeatsWithResponse(ctx, event, &GetSeatsParams{Form: ptr(GetSeatsParamsForm("compact"))})
	step("read the compact form", compact, err, 200, compact != nil)

	// The live feed, from now on.
	live, err := nobody.WatchSeats(ctx, event, &WatchSeatsParams{})
	check(err)
	feed := bufio.NewScanner(live.Body)
	feed.Buffer(nil, 1<<20)
	defer live.Body.Close()
	until := func(event string) {
		for feed.Scan() {
			if feed.Text() == "event: "+event {
				steps++
				return
			}
		}
		check(fmt.Errorf("the live feed ended before %q", event))
	}
	until("snapshot")

	// The organizer keeps seats back and gives some away.
	block, err := org.BlockSeatsWithResponse(ctx, event, &BlockSeatsParams{}, NewBlock{Quantity: ptr(int64(2))})
	step("block seats", block, err, 201, block != nil && block.JSON201 != nil)
	until("seats")
	given, err := org.GiveSeatsWithResponse(ctx, event, &GiveSeatsParams{}, NewGift{Quantity: ptr(int64(1)), UserId: &fanUser.Id})
	step("give seats", given, err, 201, given != nil && given.JSON201 != nil)
	released, err := org.CancelBookingWithResponse(ctx, block.JSON201.Id, &CancelBookingParams{})
	step("release a block", released, err, 200, released != nil && released.JSON200 != nil)

	// A purchase: hold, change one's mind, pay, look at it, give it back.
	hold, err := fan.HoldSeatsWithResponse(ctx, &HoldSeatsParams{IdempotencyKey: ptr("first")}, NewBooking{EventId: event, Quantity: ptr(int64(2))})
	step("hold seats", hold, err, 201, hold != nil && hold.JSON201 != nil)
	booking := hold.JSON201.Id
	swap, err := fan.SwapSeatsWithResponse(ctx, booking, &SwapSeatsParams{IfMatch: ptr(hold.HTTPResponse.Header.Get("ETag"))}, BookingUpdate{Seats: &[]string{free}})
	if swap != nil && swap.StatusCode() == 409 { // that one was chosen for somebody already
		swap, err = fan.SwapSeatsWithResponse(ctx, booking, &SwapSeatsParams{}, BookingUpdate{Quantity: ptr(int64(3))})
	}
	step("swap seats", swap, err, 200, swap != nil && swap.JSON200 != nil)
	declined, err := fan.PayWithResponse(ctx, &PayParams{}, NewPayment{BookingId: booking, Method: ptr("tok_decline")})
	step("pay, declined", declined, err, 402, declined != nil && declined.ApplicationproblemJSON402 != nil)
	paid, err := fan.PayWithResponse(ctx, &PayParams{IdempotencyKey: ptr("pay")}, NewPayment{BookingId: booking, Method: ptr("tok_ok")})
	step("pay", paid, err, 201, paid != nil && paid.JSON201 != nil && string(paid.JSON201.Status) == "captured")
	tickets, err := fan.ListTicketsWithResponse(ctx, booking, &ListTicketsParams{})
	step("list tickets", tickets, err, 200, tickets != nil && tickets.JSON200 != nil && len(tickets.JSON200.Items) > 0)
	file, err := fan.GetTicketsPdfWithResponse(ctx, booking, &GetTicketsPdfParams{AcceptLanguage: ptr("de")})
	step("read the tickets as a PDF", file, err, 200, file != nil && bytes.HasPrefix(file.Body, []byte("%PDF")))
	keys, err := nobody.GetTicketKeysWithResponse(ctx)
	step("read the keys of tickets", keys, err, 200, keys != nil && bytes.Contains(keys.Body, []byte("Ed25519")))
	renewed, err := fan.RenewBookingLinkWithResponse(ctx, booking, nil)
	step("make a new link", renewed, err, 200, renewed != nil && renewed.JSON200 != nil)
	payment := paid.JSON201.Id
	mine, err := fan.GetBookingWithResponse(ctx, booking, &GetBookingParams{})
	step("read booking", mine, err, 200, mine != nil && mine.JSON200 != nil && string(mine.JSON200.Status) == "booked" && mine.JSON200.Link != nil)
	_, token, _ := strings.Cut(*mine.JSON200.Link, "token=")
	linked, err := nobody.GetBookingWithResponse(ctx, booking, &GetBookingParams{Token: &token})
	step("read booking by its link", linked, err, 200, linked != nil && linked.JSON200 != nil)
	p1, err := fan.GetPaymentWithResponse(ctx, payment)
	step("read payment", p1, err, 200, p1 != nil && p1.JSON200 != nil)
	p2, err := fan.GetPaymentOfBookingWithResponse(ctx, booking)
	step("read payment of booking", p2, err, 200, p2 != nil && p2.JSON200 != nil)
	p3, err := fan.GetBookingPaymentWithResponse(ctx, booking)
	step("read booking's payment", p3, err, 200, p3 != nil && p3.JSON200 != nil)
	same, err := fan.AmendPaymentWithResponse(ctx, payment, &AmendPaymentParams{}, PaymentUpdate{Method: "tok_ok"})
	step("amend payment", same, err, 200, same != nil && same.JSON200 != nil)
	l1, err := fan.ListBookingsWithResponse(ctx, &ListBookingsParams{})
	step("list bookings", l1, err, 200, l1 != nil && l1.JSON200 != nil && len(l1.JSON200.Items) == 2)
	l2, err := fan.ListBookingsOfUserWithResponse(ctx, fanUser.Id, &ListBookingsOfUserParams{Limit: ptr(int64(1))})
	step("list bookings of user", l2, err, 200, l2 != nil && l2.JSON200 != nil && l2.JSON200.NextCursor != nil)
	l3, err := fan.ListUserBookingsWithResponse(ctx, fanUser.Id, &ListUserBookingsParams{Cursor: l2.JSON200.NextCursor})
	step("list user's bookings", l3, err, 200, l3 != nil && l3.JSON200 != nil && len(l3.JSON200.Items) == 1)
	l4, err := org.ListBookingsOfEventWithResponse(ctx, event, &ListBookingsOfEventParams{})
	step("list bookings of event", l4, err, 200, l4 != nil && l4.JSON200 != nil)
	l5, err := org.ListEventBookingsWithResponse(ctx, event, &ListEventBookingsParams{})
	step("list event's bookings", l5, err, 200, l5 != nil && l5.JSON200 != nil)
	l6, err := fan.ListUserPaymentsWithResponse(ctx, fanUser.Id, &ListUserPaymentsParams{})
	step("list user's payments", l6, err, 200, l6 != nil && l6.JSON200 != nil && len(l6.JSON200.Items) == 2)
	l7, err := org.ListEventPaymentsWithResponse(ctx, event, &ListEventPaymentsParams{})
	step("list event's payments", l7, err, 200, l7 != nil && l7.JSON200 != nil && len(l7.JSON200.Items) == 2)
	ledger, err := org.GetLedgerWithResponse(ctx, event, &GetLedgerParams{})
	step("read ledger", ledger, err, 200, ledger != nil && ledger.JSON200 != nil)
	mark, err := nobody.GetCheckpointWithResponse(ctx, event)
	step("read checkpoint", mark, err, 200, mark != nil && mark.JSON200 != nil)
	back, err := fan.CancelBookingWithResponse(ctx, booking, &CancelBookingParams{})
	step("cancel booking", back, err, 200, back != nil && back.JSON200 != nil && string(back.JSON200.Status) == "cancelled")
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		p, err := fan.GetPaymentWithResponse(ctx, payment)
		check(err)
		if string(p.JSON200.Status) == "refunded" {
			break
		}
		if time.Now().After(deadline) {
			check(fmt.Errorf("the payment is %s, not refunded", p.JSON200.Status))
		}
	}

	next, err := fan.HoldSeatsWithResponse(ctx, &HoldSeatsParams{}, NewBooking{EventId: event, Quantity: ptr(int64(1))})
	step("hold again", next, err, 201, next != nil && next.JSON201 != nil)
	paidNext, err := fan.PayWithResponse(ctx, &PayParams{}, NewPayment{BookingId: next.JSON201.Id, Method: ptr("tok_ok")})
	step("pay again", paidNext, err, 201, paidNext != nil && paidNext.JSON201 != nil)
	void, err := fan.VoidPaymentWithResponse(ctx, paidNext.JSON201.Id, nil)
	step("refund a payment", void, err, 200, void != nil && void.JSON200 != nil && string(void.JSON200.Status) == "refunded")

	// A guest, up to the code in the mail.
	guest, err := nobody.EnterAsGuestWithResponse(ctx, &EnterAsGuestParams{}, NewGuest{Name: "Gus", Email: mail("guest")})
	step("enter as guest", guest, err, 201, guest != nil && guest.JSON201 != nil)
	g := as(guest.JSON201.Token)
	held, err := g.HoldSeatsWithResponse(ctx, &HoldSeatsParams{}, NewBooking{EventId: event, Quantity: ptr(int64(1))})
	step("hold as guest", held, err, 201, held != nil && held.JSON201 != nil)
	tooEarly, err := g.PayWithResponse(ctx, &PayParams{}, NewPayment{BookingId: held.JSON201.Id, Method: ptr("tok_ok")})
	step("pay as guest", tooEarly, err, 403, tooEarly != nil && tooEarly.ApplicationproblemJSON403 != nil)
	wrong, err := g.VerifyGuestWithResponse(ctx, &VerifyGuestParams{}, GuestCode{Code: "wrong"})
	step("a wrong code", wrong, err, 422, wrong != nil && wrong.ApplicationproblemJSON422 != nil)
	code, err := g.SendGuestCodeWithResponse(ctx)
	step("mail the code again", code, err, 202, true)

	// The end: the event is cancelled, the fan goes.
	over, err := org.CancelEventWithResponse(ctx, event, nil)
	step("cancel event", over, err, 200, over != nil && over.JSON200 != nil && string(over.JSON200.Status) == "cancelled")
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		gone, err := fan.DeleteUserWithResponse(ctx, fanUser.Id, &DeleteUserParams{XCurrentPassword: ptr(password)})
		check(err)
		if gone.StatusCode() == 204 {
			break
		}
		if time.Now().After(deadline) {
			step("delete account", gone, nil, 204, true)
		}
	}
	out, err := org.LogOutWithResponse(ctx)
	step("log out", out, err, 204, true)
	fmt.Printf("ok: %d steps\n", steps)
}
