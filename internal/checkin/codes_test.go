package checkin

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"testing"
	"time"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/ticket"
)

var phone = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, ed25519.SeedSize))

// bind binds a seat to a phone, and returns what the office has signed for it.
func (w *world) bind(t testing.TB, bookingID string, seat int32, to ed25519.PrivateKey) string {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.issues == nil {
		w.issues = map[string]map[int32]checkinapi.Issue{}
	}
	if w.issues[bookingID] == nil {
		w.issues[bookingID] = map[int32]checkinapi.Issue{}
	}
	public := to.Public().(ed25519.PublicKey)
	rev := int64(1)
	for _, seats := range w.issues {
		for _, one := range seats {
			rev = max(rev, one.Rev+1)
		}
	}
	issue := checkinapi.Issue{Number: w.issues[bookingID][seat].Number + 1, BoundKey: public, Rev: rev}
	w.issues[bookingID][seat] = issue
	part, err := w.signer.Part(ticket.Ticket{BookingID: bookingID, Seat: seat, PlanVersion: 3, Issue: issue.Number}, ticket.PhoneKey(public))
	if err != nil {
		t.Fatal(err)
	}
	return part
}

func (w *world) shown(t testing.TB, part string, by ed25519.PrivateKey, ago time.Duration, timed bool) string {
	t.Helper()
	code, err := ticket.PhoneCode(part, by, w.clock().Add(-ago), timed)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func (w *world) rotate(t testing.TB, s *Service, paper bool) {
	t.Helper()
	settings := checkinapi.Defaults(gala)
	settings.Codes, settings.Paper = checkinapi.CodesRotating, paper
	if _, err := s.SetSettings(t.Context(), hall, 0, settings); err != nil {
		t.Fatal(err)
	}
}

// A ticket on a phone: its own code is taken, and no copy, no code of before, and none that
// another phone has made.
func TestCodesOnPhones(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	w.rotate(t, s, false)
	g := w.gate(t, s)
	anns := w.sell("ann", 1, 2, 3, 4, 5)
	want := func(name string, got, want checkinapi.Reason) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, not %s", name, got, want)
		}
	}
	want("printed", g.in(w.token(t, anns, 1)), checkinapi.NotBound)
	part := w.bind(t, anns, 1, phone)
	want("printed, once it is on a phone", g.in(w.token(t, anns, 1)), checkinapi.Replaced)
	want("the office's part alone", g.in(part), checkinapi.MalformedCode)
	want("by another phone", g.in(w.shown(t, part, ed25519.NewKeyFromSeed(make([]byte, 32)), 0, true)), checkinapi.Forged)
	want("a copy", g.in(w.shown(t, part, phone, ticket.CopyAfter, true)), checkinapi.StaleCode)
	want("of later", g.in(w.shown(t, part, phone, -time.Minute, true)), checkinapi.StaleCode)
	code := w.shown(t, part, phone, 3*time.Second, true)
	want("its own", g.in(code), checkinapi.OK)
	want("the same again", g.in(w.shown(t, part, phone, 0, true)), checkinapi.AlreadyInside)
	w.pass(ticket.CopyAfter)
	want("the same, 15 s later", g.in(code), checkinapi.StaleCode)

	second := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize))
	before := w.bind(t, anns, 2, phone)
	after := w.bind(t, anns, 2, second)
	want("moved, on the first phone", g.in(w.shown(t, before, phone, 0, true)), checkinapi.Replaced)
	want("moved, on the second", g.in(w.shown(t, after, second, 0, true)), checkinapi.OK)

	unsure := w.bind(t, anns, 3, phone)
	want("a phone without the time", g.in(w.shown(t, unsure, phone, time.Hour, false)), checkinapi.OK)
	want("a phone without the time, again", g.in(w.shown(t, unsure, phone, time.Hour, false)), checkinapi.AlreadyInside)

	// A device that is alone has checked the time itself, if it knows it.
	fourth := w.bind(t, anns, 4, phone)
	one := alone(g.scan(checkinapi.In, w.shown(t, fourth, phone, time.Hour, true)), checkinapi.OK)
	one.OffsetKnown = false
	want("alone, and without the time", g.send(one)[0].Reason, checkinapi.OK)

	token, secret, err := w.signer.Wallet(ticket.Ticket{BookingID: anns, Seat: 5, PlanVersion: 3})
	if err != nil {
		t.Fatal(err)
	}
	wallet, err := ticket.WalletCode(token, secret, w.clock())
	if err != nil {
		t.Fatal(err)
	}
	false8 := wallet[:len(wallet)-1] + string('0'+('9'-wallet[len(wallet)-1]))
	want("in a wallet, with another password", g.in(false8), checkinapi.StaleCode)
	want("in a wallet", g.in(wallet), checkinapi.OK)

	history, err := s.History(t.Context(), hall, anns)
	if err != nil {
		t.Fatal(err)
	}
	marked := map[int32]int{}
	for _, e := range history {
		if e.Untimed && e.Outcome == checkinapi.Admitted {
			marked[e.Seat]++
		}
	}
	if len(marked) != 2 || marked[3] != 1 || marked[4] != 1 {
		t.Errorf("marked: %v", marked)
	}
	again := w.node(t) // another node reads it from the tables
	a, err := again.Attendance(t.Context(), hall, gala)
	if err != nil || a.Untimed != 2 || a.Inside != 5 {
		t.Errorf("%+v %v", a, err)
	}
}

// A node without private keys, such as a gate node, takes a code in a wallet and marks it.
func TestNoPrivateKeys(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	s.cfg.Signer = ticket.Signer{}
	g := w.gate(t, s)
	anns := w.sell("ann", 1)
	token, _, err := w.signer.Wallet(ticket.Ticket{BookingID: anns, Seat: 1, PlanVersion: 3})
	if err != nil {
		t.Fatal(err)
	}
	any8, err := ticket.WalletCode(token, []byte("no secret"), w.clock())
	if err != nil {
		t.Fatal(err)
	}
	if got := g.in(any8); got != checkinapi.OK {
		t.Error(got)
	}
	if a, err := s.Attendance(t.Context(), hall, gala); err != nil || a.Untimed != 1 {
		t.Errorf("%+v %v", a, err)
	}
	d := s.view(gala).known().devices[g.device]
	if state, err := s.state(t.Context(), d); err != nil || state.Time != nil {
		t.Errorf("%+v %v", state, err)
	}
}

func TestSignedTime(t *testing.T) {
	w := newWorld(t)
	s := w.node(t)
	g := w.gate(t, s)
	state, err := s.state(t.Context(), s.view(gala).known().devices[g.device])
	if err != nil || state.Time == nil || state.Time.Now != state.Now || !w.signer.Keys().VerifyTime(g.device, *state.Time) {
		t.Errorf("%+v %v", state, err)
	}
	if b, err := base64.RawURLEncoding.DecodeString(state.Time.Signature); err != nil || len(b) != ed25519.SignatureSize {
		t.Errorf("%d %v", len(b), err)
	}
}
