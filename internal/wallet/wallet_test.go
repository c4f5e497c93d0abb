package wallet

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/bus"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/wallet/apple/appletest"
	"boxoffice/internal/walletapi"
)

// A device registers a pass, asks what has changed, and gives it up.
func TestRegister(t *testing.T) {
	w := newWorld(t)
	serial, token := w.issued(booking, 41)
	_, otherToken := w.issued(other, 7)
	const body = `{"pushToken":"0a1b"}`
	if a := w.ask("GET", registrationPath(phone, ""), "", ""); a.Code != 204 || a.Body.Len() > 0 {
		t.Errorf("a device without passes: %d %s", a.Code, a.Body)
	}
	for name, c := range map[string]struct {
		method, path, token, body string
		want                      int
	}{
		"no token":         {"POST", registrationPath(phone, serial), "", body, 401},
		"another's token":  {"POST", registrationPath(phone, serial), otherToken, body, 401},
		"a changed token":  {"POST", registrationPath(phone, serial), token[:len(token)-1] + "0x", body, 401},
		"short token":      {"DELETE", registrationPath(phone, serial), "0123", "", 401},
		"another digest":   {"POST", registrationPath(phone, serial), "0000000000000000" + token[16:], body, 401},
		"another type":     {"POST", "/wallet/v1/devices/x/registrations/pass.other/" + serial, token, body, 404},
		"no push token":    {"POST", registrationPath(phone, serial), token, `{}`, 422},
		"no JSON":          {"POST", registrationPath(phone, serial), token, `x`, 422},
		"a path as token":  {"POST", registrationPath(phone, serial), token, `{"pushToken":"../x"}`, 422},
		"a long device id": {"POST", registrationPath(strings.Repeat("a", 200), serial), token, body, 404},
		"registers":        {"POST", registrationPath(phone, serial), token, body, 201},
		"unregisters":      {"DELETE", registrationPath(phone, serial), token, "", 200},
		"pass, no token":   {"GET", "/wallet/v1/passes/" + appletest.PassType + "/" + serial, "", "", 401},
		"pass":             {"GET", "/wallet/v1/passes/" + appletest.PassType + "/" + serial, token, "", 200},
	} {
		if a := w.ask(c.method, c.path, c.token, c.body); a.Code != c.want {
			t.Errorf("%s: %d, want %d: %s", name, a.Code, c.want, a.Body)
		}
	}
	_ = w.ask("DELETE", registrationPath(phone, serial), token, "")
	for i, want := range []int{201, 200, 200} {
		if a := w.ask("POST", registrationPath(phone, serial), token, body); a.Code != want {
			t.Errorf("registration %d: %d, want %d", i, a.Code, want)
		}
	}
	list, tag := w.changes(phone, "")
	if !slices.Equal(list, []string{serial}) || tag == "" {
		t.Errorf("%v %q", list, tag)
	}
	if list, _ := w.changes(phone, tag); list != nil {
		t.Errorf("nothing has changed, but %v", list)
	}
	if told := w.told(); told != nil {
		t.Errorf("told %v, though the pass is the current one", told)
	}
	for range 2 { // the second finds nothing to do
		if a := w.ask("DELETE", registrationPath(phone, serial), token, ""); a.Code != 200 {
			t.Errorf("%d %s", a.Code, a.Body)
		}
	}
	if list, _ := w.changes(phone, ""); list != nil {
		t.Errorf("%v after it was given up", list)
	}
}

