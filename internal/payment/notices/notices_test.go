package notices

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/id"
	"boxoffice/internal/patience"
	"boxoffice/internal/payment/provider"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
)

// bank signs as most gateways do: "t=TIME,v1=HMAC" over the time and the raw body.
type bank struct {
	provider.Gateway
	secret []byte
}

func (b bank) sign(body []byte, at time.Time) string {
	m := hmac.New(sha256.New, b.secret)
	fmt.Fprintf(m, "%d.%s", at.Unix(), body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(m.Sum(nil)))
}

func (b bank) Notice(_ context.Context, h http.Header, body []byte, now time.Time) (n provider.Notice, err error) {
	at, _, _ := strings.Cut(strings.TrimPrefix(h.Get("Bank-Signature"), "t="), ",")
	seconds, err := strconv.ParseInt(at, 10, 64)
	then := time.Unix(seconds, 0)
	if err != nil || now.Sub(then).Abs() > provider.NoticeTolerance || !hmac.Equal([]byte(h.Get("Bank-Signature")), []byte(b.sign(body, then))) {
		return n, provider.ErrForged
	}
	return n, json.Unmarshal(body, &n)
}

// office receives messages, and knows who was asked about.
type office struct {
	*Service
	bank
	at time.Time

	mu    sync.Mutex
	asked map[string]int
	fail  func(payment string) error
	known map[string]bool // payments that are captured
}

func (o *office) captured(_ context.Context, payment string) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.known[payment], nil
}

func newOffice(t *testing.T, db *sqldb.DB) *office {
	t.Helper()
	o := &office{bank: bank{secret: []byte("s3cret")}, at: time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC), asked: map[string]int{}}
	var err error
	o.Service, err = New(t.Context(), Config{DB: db, Gateway: o.bank, Provider: "bank", Ask: o.ask, Captured: o.captured, Held: func(context.Context) bool { return true }, Now: func() time.Time { return o.now() }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) now() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.at
}

func (o *office) later(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.at = o.at.Add(d)
}

func (o *office) ask(_ context.Context, payment string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked[payment]++
	if o.fail != nil {
		return o.fail(payment)
	}
	return nil
}

func (o *office) askedAbout(payment string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked[payment]
}

func (o *office) failing(fail func(payment string) error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fail = fail
}

// run does the service's work until the test ends.
func (o *office) run(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		o.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-ended })
}

func payment(n int) string { return id.Booking("0123456789abcdef", "fan", fmt.Sprint(n)) + "-1" }

func message(id string, payments ...string) []byte {
	n := provider.Notice{ID: id}
	for _, p := range payments {
		n.Charges = append(n.Charges, p+".1")
	}
	raw, err := json.Marshal(n)
	if err != nil {
		panic(err)
	}
	return raw
}

// send sends a message with a signature.
func (o *office) send(t *testing.T, name string, body []byte, signature string) error {
	return o.receive(t.Context(), name, http.Header{"Bank-Signature": {signature}}, body)
}

// signed sends a message as the bank does.
func (o *office) signed(t *testing.T, body []byte) {
	t.Helper()
	if err := o.send(t, "bank", body, o.sign(body, o.now())); err != nil {
		t.Fatal(err)
	}
}

