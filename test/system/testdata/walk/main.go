// The walk is a day at the ticket office, seen by a client that was generated
// from the server's /openapi.json: every operation, in an order in which a shop
// would use them. It ends with status 1 at the first answer that is not as
// documented. It is built by TestGeneratedClient.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	base   = flag.String("url", "", "the server")
	admin  = flag.String("admin", "", "token of an administrator")
	mails  = flag.String("mails", "", "the folder of mails that the server has sent")
	signer = flag.String("gateway-secret", "", "what the payment gateway signs its messages with")
	ctx    = context.Background()
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
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
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

// is reports whether a problem is of a type.
func is(p *Problem, slug string) bool { return p != nil && p.Type == "/problems/"+slug }

// until waits until something is so.
func until(what string, so func() bool) {
	for deadline := time.Now().Add(2 * time.Minute); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			check(fmt.Errorf("waited in vain: %s", what))
		}
	}
}

// signed signs a message as the sandbox gateway does, which sent it a while ago.
func signed(secret string, ago time.Duration) RequestEditorFn {
	return func(_ context.Context, r *http.Request) error {
		body, err := r.GetBody()
		if err != nil {
			return err
		}
		stamp := fmt.Sprint(time.Now().Add(-ago).Unix())
		mac := hmac.New(sha256.New, []byte(secret))
		fmt.Fprint(mac, stamp, "..")
		if _, err := io.Copy(mac, body); err != nil {
			return err
		}
		r.Header.Set("Sandbox-Signature", "t="+stamp+",v1="+hex.EncodeToString(mac.Sum(nil)))
		return nil
	}
}

// seller reads a seller from an answer itself: the document of the API lists only its
// version.
func seller(body []byte) (s SellerBody) {
	check(json.Unmarshal(body, &s))
	return s
}

// atTheDoor lets somebody in with a ticket, by a device that is paired for it.
func atTheDoor(org *ClientWithResponses, event, booking, ticket string) {
	door, err := org.GetDoorWithResponse(ctx, event)
	step("read the door's settings", door, err, 200, door != nil && door.JSON200 != nil && door.JSON200.Version == 0)
	rules := DoorRules{Entrances: []DoorEntrance{{Id: "main", Name: "Main entrance"}}, Reentry: "after-exit", Alone: "admit", Names: true, Codes: ptr(DoorRulesCodes("rotating"))}
	set, err := org.UpdateDoorWithResponse(ctx, event, &UpdateDoorParams{IfMatch: ptr(door.HTTPResponse.Header.Get("ETag"))}, rules)
	step("change the door's settings", set, err, 200, set != nil && set.JSON200 != nil && set.JSON200.Version == 1)
	pairing, err := org.CreatePairingWithResponse(ctx, event, NewPairing{Name: "Left", Names: ptr(true)})
	step("make a pairing code", pairing, err, 201, pairing != nil && pairing.JSON201 != nil)
	paired, err := as("").CreateDeviceWithResponse(ctx, PairBody{Code: pairing.JSON201.Code})
	step("pair a device", paired, err, 201, paired != nil && paired.JSON201 != nil)
	device := as(paired.JSON201.Token)
	state, err := device.GetDoorStateWithResponse(ctx)
	step("read the door's state", state, err, 200, state != nil && state.JSON200 != nil && state.JSON200.Event.Id == event)
	list, err := device.GetDoorListWithResponse(ctx, &GetDoorListParams{})
	step("read the list", list, err, 200, list != nil && bytes.HasPrefix(list.Body, []byte("BXDL")))
	same, err := org.GetEventListWithResponse(ctx, event, &GetEventListParams{})
	step("read the list as its organizer", same, err, 200, same != nil && bytes.HasPrefix(same.Body, []byte("BXDL")))
	live, err := device.WatchDoor(ctx, &WatchDoorParams{})
	check(err)
	steps++
	check(live.Body.Close())
	in := DoorScan{Counter: 1, At: time.Now().UnixMilli(), Kind: "in", Token: &ticket, Entrance: "main", How: "camera"}
	scans, err := device.CreateScansWithResponse(ctx, DoorScans{Scans: []DoorScan{in}})
	step("scan a ticket", scans, err, 200, scans != nil && scans.JSON200 != nil && scans.JSON200.Items[0].Outcome == "admitted")
	heard, err := device.ListScansWithResponse(ctx, &ListScansParams{})
	step("read the scans of others", heard, err, 200, heard != nil && heard.JSON200 != nil && len(heard.JSON200.Items) == 0)
	found, err := device.SearchDoorGuestsWithResponse(ctx, &SearchDoorGuestsParams{Q: ptr(booking)})
	step("search a guest at the door", found, err, 200, found != nil && found.JSON200 != nil && len(found.JSON200.Items) > 0)
	guests, err := org.SearchGuestsWithResponse(ctx, event, &SearchGuestsParams{Q: ptr(booking)})
	step("search a guest", guests, err, 200, guests != nil && guests.JSON200 != nil && len(guests.JSON200.Items) > 0)
	inside := slices.IndexFunc(guests.JSON200.Items, func(g DoorGuest) bool { return g.Inside })
	if inside < 0 {
		check(fmt.Errorf("nobody is inside: %s", guests.Body))
	}
	undone, err := org.CreateCorrectionWithResponse(ctx, event, NewCorrection{BookingId: booking, Seat: guests.JSON200.Items[inside].Seat.Label, Kind: "undo", Reason: "The wrong ticket was scanned."})
	step("correct who is inside", undone, err, 201, undone != nil && undone.JSON201 != nil)
	listed, err := org.SetGuestListWithResponse(ctx, event, NewListed{BookingId: booking, List: "Press"})
	step("put a booking on a list", listed, err, 200, listed != nil && listed.JSON200 != nil && listed.JSON200.List == "Press")
	names, err := device.GetDoorNamesWithResponse(ctx)
	step("read which names have changed", names, err, 200, names != nil && names.JSON200 != nil && len(names.JSON200.Pages) > 0)
	page, err := device.GetDoorNamePageWithResponse(ctx, 0)
	step("read a page of names", page, err, 200, page != nil && page.JSON200 != nil)
	attendance, err := org.GetAttendanceWithResponse(ctx, event)
	step("count who is inside", attendance, err, 200, attendance != nil && attendance.JSON200 != nil && attendance.JSON200.Inside == 0 && attendance.JSON200.Entered == 0)
	file, err := org.GetAttendanceCsvWithResponse(ctx, event)
	step("read who was inside", file, err, 200, file != nil && bytes.HasPrefix(file.Body, []byte("reference,")))
	inTheHouse(org, event)
	did, err := org.GetDoorLogWithResponse(ctx, event)
	step("read what was done by hand", did, err, 200, did != nil && did.JSON200 != nil && len(did.JSON200.Items) > 0)
	devices, err := org.ListDevicesWithResponse(ctx, event)
	step("list devices", devices, err, 200, devices != nil && devices.JSON200 != nil && len(devices.JSON200.Items) == 2)
	revoked, err := org.RevokeDeviceWithResponse(ctx, event, paired.JSON201.Device)
	step("revoke a device", revoked, err, 200, revoked != nil && revoked.JSON200 != nil && revoked.JSON200.RevokedAt != nil)
}