// Each change of a ticket makes its devices ask for the pass, and only theirs.
func TestUpdates(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(w *world)
		told    []string
		void    bool
		code    string
	}{
		"cancelled": {func(w *world) {
			w.change(booking, func(o *walletapi.Order) { o.Seats = nil })
			w.happens(ledger.Cancelled, booking, true, 41, 42)
		}, []string{"0a", "0b"}, true, ""},
		"cancelled, heard of later": {func(w *world) {
			w.change(booking, func(o *walletapi.Order) { o.Seats = nil })
			w.happens(ledger.Cancelled, booking, false, 41, 42)
			w.happens(ledger.Held, "", true, 9)
		}, []string{"0a", "0b"}, true, ""},
		"the other seat cancelled": {func(w *world) {
			w.change(booking, func(o *walletapi.Order) { o.Seats = o.Seats[:1] })
			w.happens(ledger.Cancelled, booking, true, 42)
		}, nil, false, "TP"},
		"moved": {func(w *world) {
			w.change(booking, func(o *walletapi.Order) { o.Seats = []walletapi.Seat{seatOf(50), seatOf(42)} })
			w.happens(ledger.Swapped, booking, true, 42, 50)
		}, []string{"0a", "0b"}, false, seatOf(50).Token},
		"replaced": {func(w *world) {
			w.replaces(other, 7)
			w.replaces(booking, 41)
		}, []string{"0a", "0b", "0c"}, true, ""},
		"event moved": {func(w *world) {
			for _, b := range []string{booking, other} {
				w.change(b, func(o *walletapi.Order) { o.Date = "2027-01-01" })
			}
			w.message(eventapi.Topic, eventapi.TypeSettled, event, `{}`)
		}, []string{"0a", "0b", "0c"}, false, "TP"},
		"event changed, but nothing of the pass": {func(w *world) { w.message(eventapi.Topic, eventapi.TypeSettled, event, `{}`) }, nil, false, "TP"},
		"money went back": {func(w *world) {
			w.change(booking, func(o *walletapi.Order) { o.Seats = nil })
			w.message(paymentapi.ReturnsTopic, paymentapi.TypeReturned, event, fmt.Sprintf(`{"returned":[{"payment_id":"%s-1"}]}`, booking))
		}, []string{"0a", "0b"}, true, ""},
		"somebody else's booking": {func(w *world) { w.happens(ledger.Cancelled, other[:35]+"x", true, 3) }, nil, false, "TP"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			serial, token := w.registers(phone, "0a", booking, 41)
			w.registers("tablet", "0b", booking, 41)
			w.registers("stranger", "0c", other, 7)
			if told := w.told(); told != nil {
				t.Fatalf("told %v before anything happened", told)
			}
			_, tag := w.changes(phone, "")
			w.wait(time.Minute)
			c.happens(w)
			if told := w.told(); !slices.Equal(told, c.told) {
				t.Errorf("told %v, want %v", told, c.told)
			}
			if told := w.told(); told != nil {
				t.Errorf("told again: %v", told)
			}
			list, _ := w.changes(phone, tag)
			if (len(list) > 0) != (c.told != nil) {
				t.Errorf("changed: %v", list)
			}
			p := w.fetched(serial, token)
			if p.Voided != c.void || len(p.Codes) == 0 != c.void || !c.void && p.Codes[0].Message != c.code {
				t.Errorf("%+v", p)
			}
		})
	}
}

