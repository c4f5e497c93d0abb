package wallet

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/ledger"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/wallet/apple"
	"boxoffice/internal/wallet/apple/appletest"
	"boxoffice/internal/walletapi"
)

const (
	event   = "06a1b2c3d4e5f6g7"
	booking = event + "h8j9k0m1n2p3q4r5s6t7"
	other   = event + "z8j9k0m1n2p3q4r5s6t7"
	phone   = "0123456789abcdef0123456789abcdef"
	site    = "https://tickets.example.org"
)

// world is what the service needs of others, and Apple's notifications.
type world struct {
	*Service
	t    *testing.T
	db   *sqldb.DB
	mux  *http.ServeMux
	logs bytes.Buffer

	mu       sync.Mutex
	now      time.Time
	orders   map[string]*walletapi.Order
	fails    error // of reading the order booking
	entries  []ledger.Entry
	hear     []func([]ledger.Entry)
	over     time.Time // of the event
	replaced []string  // bookings of the tickets that were replaced
	pushed   []string  // tokens that APNs was asked about
	apnsSays int       // 0: 200
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ca := appletest.New(t)
	identity, err := apple.Load(apple.Files(ca.Files), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: sqldbtest.Open(t), now: time.Now().Truncate(time.Hour), orders: map[string]*walletapi.Order{booking: orderOf(booking, 41, 42), other: orderOf(other, 7)}}
	t.Cleanup(func() { _ = w.db.Close() })
	apns := httptest.NewUnstartedServer(http.HandlerFunc(w.apns))
	apns.EnableHTTP2 = true
	apns.StartTLS()
	t.Cleanup(apns.Close)
	roots := x509.NewCertPool()
	roots.AddCert(apns.Certificate())
	w.Service, err = New(t.Context(), Config{
		DB: w.db, Keys: Keys{Apple: identity}, Base: site, Now: w.clock, Log: slog.New(slog.NewTextHandler(&w.logs, nil)), Tickets: func() Tickets { return w }, Bookings: w, Events: w, Issues: w,
		APNs: APNs{apns.URL, roots},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.pusher.Close)
	w.mux = http.NewServeMux()
	for _, r := range w.Routes() {
		w.mux.HandleFunc(r.Method+" "+r.Path, func(rw http.ResponseWriter, req *http.Request) {
			if err := r.Serve(rw, req); err != nil {
				rw.WriteHeader(map[errs.Kind]int{errs.Unauthenticated: 401, errs.NotFound: 404, errs.Invalid: 422, errs.Malformed: 400}[errs.KindOf(err)])
				_, _ = io.WriteString(rw, err.Error())
			}
		})
	}
	return w
}

func orderOf(bookingID string, seats ...int32) *walletapi.Order {
	o := &walletapi.Order{BookingID: bookingID, Reference: "Q4R5-S6T7", Event: "Gala", Organizer: "Theatre", Venue: "Theatre", Words: map[string]walletapi.Words{"en": {}}}
	for _, s := range seats {
		o.Seats = append(o.Seats, seatOf(s))
	}
	return o
}

func seatOf(s int32) walletapi.Seat {
	return walletapi.Seat{Ordinal: s, Token: "T" + string(rune('A'+s%26)), Section: "Stalls", Row: "C", Number: string(rune('0' + s%10))}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// WalletOrder implements Tickets.
func (w *world) WalletOrder(_ context.Context, bookingID string) (*walletapi.Order, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fails != nil && bookingID == booking {
		return nil, w.fails
	}
	o := w.orders[bookingID]
	if o == nil {
		return nil, errs.Missing("booking")
	}
	c := *o
	c.Seats = slices.Clone(o.Seats)
	return &c, nil
}

// change changes an order.
func (w *world) change(bookingID string, change func(*walletapi.Order)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w.orders[bookingID])
}

// Heads implements ledger.Source.
func (w *world) Heads(context.Context, []string) (map[string]int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return map[string]int64{event: int64(len(w.entries))}, nil
}

// Entries implements ledger.Source.
func (w *world) Entries(_ context.Context, _ string, after int64, limit int) ([]ledger.Entry, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.entries[after:]
	return slices.Clone(list[:min(len(list), limit)]), nil
}

// Subscribe implements Bookings.
func (w *world) Subscribe(f func([]ledger.Entry)) { w.hear = append(w.hear, f) }

// Overhear implements ledger.Others.
func (w *world) Overhear(context.Context, ledger.Listener) {}

// Overhears implements ledger.Others.
func (w *world) Overhears() bool { return false }

// Events implements Events.
func (w *world) Events(_ context.Context, ids []string) (map[string]eventapi.Event, error) {
	return map[string]eventapi.Event{event: {ID: event, Over: w.over}}, nil
}

// Reissued implements Issues.
func (w *world) Reissued(_ context.Context, _ string, after int64, limit int) ([]string, int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.replaced[after:]
	list = list[:min(len(list), limit)]
	return list, after + int64(len(list)), nil
}

// IssueRevs implements Issues.
func (w *world) IssueRevs(context.Context, []string) (map[string]int64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return map[string]int64{event: int64(len(w.replaced))}, nil
}

// replaces replaces the ticket for a seat.
func (w *world) replaces(bookingID string, seat int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.orders[bookingID].Seat(seat)
	t.Issue++
	t.Token = "issue" + strconv.Itoa(int(t.Issue))
	w.replaced = append(w.replaced, bookingID)
}

// happens appends an entry to the ledger; heard says whether this node hears of it at once.
func (w *world) happens(kind ledger.Kind, bookingID string, heard bool, seats ...int32) {
	w.mu.Lock()
	e := ledger.Entry{EventID: event, Seq: int64(len(w.entries)) + 1, Kind: kind, BookingID: bookingID, Seats: seats}
	w.entries = append(w.entries, e)
	w.mu.Unlock()
	for _, hear := range w.hear {
		if heard {
			hear([]ledger.Entry{e})
		}
	}
}

// apns answers as APNs.
func (w *world) apns(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pushed = append(w.pushed, strings.TrimPrefix(r.URL.Path, "/3/device/"))
	if w.apnsSays != 0 {
		rw.WriteHeader(w.apnsSays)
	}
}

// told runs the checks, and returns the push tokens of the devices that were told.
func (w *world) told() []string {
	w.t.Helper()
	if err := w.follow.round(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.check(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	_, _ = w.push(w.t.Context()) // tests look at what APNs was asked
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.pushed
	w.pushed = nil
	slices.Sort(list)
	return list
}

// issued makes a pass as the page does, and returns its serial number and token.
func (w *world) issued(bookingID string, seat int32) (serial, token string) {
	w.t.Helper()
	o, err := w.WalletOrder(w.t.Context(), bookingID)
	if err != nil {
		w.t.Fatal(err)
	}
	file, err := w.ApplePass(w.t.Context(), o, seat)
	if err != nil {
		w.t.Fatal(err)
	}
	p := read(w.t, file)
	if p.Service != site+"/wallet" {
		w.t.Errorf("the web service is at %q", p.Service)
	}
	return p.Serial, p.Token
}

// passFile is what tests look at in pass.json.
type passFile struct {
	Serial  string `json:"serialNumber"`
	Token   string `json:"authenticationToken"`
	Service string `json:"webServiceURL"`
	Voided  bool   `json:"voided"`
	Codes   []struct {
		Message string `json:"message"`
	} `json:"barcodes"`
}

func read(t *testing.T, file []byte) (p passFile) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open("pass.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.NewDecoder(f).Decode(&p); err != nil {
		t.Fatal(err)
	}
	return p
}

// ask asks the web service.
func (w *world) ask(method, path, token, body string, headers ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	if token != "" {
		r.Header.Set("Authorization", "ApplePass "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rw := httptest.NewRecorder()
	w.mux.ServeHTTP(rw, r)
	return rw
}

func registrationPath(device, serial string) string {
	path := "/wallet/v1/devices/" + device + "/registrations/" + appletest.PassType
	if serial != "" {
		path += "/" + serial
	}
	return path
}

// registers has a device register the pass of a seat, and returns its serial number and
// token.
func (w *world) registers(device, pushToken, bookingID string, seat int32) (serial, token string) {
	w.t.Helper()
	serial, token = w.issued(bookingID, seat)
	if a := w.ask("POST", registrationPath(device, serial), token, `{"pushToken":"`+pushToken+`"}`); a.Code != 201 {
		w.t.Fatalf("%d %s", a.Code, a.Body)
	}
	return serial, token
}

// changes asks which passes of a device have changed since a tag.
func (w *world) changes(device, tag string) (serials []string, last string) {
	w.t.Helper()
	a := w.ask("GET", registrationPath(device, "")+"?passesUpdatedSince="+tag, "", "")
	if a.Code == 204 {
		return nil, tag
	}
	var body struct {
		Serials []string `json:"serialNumbers"`
		Last    string   `json:"lastUpdated"`
	}
	if err := json.Unmarshal(a.Body.Bytes(), &body); err != nil || a.Code != 200 {
		w.t.Fatalf("%d %s", a.Code, a.Body)
	}
	return body.Serials, body.Last
}

// fetched is a pass as a device fetches it.
func (w *world) fetched(serial, token string) passFile {
	w.t.Helper()
	a := w.ask("GET", "/wallet/v1/passes/"+appletest.PassType+"/"+serial, token, "")
	if a.Code != 200 || a.Header().Get("Content-Type") != "application/vnd.apple.pkpass" {
		w.t.Fatalf("%d %s", a.Code, a.Body)
	}
	return read(w.t, a.Body.Bytes())
}