// inTheHouse pairs a gate node, which has nothing to tell.
func inTheHouse(org *ClientWithResponses, event string) {
	pairing, err := org.CreatePairingWithResponse(ctx, event, NewPairing{Name: "Laptop", Kind: ptr(NewPairingKind("node"))})
	step("make a pairing code for a gate node", pairing, err, 201, pairing != nil && pairing.JSON201 != nil)
	paired, err := as("").CreateDeviceWithResponse(ctx, PairBody{Code: pairing.JSON201.Code, Kind: ptr(PairBodyKind("node"))})
	step("pair a gate node", paired, err, 201, paired != nil && paired.JSON201 != nil)
	node := as(paired.JSON201.Token)
	state, err := node.GetNodeStateWithResponse(ctx, &GetNodeStateParams{})
	step("read what a gate node has to know", state, err, 200, state != nil && state.JSON200 != nil && len(state.JSON200.Devices) > 0)
	scans, err := node.ListNodeScansWithResponse(ctx, &ListNodeScansParams{})
	step("read the scans for a gate node", scans, err, 200, scans != nil && scans.JSON200 != nil && len(scans.JSON200.Items) > 0)
	sent, err := node.CreateNodeScansWithResponse(ctx, NodeScans{Scans: []NodeScan{{Device: state.JSON200.Devices[0].Id, Scan: DoorScan{Counter: 9, At: time.Now().UnixMilli(), Kind: "out", Token: ptr("A"), Entrance: "main", How: "wedge"}}}})
	step("send a scan from a gate node", sent, err, 200, sent != nil && sent.JSON200 != nil && len(sent.JSON200.Items) == 1)
}