// message hands a message of the bus to the consumer.
func (w *world) message(topic, kind, key, body string) {
	w.t.Helper()
	write, err := w.consume(w.t.Context(), []bus.Message{{Topic: topic, Type: kind, Key: key, ID: "1", Body: []byte(body)}})
	if err == nil && write != nil {
		err = w.db.Write(w.t.Context(), func(tx *sql.Tx) error { return write(w.t.Context(), tx) })
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// A pass is not sent again unless it has changed, however soon after the last change.
func TestNotModified(t *testing.T) {
	w := newWorld(t)
	serial, token := w.registers(phone, "0a", booking, 41)
	path := "/wallet/v1/passes/" + appletest.PassType + "/" + serial
	modified := w.ask("GET", path, token, "").Header().Get("Last-Modified")
	for i := range 3 {
		if a := w.ask("GET", path, token, "", "If-Modified-Since", modified); a.Code != 304 || a.Body.Len() > 0 {
			t.Fatalf("%d: %d after %s", i, a.Code, modified)
		}
		w.change(booking, func(o *walletapi.Order) { o.Seats[0].Token = fmt.Sprint("N", i) })
		w.happens(ledger.Cancelled, booking, true)
		if told := w.told(); len(told) != 1 {
			t.Fatal(told)
		}
		a := w.ask("GET", path, token, "", "If-Modified-Since", modified)
		if modified = a.Header().Get("Last-Modified"); a.Code != 200 {
			t.Fatalf("%d: %d in the same second", i, a.Code)
		}
	}
	if a := w.ask("GET", path, token, "", "If-Modified-Since", "nonsense"); a.Code != 200 {
		t.Error(a.Code)
	}
}

// A file that was downloaded before a change and added to a wallet after it is brought up
// to date.
func TestOldFile(t *testing.T) {
	for _, known := range []bool{false, true} {
		w := newWorld(t)
		serial, token := w.issued(booking, 41)
		if known { // by another device
			w.registers("tablet", "0b", booking, 41)
		}
		w.change(booking, func(o *walletapi.Order) { o.Event = "Ball" })
		w.message(eventapi.Topic, eventapi.TypeSettled, event, `{}`)
		w.told()
		_, tag := w.changes("tablet", "")
		w.wait(time.Minute)
		if a := w.ask("POST", registrationPath(phone, serial), token, `{"pushToken":"0a"}`); a.Code != 201 {
			t.Fatal(a.Code)
		}
		if told := w.told(); !slices.Equal(told, []string{"0a"}) {
			t.Errorf("known %v: told %v", known, told)
		}
		if list, _ := w.changes(phone, tag); !slices.Equal(list, []string{serial}) {
			t.Errorf("known %v: %v", known, list)
		}
	}
}

// After a move, the page gives the pass under the serial number that the device has.
func TestMovedPassKeepsItsNumber(t *testing.T) {
	w := newWorld(t)
	serial, _ := w.registers(phone, "0a", booking, 41)
	w.told()
	w.change(booking, func(o *walletapi.Order) { o.Seats = []walletapi.Seat{seatOf(50), seatOf(42)} })
	w.happens(ledger.Swapped, booking, true, 42, 50)
	w.told()
	if again, _ := w.issued(booking, 50); again != serial {
		t.Errorf("%s, want %s", again, serial)
	}
	if stays, _ := w.issued(booking, 42); stays != booking+"-42-0" {
		t.Error(stays)
	}
}

// Whoever has the pass of a ticket that was replaced never gets the new code: not by an
// update, not by asking, not after a move. The new ticket has a pass of its own.
func TestReplacedTicket(t *testing.T) {
	w := newWorld(t)
	serial, token := w.registers("thief", "0e", booking, 41)
	unregistered, itsToken := w.issued(other, 7)
	w.told()
	w.replaces(booking, 41)
	w.replaces(other, 7)
	newSerial, newToken := w.registers(phone, "0a", booking, 41)
	if newSerial == serial || newSerial != booking+"-41-1" {
		t.Errorf("%s, %s", newSerial, serial)
	}
	if told := w.told(); !slices.Equal(told, []string{"0e"}) {
		t.Errorf("told %v", told)
	}
	look := func(when string) {
		t.Helper()
		if p := w.fetched(serial, token); !p.Voided || p.Codes != nil {
			t.Errorf("%s: the old pass: %+v", when, p)
		}
		if p := w.fetched(newSerial, newToken); p.Voided || len(p.Codes) != 1 {
			t.Errorf("%s: the new pass: %+v", when, p)
		}
	}
	look("replaced")
	if p := w.fetched(unregistered, itsToken); !p.Voided {
		t.Errorf("a pass that nobody has registered: %+v", p)
	}
	w.change(booking, func(o *walletapi.Order) { o.Seats = []walletapi.Seat{seatOf(50), seatOf(42)} })
	w.happens(ledger.Swapped, booking, true, 42, 50)
	if told := w.told(); !slices.Equal(told, []string{"0a"}) {
		t.Errorf("told %v of the move", told)
	}
	look("moved")
	w.replaces(booking, 50)
	if told := w.told(); !slices.Equal(told, []string{"0a"}) {
		t.Errorf("told %v", told)
	}
	if p := w.fetched(newSerial, newToken); !p.Voided {
		t.Errorf("replaced after the move: %+v", p)
	}
	if a := w.ask("POST", registrationPath("thief2", serial), token, `{"pushToken":"0f"}`); a.Code != 201 {
		t.Fatal(a.Code)
	}
	if told := w.told(); !slices.Equal(told, []string{"0f"}) {
		t.Errorf("an old file on a new device: told %v", told)
	}
}

// A notification that fails is tried again, later each time, and not for ever; a device
// that is gone is forgotten.
func TestPushing(t *testing.T) {
	w := newWorld(t)
	w.registers(phone, "0a", booking, 41)
	w.told()
	w.change(booking, func(o *walletapi.Order) { o.Event = "Ball" })
	w.happens(ledger.Cancelled, booking, true)
	w.apnsSays = 503
	tries := 0
	for range 40 {
		tries += len(w.told())
		if told := w.told(); told != nil {
			t.Fatalf("told again at once: %v", told)
		}
		w.wait(time.Hour)
	}
	if tries != mostTries {
		t.Errorf("%d attempts, want %d", tries, mostTries)
	}
	w.change(booking, func(o *walletapi.Order) { o.Event = "Opera" })
	w.happens(ledger.Cancelled, booking, true)
	w.apnsSays = 410
	if told := w.told(); len(told) != 1 {
		t.Errorf("a later change: %v", told)
	}
	if list, _ := w.changes(phone, ""); list != nil {
		t.Errorf("a device that is gone has %v", list)
	}
	rows := map[string]int{}
	for _, table := range []string{"wallet_devices", "wallet_registrations"} {
		var n int
		if err := w.db.Reader().QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != 0 {
			rows[table] = n
		}
	}
	if len(rows) > 0 {
		t.Error(rows)
	}
}

// Passes whose tickets cannot be read are due again later, and others do not wait for them.
func TestUnreadable(t *testing.T) {
	w := newWorld(t)
	w.registers(phone, "0a", booking, 41)
	w.registers("stranger", "0c", other, 7)
	w.told()
	for _, b := range []string{booking, other} {
		w.change(b, func(o *walletapi.Order) { o.Event = "Ball" })
	}
	w.message(eventapi.Topic, eventapi.TypeSettled, event, `{}`)
	w.fails = errors.New("away")
	if more, err := w.check(t.Context()); more || err == nil || !strings.Contains(err.Error(), "away") {
		t.Errorf("%v %v", more, err)
	}
	if told := w.told(); !slices.Equal(told, []string{"0c"}) {
		t.Errorf("%v", told)
	}
	w.fails = nil
	if told := w.told(); told != nil {
		t.Errorf("tried again at once: %v", told)
	}
	w.wait(checkAgain)
	if told := w.told(); !slices.Equal(told, []string{"0a"}) {
		t.Errorf("%v", told)
	}
}

// Many passes that have changed are worked off in parts.
func TestInParts(t *testing.T) {
	w := newWorld(t)
	o := orderOf(other)
	for s := range int32(checkAtOnce + 20) {
		o.Seats = append(o.Seats, seatOf(s))
	}
	w.orders[other] = o
	w.registers(phone, "0a", other, 1)
	w.told()
	w.message(eventapi.Topic, eventapi.TypeSettled, event, `{}`)
	for i, want := range []bool{true, false, false} {
		if more, err := w.check(t.Context()); more != want || err != nil {
			t.Errorf("part %d: %v %v", i, more, err)
		}
	}
}

// A node that takes over goes on where the tables say.
func TestAnotherNodeGoesOn(t *testing.T) {
	w := newWorld(t)
	w.registers(phone, "0a", booking, 41)
	w.told()
	w.follow.rest()
	w.change(booking, func(o *walletapi.Order) { o.Seats = nil })
	w.happens(ledger.Cancelled, booking, true, 41, 42)
	if told := w.told(); len(told) != 1 {
		t.Error(told)
	}
}

// A pass has a bounded number of devices.
func TestMostDevices(t *testing.T) {
	w := newWorld(t)
	serial, token := w.registers("device0", "0a", booking, 41)
	for i := range mostDevices + 2 {
		w.wait(time.Second)
		if _, err := w.store.register(t.Context(), registration{
			deviceID: fmt.Sprint("device", i+1), pushToken: "0a", serial: serial, bookingID: booking, seat: 41, digest: token[:digestLen], seats: w.orders[booking].Seats, now: w.now,
		}); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range map[int]int{0: 0, 2: 0, 3: 1, mostDevices + 2: 1} {
		if list, _ := w.changes(fmt.Sprint("device", i), ""); len(list) != want {
			t.Errorf("device %d has %v of %s", i, list, serial)
		}
	}
}

// What devices write to the log is bounded.
func TestLog(t *testing.T) {
	w := newWorld(t)
	line := strings.Repeat("x", 10_000)
	for range 100 {
		if a := w.ask("POST", "/wallet/v1/log", "", `{"logs":["`+line+`","b","c","d","e","f","g"]}`); a.Code != 200 {
			t.Fatal(a.Code)
		}
	}
	if n := strings.Count(w.logs.String(), "\n"); n != logHourly || w.logs.Len() > logHourly*(logLength+200) {
		t.Errorf("%d lines, %d bytes", n, w.logs.Len())
	}
	if a := w.ask("POST", "/wallet/v1/log", "", `{`); a.Code != 400 {
		t.Error(a.Code)
	}
}

// The passes of an event are forgotten some time after it.
func TestForget(t *testing.T) {
	w := newWorld(t)
	w.registers(phone, "0a", booking, 41)
	for _, c := range []struct {
		over time.Time
		want int
	}{{time.Time{}, 1}, {w.now.Add(-89 * 24 * time.Hour), 1}, {w.now.Add(-91 * 24 * time.Hour), 0}} {
		w.over = c.over
		if err := w.forget(t.Context(), w.now); err != nil {
			t.Fatal(err)
		}
		if list, _ := w.changes(phone, ""); len(list) != c.want {
			t.Errorf("over at %s: %v", c.over, list)
		}
	}
	events, err := w.store.events(context.Background())
	if err != nil || len(events) > 0 {
		t.Error(events, err)
	}
}

func TestMoved(t *testing.T) {
	passes := func(seats ...int32) (list []pass) {
		for i, s := range seats {
			list = append(list, pass{serial: fmt.Sprint(i), seat: s})
		}
		return list
	}
	for name, c := range map[string]struct {
		passes []pass
		kind   ledger.Kind
		seats  []int32
		want   string
	}{
		"all cancelled":                 {passes(1, 2), ledger.Cancelled, []int32{1, 2}, "0:-1 1:-1"},
		"one cancelled":                 {passes(1, 2), ledger.Cancelled, []int32{2}, "1:-1"},
		"money alone goes back":         {passes(1, 2), ledger.Cancelled, nil, ""},
		"moved":                         {passes(1, 2), ledger.Swapped, []int32{5, 6}, "0:5 1:6"},
		"one of them moved":             {passes(1, 2), ledger.Swapped, []int32{2, 9}, "0:9"},
		"exchanged":                     {passes(1, 2), ledger.Swapped, []int32{2, 3}, "0:3"},
		"moved twice, seen once":        {passes(5, 6), ledger.Swapped, []int32{5, 6}, ""},
		"not for any seat any more":     {passes(-1, 2), ledger.Swapped, []int32{3}, "1:3"},
		"two passes for one seat":       {passes(1, 1), ledger.Swapped, []int32{3}, "0:3 1:-1"},
		"the order of the plan, sorted": {passes(8, 2), ledger.Swapped, []int32{30, 20}, "1:20 0:30"},
	} {
		var got []string
		for _, p := range moved(c.passes, &ledger.Entry{Kind: c.kind, Seats: c.seats}) {
			got = append(got, fmt.Sprint(p.serial, ":", p.seat))
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%s: %q, want %q", name, text, c.want)
		}
	}
}

func TestSerials(t *testing.T) {
	if p, err := parseSerial(serialFor(booking, 41, 3)); err != nil || p.bookingID != booking || p.seat != 41 || p.issue != 3 {
		t.Error(p, err)
	}
	for _, bad := range []string{"", booking, booking + "-", booking + "-1", booking + "--1-0", booking + "-041-0", booking + "-1-01", booking + "-99999999999-0", booking + "-1-65536", "x-1-0", booking + "-1-2-3"} {
		if _, err := parseSerial(bad); err == nil {
			t.Errorf("%q", bad)
		}
	}
}

// Without certificates there is no service; its methods say so.
func TestOff(t *testing.T) {
	s, err := New(t.Context(), Config{})
	if err != nil || s != nil {
		t.Fatal(s, err)
	}
	if s.Offers() != (walletapi.Offers{}) || s.Routes() != nil || s.Consumers() != nil || s.Warnings() != nil || s.Run(t.Context()) != nil {
		t.Error("it does something")
	}
}