func (o *office) rows(t *testing.T, condition string) (n int) {
	t.Helper()
	if err := o.db.Reader().QueryRowContext(t.Context(), `SELECT count(*) FROM payments_notices WHERE `+condition).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func openDB(t *testing.T) *sqldb.DB {
	t.Helper()
	db := sqldbtest.Open(t)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// A message makes the gateway be asked about each of its payments, once, however often it
// comes.
func TestOnce(t *testing.T) {
	o := newOffice(t, openDB(t))
	o.run(t)
	body := message("evt_1", payment(1), payment(1), payment(2))
	for range 20 {
		o.signed(t, body)
	}
	patience.Until(t, "both are asked about", func() bool { return o.askedAbout(payment(2)) > 0 && o.rows(t, "done_at > 0") == 1 })
	if o.askedAbout(payment(1)) != 1 || o.askedAbout(payment(2)) != 1 {
		t.Errorf("asked %v", o.asked)
	}
	// The same again after hours, in a new delivery with a new signature.
	o.later(3 * time.Hour)
	o.signed(t, body)
	if n := o.rows(t, "TRUE"); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// What a node has answered and not done when it dies, another one does.
func TestLeft(t *testing.T) {
	db := openDB(t)
	dead := newOffice(t, db) // does no work
	for i := range 30 {
		dead.signed(t, message(fmt.Sprint("evt_", i), payment(i)))
	}
	o := newOffice(t, db)
	o.later(stale + time.Second)
	o.run(t)
	patience.Until(t, "all are asked about", func() bool { return o.rows(t, "done_at > 0") == 30 })
	for i := range 30 {
		if o.askedAbout(payment(i)) == 0 {
			t.Errorf("nobody has asked about %d", i)
		}
	}
}

// A gateway that does not answer is asked again about what is left, and a payment that
// the record does not have is left to the reconciler.
func TestAskedAgain(t *testing.T) {
	o := newOffice(t, openDB(t))
	o.failing(func(p string) error {
		switch p {
		case payment(1):
			return errors.New("no answer")
		case payment(2):
			return errs.Missing("payment")
		}
		return nil
	})
	o.run(t)
	o.signed(t, message("evt_1", payment(1), payment(2), payment(3)))
	patience.Until(t, "the rest is asked about", func() bool { return o.askedAbout(payment(3)) == 1 })
	patience.Until(t, "it is asked again", func() bool {
		o.later(time.Minute)
		return o.askedAbout(payment(1)) > 1
	})
	o.failing(nil)
	patience.Until(t, "it is done", func() bool {
		o.later(time.Minute)
		return o.rows(t, "done_at > 0") == 1
	})
	if o.askedAbout(payment(2)) != 1 || o.askedAbout(payment(3)) != 1 {
		t.Errorf("asked %v", o.asked)
	}
}

// A message that tells of a success of ours is not worth a question to the gateway once the
// payment is captured; before that, it is.
func TestEcho(t *testing.T) {
	o := newOffice(t, openDB(t))
	o.known = map[string]bool{payment(1): true}
	o.run(t)
	echo := func(id, payment string) []byte {
		raw, err := json.Marshal(provider.Notice{ID: id, Charges: []string{payment + ".1"}, Echo: true})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	o.signed(t, echo("evt_1", payment(1)))
	o.signed(t, echo("evt_2", payment(2)))
	patience.Until(t, "both are done", func() bool { return o.rows(t, "done_at > 0") == 2 })
	if o.askedAbout(payment(1)) != 0 || o.askedAbout(payment(2)) != 1 {
		t.Errorf("asked %v", o.asked)
	}
	o.signed(t, message("evt_3", payment(1))) // something else
	patience.Until(t, "all are done", func() bool { return o.rows(t, "done_at > 0") == 3 })
	if o.askedAbout(payment(1)) != 1 {
		t.Errorf("asked %v", o.asked)
	}
}

// Many messages about which the gateway cannot be asked hide no later one.
func TestManyThatFail(t *testing.T) {
	db := openDB(t)
	dead := newOffice(t, db) // makes the table
	err := db.Write(t.Context(), func(tx *sql.Tx) error {
		for i := range atATime + 1 {
			at := dead.at.Add(time.Duration(i) * time.Millisecond).UnixMicro()
			if _, err := tx.Exec(sqlTake, "0123456789abcdef", "bank", fmt.Sprint("evt_", i), `["`+payment(i)+`"]`, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	o := newOffice(t, db)
	o.failing(func(p string) error {
		if p == payment(atATime) {
			return nil
		}
		return errors.New("no answer")
	})
	o.later(time.Minute)
	o.run(t)
	patience.Until(t, "the last one is asked about", func() bool { return o.askedAbout(payment(atATime)) == 1 })
}

// Old messages are forgotten.
func TestForgotten(t *testing.T) {
	o := newOffice(t, openDB(t))
	o.signed(t, message("evt_1", payment(1)))
	o.signed(t, message("evt_2", payment(2)))
	if err := o.done(t.Context(), key{"0123456789abcdef", "bank", "evt_1"}); err != nil {
		t.Fatal(err)
	}
	o.later(remember - time.Hour)
	o.signed(t, message("evt_3", payment(3)))
	if err := o.forget(t.Context()); err != nil || o.rows(t, "TRUE") != 3 {
		t.Fatal(err, o.rows(t, "TRUE"))
	}
	o.later(2 * time.Hour)
	if err := o.forget(t.Context()); err != nil || o.rows(t, "TRUE") != 1 || o.rows(t, "id = 'evt_3'") != 1 {
		t.Fatal(err, o.rows(t, "TRUE"))
	}
}

// What is refused, and what is taken without an effect.
func TestRefused(t *testing.T) {
	o := newOffice(t, openDB(t))
	good := message("evt_1", payment(1))
	for _, c := range []struct {
		what, name string
		body       []byte
		signature  string
		kind       errs.Kind
	}{
		{"no signature", "bank", good, "", errs.Forbidden},
		{"another secret", "bank", good, bank{secret: []byte("other")}.sign(good, o.at), errs.Forbidden},
		{"too old", "bank", good, o.sign(good, o.at.Add(-provider.NoticeTolerance-time.Second)), errs.Forbidden},
		{"from the future", "bank", good, o.sign(good, o.at.Add(provider.NoticeTolerance+time.Second)), errs.Forbidden},
		{"another gateway", "stripe", good, o.sign(good, o.at), errs.NotFound},
		{"not JSON", "bank", []byte("<html>"), o.sign([]byte("<html>"), o.at), errs.Malformed},
		{"no id", "bank", message("", payment(1)), o.sign(message("", payment(1)), o.at), errs.Malformed},
		{"a long id", "bank", message(strings.Repeat("x", 256), payment(1)), o.sign(message(strings.Repeat("x", 256), payment(1)), o.at), errs.Malformed},
		{"a NUL in the id", "bank", message("a\x00b", payment(1)), o.sign(message("a\x00b", payment(1)), o.at), errs.Malformed},
		{"too many charges", "bank", message("m", slices.Repeat([]string{payment(1)}, 101)...), o.sign(message("m", slices.Repeat([]string{payment(1)}, 101)...), o.at), errs.Malformed},
		{"nothing of ours", "bank", message("evt_2", "order-7", "", "0123456789abcdef-1"), o.sign(message("evt_2", "order-7", "", "0123456789abcdef-1"), o.at), 0},
	} {
		if err := o.send(t, c.name, c.body, c.signature); (err == nil) != (c.kind == 0) || err != nil && errs.KindOf(err) != c.kind {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	if n := o.rows(t, "TRUE"); n != 0 {
		t.Errorf("%d rows", n)
	}
}

// Ten thousand messages that others have made of real ones: none is accepted, and none
// leaves a trace.
func TestForged(t *testing.T) {
	o := newOffice(t, openDB(t))
	const seed = 20261129
	rnd := rand.New(rand.NewPCG(seed, seed))
	kinds := map[string]int{}
	for i := range 10_000 {
		body := message(fmt.Sprint("evt_", i), payment(i), payment(i+1))
		sig := o.sign(body, o.at.Add(time.Duration(rnd.IntN(599)-299)*time.Second))
		kind, forgedBody, forgedSig := o.forge(rnd, body, sig)
		kinds[kind]++
		if err := o.send(t, "bank", forgedBody, forgedSig); errs.KindOf(err) != errs.Forbidden {
			t.Fatalf("case %d (%s): %v\n%s\n%s", i, kind, err, forgedSig, forgedBody)
		}
	}
	if n := o.rows(t, "TRUE"); n != 0 || len(kinds) < 9 {
		t.Errorf("%d rows; %v", n, kinds)
	}
	t.Logf("refused: %v", kinds)
}

// forge makes a message of a real one, such as somebody might who has seen it.
func (o *office) forge(rnd *rand.Rand, body []byte, sig string) (kind string, forgedBody []byte, forgedSig string) {
	out := slices.Clone(body)
	i := rnd.IntN(len(out))
	other := message(fmt.Sprint("evt_", rnd.Int64()), payment(rnd.Int()))
	switch rnd.IntN(11) {
	case 0:
		out[i] ^= byte(1 + rnd.IntN(255))
		return "a byte changed", out, sig
	case 1:
		return "a byte inserted", slices.Insert(out, i, byte(rnd.IntN(256))), sig
	case 2:
		return "cut off", out[:i], sig
	case 3:
		return "another body", other, sig
	case 4:
		s := []byte(sig)
		j := rnd.IntN(len(s))
		s[j] ^= byte(1 + rnd.IntN(127))
		return "another signature", out, string(s)
	case 5:
		return "no signature", out, ""
	case 6:
		stale := o.at.Add(-provider.NoticeTolerance - time.Duration(1+rnd.Int64N(int64(1000*time.Hour))))
		return "stale", out, o.sign(out, stale)
	case 7:
		early := o.at.Add(provider.NoticeTolerance + time.Second + time.Duration(rnd.Int64N(int64(1000*time.Hour))))
		return "from the future", out, o.sign(out, early)
	case 8: // the time is moved, so that an old one looks new
		_, v1, _ := strings.Cut(o.sign(out, o.at.Add(-time.Hour)), ",")
		return "a moved time", out, fmt.Sprintf("t=%d,%s", o.at.Unix(), v1)
	case 9:
		return "another secret", out, bank{secret: fmt.Append(nil, rnd.Int64())}.sign(out, o.at)
	}
	return "two bodies", append(out, other...), sig
}