// onAPhone binds tickets to a phone.
func onAPhone(fan *ClientWithResponses, booking string) {
	phone, _, err := ed25519.GenerateKey(nil)
	check(err)
	bound, err := fan.BindTicketsWithResponse(ctx, booking, &BindTicketsParams{}, BindInBody{PublicKey: base64.RawURLEncoding.EncodeToString(phone)})
	step("bind tickets to a phone", bound, err, 200, bound != nil && bound.JSON200 != nil && len(bound.JSON200.Items) > 0)
}

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
	wanted, err := fan.GetEmailPreferencesWithResponse(ctx, fanUser.Id)
	step("read wanted emails", wanted, err, 200, wanted != nil && wanted.JSON200 != nil && wanted.JSON200.Reminders)
	chosen, err := fan.UpdateEmailPreferencesWithResponse(ctx, fanUser.Id, PreferencesUpdate{Reminders: ptr(false)})
	step("choose emails", chosen, err, 200, chosen != nil && chosen.JSON200 != nil && !chosen.JSON200.Reminders && chosen.JSON200.Announcements)
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

	// The organizer says who sells the tickets, so that there are invoices.
	theatre := SellerBody{Name: "Nō Theatre K.K.", Street: "1 Gion", City: "Kyōto", Country: "JP", Prefix: ptr("GALA"), TimeZone: ptr("Asia/Tokyo")}
	blank, err := org.GetSellerWithResponse(ctx, orgUser.Id)
	step("read a seller before there is one", blank, err, 200, blank != nil && blank.JSON200 != nil && blank.JSON200.Version == 0 && seller(blank.Body).Name == "")
	foreign, err := fan.GetSellerWithResponse(ctx, orgUser.Id)
	step("read somebody else's seller", foreign, err, 404, foreign != nil && is(foreign.ApplicationproblemJSON404, "not-found"))
	nowhere := theatre
	nowhere.Country = "ZZ"
	unsold, err := org.UpdateSellerWithResponse(ctx, orgUser.Id, &UpdateSellerParams{}, nowhere)
	step("name a seller in no country", unsold, err, 422, unsold != nil && unsold.ApplicationproblemJSON422 != nil && unsold.ApplicationproblemJSON422.Fields != nil && (*unsold.ApplicationproblemJSON422.Fields)[0].Name == "country")
	sells, err := org.UpdateSellerWithResponse(ctx, orgUser.Id, &UpdateSellerParams{}, theatre)
	step("name the seller", sells, err, 200, sells != nil && sells.JSON200 != nil && sells.JSON200.Version == 1)
	theatre.Street = "2 Gion"
	seen := &UpdateSellerParams{IfMatch: ptr(sells.HTTPResponse.Header.Get("ETag"))}
	moved, err := org.UpdateSellerWithResponse(ctx, orgUser.Id, seen, theatre)
	step("change the seller", moved, err, 200, moved != nil && moved.JSON200 != nil && moved.JSON200.Version == 2)
	late := theatre
	late.Street = "3 Gion"
	unmoved, err := org.UpdateSellerWithResponse(ctx, orgUser.Id, seen, late)
	step("change a seller that has changed", unmoved, err, 412, unmoved != nil && is(unmoved.ApplicationproblemJSON412, "changed-meanwhile"))
	shown, err := org.GetSellerWithResponse(ctx, orgUser.Id)
	step("read the seller", shown, err, 200, shown != nil && shown.JSON200 != nil && shown.JSON200.Version == 2 && reflect.DeepEqual(seller(shown.Body), theatre))

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
	fed := func(event string) {
		for feed.Scan() {
			if feed.Text() == "event: "+event {
				steps++
				return
			}
		}
		check(fmt.Errorf("the live feed ended before %q", event))
	}
	fed("snapshot")

	// The organizer keeps seats back and gives some away.
	block, err := org.BlockSeatsWithResponse(ctx, event, &BlockSeatsParams{}, NewBlock{Quantity: ptr(int64(2))})
	step("block seats", block, err, 201, block != nil && block.JSON201 != nil)
	fed("seats")
	given, err := org.GiveSeatsWithResponse(ctx, event, &GiveSeatsParams{}, NewGift{Quantity: ptr(int64(1)), UserId: &fanUser.Id})
	step("give seats", given, err, 201, given != nil && given.JSON201 != nil)
	mailedAgain, err := org.SendTicketsAgainWithResponse(ctx, given.JSON201.Id, TicketsAgain{})
	step("send tickets again", mailedAgain, err, 202, mailedAgain != nil && mailedAgain.JSON202 != nil && mailedAgain.JSON202.Email == fanUser.Email)
	notices, err := org.ListBookingNoticesWithResponse(ctx, given.JSON201.Id)
	step("list what was told", notices, err, 200, notices != nil && notices.JSON200 != nil)
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
	replaced, err := fan.ReissueTicketsWithResponse(ctx, booking, &ReissueTicketsParams{}, ReissueInBody{})
	step("replace tickets", replaced, err, 200, replaced != nil && replaced.JSON200 != nil && len(replaced.JSON200.Items) > 0 && replaced.JSON200.Items[0].Issue == 1)
	fresh, err := fan.ListTicketsWithResponse(ctx, booking, &ListTicketsParams{})
	step("list the new tickets", fresh, err, 200, fresh != nil && fresh.JSON200 != nil && len(fresh.JSON200.Items) > 0 && fresh.JSON200.Items[0].Token != nil)
	atTheDoor(org, event, booking, *fresh.JSON200.Items[0].Token)
	onAPhone(fan, booking)
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
	l8, err := org.ListEventMailingsWithResponse(ctx, event)
	step("list event's mailings", l8, err, 200, l8 != nil && l8.JSON200 != nil && len(l8.JSON200.Items) == 0)
	ledger, err := org.GetLedgerWithResponse(ctx, event, &GetLedgerParams{})
	step("read ledger", ledger, err, 200, ledger != nil && ledger.JSON200 != nil)
	mark, err := nobody.GetCheckpointWithResponse(ctx, event)
	step("read checkpoint", mark, err, 200, mark != nil && mark.JSON200 != nil)
	back, err := fan.CancelBookingWithResponse(ctx, booking, &CancelBookingParams{})
	step("cancel booking", back, err, 200, back != nil && back.JSON200 != nil && string(back.JSON200.Status) == "cancelled")
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
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

	// Two seats, of which the organizer gives back a part, and then one.
	pair, err := fan.HoldSeatsWithResponse(ctx, &HoldSeatsParams{}, NewBooking{EventId: event, Quantity: ptr(int64(2))})
	step("hold two seats", pair, err, 201, pair != nil && pair.JSON201 != nil && pair.JSON201.Amount == 2*9240)
	two := pair.JSON201.Id
	early, err := org.RefundBookingWithResponse(ctx, two, &RefundBookingParams{}, GoodwillInBody{Amount: 1000, PaidLeft: 2 * 9240, Reason: "The view was restricted."})
	step("refund a part of a hold", early, err, 409, early != nil && is(early.ApplicationproblemJSON409, "not-sold"))
	unbilled, err := fan.GetInvoiceDetailsWithResponse(ctx, two)
	step("read whom an invoice will name", unbilled, err, 200, unbilled != nil && unbilled.JSON200 != nil && unbilled.JSON200.Version == 0 && unbilled.JSON200.Name == "" && unbilled.JSON200.Invoice == nil)
	firm := InvoiceDetails{Name: ptr("Zoë & Söhne"), Street: ptr("Rechenweg 12"), City: ptr("Berlin"), Country: ptr("DE"), VatNumber: ptr("DE136695977")}
	mistyped, err := fan.UpdateInvoiceDetailsWithResponse(ctx, two, &UpdateInvoiceDetailsParams{}, firm)
	step("mistype a VAT number", mistyped, err, 422, mistyped != nil && mistyped.ApplicationproblemJSON422 != nil && mistyped.ApplicationproblemJSON422.Fields != nil && (*mistyped.ApplicationproblemJSON422.Fields)[0].Name == "vat_number")
	firm.VatNumber = ptr("DE136695976")
	billTo, err := fan.UpdateInvoiceDetailsWithResponse(ctx, two, &UpdateInvoiceDetailsParams{IfMatch: ptr(unbilled.HTTPResponse.Header.Get("ETag"))}, firm)
	step("say whom the invoice names", billTo, err, 200, billTo != nil && billTo.JSON200 != nil && billTo.JSON200.Version == 1 && billTo.JSON200.Name == *firm.Name)
	theirs, err := org.UpdateInvoiceDetailsWithResponse(ctx, two, &UpdateInvoiceDetailsParams{}, firm)
	step("say whom somebody else's invoice names", theirs, err, 403, theirs != nil && is(theirs.ApplicationproblemJSON403, "not-yours-to-change"))
	paidTwo, err := fan.PayWithResponse(ctx, &PayParams{}, NewPayment{BookingId: two, Method: ptr("tok_ok")})
	step("pay for two seats", paidTwo, err, 201, paidTwo != nil && paidTwo.JSON201 != nil && paidTwo.JSON201.Amount == 2*9240)
	ours, err := fan.GetBookingWithResponse(ctx, two, &GetBookingParams{})
	step("read two seats", ours, err, 200, ours != nil && ours.JSON200 != nil && len(ours.JSON200.Seats) == 2 && ours.JSON200.PaidLeft == nil)
	bought, err := org.GetBookingWithResponse(ctx, two, &GetBookingParams{})
	step("read what is left of the money", bought, err, 200, bought != nil && bought.JSON200 != nil && bought.JSON200.PaidLeft != nil && *bought.JSON200.PaidLeft == 2*9240)
	bills, err := fan.ListBookingInvoicesWithResponse(ctx, two, &ListBookingInvoicesParams{})
	step("list the invoices of a booking", bills, err, 200, bills != nil && bills.JSON200 != nil && len(bills.JSON200.Items) == 1)
	bill := bills.JSON200.Items[0]
	if bill.Kind != "invoice" || bill.Amount != 2*9240 || bill.Fees != 2*400 || bill.Tax != 2*840 || bill.TaxRate != 1000 || bill.Seller.Name != theatre.Name || bill.BookingId != two ||
		bill.PaymentId != paidTwo.JSON201.Id || bill.Test == nil || !*bill.Test || bill.RefersTo != nil || bill.Lines == nil || (*bill.Lines)[0].Quantity != 2 {
		check(fmt.Errorf("the invoice is wrong: %s", bills.Body))
	}
	if bill.Buyer.Name != *firm.Name || bill.Buyer.VatNumber == nil || *bill.Buyer.VatNumber != *firm.VatNumber {
		check(fmt.Errorf("the invoice names somebody else: %s", bills.Body))
	}
	tooLate, err := fan.UpdateInvoiceDetailsWithResponse(ctx, two, &UpdateInvoiceDetailsParams{}, firm)
	step("change whom an issued invoice names", tooLate, err, 409, tooLate != nil && is(tooLate.ApplicationproblemJSON409, "invoice-issued"))
	gift := GoodwillInBody{Amount: 1000, PaidLeft: 2 * 9240, Reason: "The view was restricted."}
	greedy, err := fan.RefundBookingWithResponse(ctx, two, &RefundBookingParams{}, gift)
	step("refund a part to oneself", greedy, err, 404, greedy != nil && is(greedy.ApplicationproblemJSON404, "not-found"))
	partly, err := org.RefundBookingWithResponse(ctx, two, &RefundBookingParams{IfMatch: ptr(bought.HTTPResponse.Header.Get("ETag"))}, gift)
	step("refund a part", partly, err, 200, partly != nil && partly.JSON200 != nil && *partly.JSON200.PaidLeft == 2*9240-1000 && len(partly.JSON200.Seats) == 2)
	twice, err := org.RefundBookingWithResponse(ctx, two, &RefundBookingParams{}, gift)
	step("refund a part again", twice, err, 409, twice != nil && is(twice.ApplicationproblemJSON409, "refund-differs"))
	gone, stays := partly.JSON200.Seats[0].Label, partly.JSON200.Seats[1].Label
	closed := OrganizerCancelInBody{Reason: "The stalls are closed.", Seats: &[]string{gone}}
	unseen, err := org.CancelForBuyerWithResponse(ctx, two, &CancelForBuyerParams{IfMatch: ptr(bought.HTTPResponse.Header.Get("ETag"))}, closed)
	step("cancel for a buyer what has changed", unseen, err, 412, unseen != nil && is(unseen.ApplicationproblemJSON412, "changed-meanwhile"))
	for _, name := range []string{"cancel for a buyer", "cancel for a buyer again"} { // seats that are cancelled already are ignored
		fewer, err := org.CancelForBuyerWithResponse(ctx, two, &CancelForBuyerParams{}, closed)
		step(name, fewer, err, 200, fewer != nil && fewer.JSON200 != nil && string(fewer.JSON200.Status) == "booked" &&
			*fewer.JSON200.PaidLeft == 9240-1000 && len(fewer.JSON200.Seats) == 1 && fewer.JSON200.Seats[0].Label == stays)
	}
	another := ReseatInBody{Reason: "The row is closed.", Seats: []string{gone}} // it is free again
	myself, err := fan.ReseatBookingWithResponse(ctx, two, &ReseatBookingParams{}, another)
	step("move to another seat oneself", myself, err, 404, myself != nil && is(myself.ApplicationproblemJSON404, "not-found"))
	reseated, err := org.ReseatBookingWithResponse(ctx, two, &ReseatBookingParams{}, another)
	step("move a booking to another seat", reseated, err, 200, reseated != nil && reseated.JSON200 != nil && string(reseated.JSON200.Status) == "booked" &&
		*reseated.JSON200.PaidLeft == 9240-1000 && len(reseated.JSON200.Seats) == 1 && reseated.JSON200.Seats[0].Label == gone)
	until("the money of a part and of a seat is back", func() bool {
		p, err := fan.GetPaymentWithResponse(ctx, paidTwo.JSON201.Id)
		check(err)
		return p.JSON200 != nil && p.JSON200.Refunded == 1000+9240
	})

	// What the journal, the invoices and the settlement say about it.
	unread, err := nobody.GetPaymentJournalWithResponse(ctx, paidTwo.JSON201.Id)
	step("read a journal without a session", unread, err, 401, unread != nil && unread.ApplicationproblemJSON401 != nil)
	journal, err := fan.GetPaymentJournalWithResponse(ctx, paidTwo.JSON201.Id)
	step("read the journal of a payment", journal, err, 200, journal != nil && journal.JSON200 != nil && len(journal.JSON200.Items) > 0)
	var moves []int64 // of money at the gateway
	for _, posting := range journal.JSON200.Items {
		sum := int64(0)
		if posting.Lines != nil {
			for _, line := range *posting.Lines {
				if sum += line.Amount; line.Account == "gateway" {
					moves = append(moves, line.Amount)
				}
			}
		}
		if sum != 0 || posting.EventId != event || posting.Currency != "JPY" {
			check(fmt.Errorf("a posting of the journal is wrong: %s", journal.Body))
		}
	}
	if slices.Sort(moves); !slices.Equal(moves, []int64{-9240, -1000, 2 * 9240}) {
		check(fmt.Errorf("the journal moves %d: %s", moves, journal.Body))
	}
	bills, err = fan.ListBookingInvoicesWithResponse(ctx, two, &ListBookingInvoicesParams{})
	step("list the credit notes of a booking", bills, err, 200, bills != nil && bills.JSON200 != nil && len(bills.JSON200.Items) == 3 && reflect.DeepEqual(bills.JSON200.Items[0], bill))
	for i, amount := range []int64{1000, 9240} {
		note := bills.JSON200.Items[i+1]
		if note.Kind != "credit_note" || note.Amount != amount || note.RefersTo == nil || *note.RefersTo != bill.Number {
			check(fmt.Errorf("credit note %d is wrong: %s", i+1, bills.Body))
		}
	}
	unlisted, err := nobody.ListBookingInvoicesWithResponse(ctx, two, &ListBookingInvoicesParams{})
	step("list invoices without a session", unlisted, err, 401, unlisted != nil && unlisted.ApplicationproblemJSON401 != nil)
	printed, err := fan.GetInvoicePdfWithResponse(ctx, two, bill.Number, &GetInvoicePdfParams{AcceptLanguage: ptr("de")})
	step("read an invoice as a PDF", printed, err, 200, printed != nil && bytes.HasPrefix(printed.Body, []byte("%PDF")) && strings.Contains(printed.HTTPResponse.Header.Get("Content-Disposition"), bill.Number+".pdf"))
	misprint, err := fan.GetInvoicePdfWithResponse(ctx, booking, bill.Number, &GetInvoicePdfParams{})
	step("read an invoice of another booking", misprint, err, 404, misprint != nil && is(misprint.ApplicationproblemJSON404, "not-found"))
	var numbers []string
	for cursor := (*string)(nil); ; {
		page, err := org.ListInvoicesWithResponse(ctx, orgUser.Id, &ListInvoicesParams{Limit: ptr(int64(2)), Cursor: cursor})
		step("list a seller's invoices", page, err, 200, page != nil && page.JSON200 != nil && len(page.JSON200.Items) <= 2)
		for _, d := range page.JSON200.Items {
			if numbers = append(numbers, d.Number); !strings.HasSuffix(d.Number, fmt.Sprintf("GALA-%d-%06d", d.IssuedAt.Year(), len(numbers))) {
				check(fmt.Errorf("the numbers of invoices have gaps: %s", numbers))
			}
		}
		if cursor = page.JSON200.NextCursor; cursor == nil {
			break
		}
	}
	for _, d := range bills.JSON200.Items {
		if !slices.Contains(numbers, d.Number) {
			check(fmt.Errorf("the seller's invoices lack %s: %s", d.Number, numbers))
		}
	}
	gross := paid.JSON201.Amount + paidNext.JSON201.Amount + 2*9240
	returned := paid.JSON201.Amount + paidNext.JSON201.Amount + 1000 + 9240
	settled, err := org.GetSettlementWithResponse(ctx, event)
	step("read the settlement", settled, err, 200, settled != nil && settled.JSON200 != nil && settled.JSON200.EventId == event && !settled.JSON200.Over && len(settled.JSON200.Items) == 1)
	if t := settled.JSON200.Items[0]; t.Currency != "JPY" || t.Payments != 3 || t.Gross != gross || t.RefundCount != 4 || t.Refunds != returned || t.AtGateway != gross-returned ||
		t.GrossTax != gross/9240*840 || t.GrossFees != gross/9240*400 || t.Due != gross-returned-(t.GrossFees-t.RefundFees) || t.Reserve != t.Due || t.Payout != 0 {
		check(fmt.Errorf("the settlement is not over %d less %d: %s", gross, returned, settled.Body))
	}
	unsettled, err := fan.GetSettlementWithResponse(ctx, event)
	step("read a settlement as a buyer", unsettled, err, 404, unsettled != nil && is(unsettled.ApplicationproblemJSON404, "not-found"))

	// The payment gateway tells of payments; others cannot.
	news := ReceivePaymentNoticeJSONRequestBody{"object": "event", "id": "evt_walk", "type": "charge.captured", "created": time.Now().Unix(), "charges": []string{paidTwo.JSON201.Id + ".1"}}
	for name, by := range map[string]RequestEditorFn{
		"unsigned":            func(context.Context, *http.Request) error { return nil },
		"forged":              signed("not "+*signer, 0),
		"signed too long ago": signed(*signer, 6*time.Minute),
	} {
		forged, err := nobody.ReceivePaymentNoticeWithResponse(ctx, "sandbox", news, by)
		step("a message that is "+name, forged, err, 403, forged != nil && is(forged.ApplicationproblemJSON403, "bad-signature"))
	}
	stranger, err := nobody.ReceivePaymentNoticeWithResponse(ctx, "nobody", news, signed(*signer, 0))
	step("a message of another gateway", stranger, err, 404, stranger != nil && is(stranger.ApplicationproblemJSON404, "not-found"))
	garbled, err := nobody.ReceivePaymentNoticeWithResponse(ctx, "sandbox", ReceivePaymentNoticeJSONRequestBody{"object": "none"}, signed(*signer, 0))
	step("a message that is no event", garbled, err, 400, garbled != nil && is(garbled.ApplicationproblemJSON400, "unreadable-notice"))
	for _, name := range []string{"a message of the gateway", "the same message again"} {
		notice, err := nobody.ReceivePaymentNoticeWithResponse(ctx, "sandbox", news, signed(*signer, 0))
		step(name, notice, err, 204, notice != nil && len(notice.Body) == 0)
	}
	asked, err := fan.GetPaymentWithResponse(ctx, paidTwo.JSON201.Id)
	step("read the payment that it was about", asked, err, 200, asked != nil && asked.JSON200 != nil && string(asked.JSON200.Status) == "captured" && asked.JSON200.Refunded == 1000+9240)

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

	// The organizer writes to everybody who has tickets.
	draft, err := org.CreateAnnouncementWithResponse(ctx, event, AnnouncementText{Subject: "Snow", Text: "Come early."})
	step("draft an announcement", draft, err, 201, draft != nil && draft.JSON201 != nil)
	told := draft.JSON201.Id
	reworded, err := org.UpdateAnnouncementWithResponse(ctx, event, told, AnnouncementText{Subject: "Hail", Text: "Come early."})
	step("change an announcement", reworded, err, 200, reworded != nil && reworded.JSON200 != nil && reworded.JSON200.Version == 2)
	preview, err := org.PreviewAnnouncementWithResponse(ctx, event, told)
	step("preview an announcement", preview, err, 200, preview != nil && preview.JSON200 != nil)
	untried, err := org.TestAnnouncementWithResponse(ctx, event, told)
	step("try an announcement without an address", untried, err, 403, untried != nil && untried.ApplicationproblemJSON403 != nil)
	unsent, err := org.SendAnnouncementWithResponse(ctx, event, told, AnnouncementSending{Version: 2})
	step("send an announcement without an address", unsent, err, 403, unsent != nil && unsent.ApplicationproblemJSON403 != nil)
	unstopped, err := org.StopAnnouncementWithResponse(ctx, event, told)
	step("stop a draft", unstopped, err, 409, unstopped != nil && unstopped.ApplicationproblemJSON409 != nil)
	oneSaid, err := org.GetAnnouncementWithResponse(ctx, event, told)
	step("read an announcement", oneSaid, err, 200, oneSaid != nil && oneSaid.JSON200 != nil && oneSaid.JSON200.Status == "draft")
	allSaid, err := org.ListAnnouncementsWithResponse(ctx, event)
	step("list announcements", allSaid, err, 200, allSaid != nil && allSaid.JSON200 != nil && len(allSaid.JSON200.Items) == 1)
	dropped, err := org.DeleteAnnouncementWithResponse(ctx, event, told)
	step("delete an announcement", dropped, err, 204, true)
	// The organizer's own programs are told by webhooks.
	hook, err := org.CreateWebhookWithResponse(ctx, CreateWebhookJSONRequestBody{Url: "https://hooks.example.org/boxoffice"})
	step("create webhook", hook, err, 201, hook != nil && hook.JSON201 != nil)
	hooks, err := org.ListWebhooksWithResponse(ctx)
	step("list webhooks", hooks, err, 200, hooks != nil && hooks.JSON200 != nil && len(hooks.JSON200.Items) == 1)
	id := hook.JSON201.Id
	oneHook, err := org.GetWebhookWithResponse(ctx, id)
	step("read webhook", oneHook, err, 200, oneHook != nil && oneHook.JSON200 != nil)
	noted, err := org.UpdateWebhookWithResponse(ctx, id, UpdateWebhookJSONRequestBody{Description: ptr("Our list")})
	step("change webhook", noted, err, 200, noted != nil && noted.JSON200 != nil)
	rotated, err := org.RotateWebhookSecretWithResponse(ctx, id)
	step("make a new secret", rotated, err, 201, rotated != nil && rotated.JSON201 != nil)
	tried, err := org.TestWebhookWithResponse(ctx, id)
	step("send a test message", tried, err, 202, tried != nil && tried.JSON202 != nil)
	sent, err := org.ListWebhookDeliveriesWithResponse(ctx, id, &ListWebhookDeliveriesParams{})
	step("list what was sent", sent, err, 200, sent != nil && sent.JSON200 != nil)
	replayed, err := org.ReplayWebhookWithResponse(ctx, id, ReplayWebhookJSONRequestBody{})
	step("send messages again", replayed, err, 202, replayed != nil && replayed.JSON202 != nil)
	unhooked, err := org.DeleteWebhookWithResponse(ctx, id)
	step("delete webhook", unhooked, err, 204, true)

	// The provider of text messages reports to the office; this one sends none.
	form := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"delivered"}}
	texted, err := nobody.ReceiveTextStatusWithBodyWithResponse(ctx, &ReceiveTextStatusParams{Notice: ptr("none"), XTwilioSignature: ptr("none")}, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	step("a report without a provider", texted, err, 404, texted != nil && is(texted.ApplicationproblemJSON404, "not-found"))

	// The end: the event is cancelled, its refunds are paused and resumed, the fan goes.
	unpaused, err := org.ChangeEventRefundsWithResponse(ctx, event, &ChangeEventRefundsParams{}, ChangeEventRefundsJSONRequestBody{State: "paused"})
	step("pause the refunds of an event that takes place", unpaused, err, 409, unpaused != nil && is(unpaused.ApplicationproblemJSON409, "event-not-cancelled"))
	over, err := org.CancelEventWithResponse(ctx, event, nil)
	step("cancel event", over, err, 200, over != nil && over.JSON200 != nil && string(over.JSON200.Status) == "cancelled")
	job, err := org.GetEventRefundsWithResponse(ctx, event, &GetEventRefundsParams{})
	step("read the refunds of an event", job, err, 200, job != nil && job.JSON200 != nil && job.JSON200.EventId == event && job.JSON200.Failed.Count == 0)
	paused, err := org.ChangeEventRefundsWithResponse(ctx, event, &ChangeEventRefundsParams{}, ChangeEventRefundsJSONRequestBody{State: "paused"})
	step("pause the refunds of an event", paused, err, 200, paused != nil && paused.JSON200 != nil && string(paused.JSON200.State) == "paused")
	outdated, err := org.ChangeEventRefundsWithResponse(ctx, event, &ChangeEventRefundsParams{IfMatch: ptr(job.HTTPResponse.Header.Get("ETag"))}, ChangeEventRefundsJSONRequestBody{State: "running"})
	step("resume refunds that were paused meanwhile", outdated, err, 412, outdated != nil && is(outdated.ApplicationproblemJSON412, "changed-meanwhile"))
	resumed, err := org.ChangeEventRefundsWithResponse(ctx, event, &ChangeEventRefundsParams{IfMatch: ptr(paused.HTTPResponse.Header.Get("ETag"))}, ChangeEventRefundsJSONRequestBody{State: "running"})
	step("resume the refunds of an event", resumed, err, 200, resumed != nil && resumed.JSON200 != nil && string(resumed.JSON200.State) != "paused")
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
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
