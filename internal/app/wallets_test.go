package app

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/patience"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/route"
	"boxoffice/internal/settings"
	"boxoffice/internal/ticket"
	"boxoffice/internal/userapi"
	"boxoffice/internal/wallet"
	"boxoffice/internal/wallet/apple/appletest"
	googlewallet "boxoffice/internal/wallet/google"
	"boxoffice/internal/wallet/google/googletest"
	"boxoffice/internal/walletapi"
)

// walletSettings are certificates and keys for both wallets.
func walletSettings(t *testing.T) settings.Wallets {
	t.Helper()
	ca := appletest.New(t)
	return settings.Wallets{ApplePassCert: ca.Files.Cert, ApplePassKey: ca.Files.Key, AppleWWDR: ca.Files.WWDR, GoogleWalletKey: googletest.KeyFile(t), GoogleWalletIssuer: "3388000000022000000"}
}

// withWallets is a house with both wallets, and what APNs was asked.
func withWallets(t *testing.T) (h *house, told chan string) {
	t.Helper()
	keys, err := wallet.Load(walletSettings(t), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	told = make(chan string, 100)
	apns := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told <- r.URL.Path }))
	apns.EnableHTTP2 = true
	apns.StartTLS()
	t.Cleanup(apns.Close)
	roots := x509.NewCertPool()
	roots.AddCert(apns.Certificate())
	return newHouseWith(t, Config{Wallets: keys, PublicURL: "https://tickets.example.org", Outside: Outside{APNs: wallet.APNs{URL: apns.URL, Roots: roots}}}), told
}

// passOf is pass.json of a .pkpass.
func passOf(t *testing.T, file []byte) (text string, pass struct {
	Serial string `json:"serialNumber"`
	Token  string `json:"authenticationToken"`
	Voided bool   `json:"voided"`
}) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open("pass.json")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &pass); err != nil {
		t.Fatal(err)
	}
	return string(raw), pass
}

// passPaths are the addresses of the passes of a booking's tickets, by seat.
func (h *house) passPaths(t *testing.T, booking string) (apple, google []string) {
	t.Helper()
	o, err := h.fans.WalletOrder(t.Context(), booking)
	if err != nil {
		t.Fatal(err)
	}
	for i := range o.Seats {
		at := "/orders/" + booking + "/tickets/" + strconv.Itoa(int(o.Seats[i].Ordinal))
		apple, google = append(apple, at+".pkpass"), append(google, at+"/google-wallet")
	}
	return apple, google
}

// Passes are for those who get the tickets: the owner, and whoever has the signed link.
func TestPasses(t *testing.T) {
	h, _ := withWallets(t)
	nobody, ann := userapi.Fan{}, h.visitor(t, "ann")
	booking, _ := h.bought(t, ann, 2, paymentapi.SandboxOK)
	apple, google := h.passPaths(t, booking)
	_, token := h.link(t, booking)
	if len(apple) != 2 {
		t.Fatal(apple)
	}
	page := h.read(t, ann, "/orders/"+booking+"/tickets")
	has(t, page, apple[0], apple[1], google[0], google[1], "Add to Apple Wallet", "Add to Google Wallet")
	has(t, h.read(t, ann, "/orders/"+booking+"/tickets", "Accept-Language", "de"), "Zu Apple Wallet hinzufügen", "Zu Google Wallet hinzufügen")
	has(t, h.read(t, nobody, "/orders/"+booking+"/tickets?token="+token), apple[0]+"?token="+token, google[0]+"?token="+token)

	w := h.ask(t, ann, "GET", apple[1], "")
	if w.Code != 200 || w.Header().Get("Content-Type") != walletapi.PassType || w.Header().Get("Cache-Control") != "private, no-store" {
		t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	text, pass := passOf(t, w.Body.Bytes())
	has(t, text, `"passTypeIdentifier": "`+appletest.PassType+`"`, `"webServiceURL": "https://tickets.example.org/wallet"`, "TEST")
	if pass.Voided || !strings.HasPrefix(pass.Serial, booking+"-") {
		t.Errorf("%+v", pass)
	}
	if w := h.ask(t, ann, "GET", google[0], ""); w.Code != 303 || !strings.HasPrefix(w.Header().Get("Location"), "https://pay.google.com/gp/v/save/ey") {
		t.Errorf("%d %s", w.Code, w.Header().Get("Location"))
	}
	for _, of := range []struct {
		who  string
		as   userapi.Fan
		with string
		want map[string]int
	}{
		{"nobody", nobody, "", map[string]int{apple[0]: 303, google[0]: 303}},
		{"a stranger", h.visitor(t, "bob"), "", map[string]int{apple[0]: 404, google[0]: 404}},
		{"an organizer", h.account(t, caller.Organizer), "", map[string]int{apple[0]: 404, google[0]: 404}},
		{"an administrator", h.account(t, caller.Admin), "", map[string]int{apple[0]: 404, google[0]: 404}},
		{"with the link", nobody, "?token=" + token, map[string]int{apple[0]: 200, google[0]: 303}},
		{"with a wrong link", nobody, "?token=" + token + "x", map[string]int{apple[0]: 404, google[0]: 404}},
		{"another seat", ann, "", map[string]int{"/orders/" + booking + "/tickets/999999.pkpass": 404, "/orders/" + booking + "/tickets/x.pkpass": 404, "/orders/" + booking + "/tickets/-1/google-wallet": 404}},
	} {
		for path, want := range of.want {
			if w := h.ask(t, of.as, "GET", path+of.with, "", "Accept", "text/html"); w.Code != want {
				t.Errorf("%s: %s: %d, want %d", of.who, path, w.Code, want)
			}
		}
	}
}

// Where only codes that rotate are good, Google Wallet makes them, Apple Wallet has no pass,
// and neither has one of a ticket that is on a phone.
func TestRotatingPass(t *testing.T) {
	h, _ := withWallets(t)
	g := h.doorway(t, "")
	ann := h.visitor(t, "ann")
	booking := h.buys(t, ann, g.event, 1, paymentapi.SandboxOK)
	h.must(t, g.organizer, "PUT", "/events/"+g.event+"/door", strings.TrimSuffix(aDoor, "}")+`,"codes":"rotating","paper":false}`, "codes")
	apple, google := h.passPaths(t, booking)
	path := "/orders/" + booking + "/tickets"
	page := h.read(t, ann, path)
	has(t, page, google[0], "tickets-data", "changes every few seconds")
	if strings.Contains(page, apple[0]) {
		t.Error("a pass for Apple Wallet is offered")
	}
	if w := h.ask(t, ann, "GET", apple[0], "", "Accept", "text/html"); w.Code != 404 {
		t.Errorf("a pass for Apple Wallet: %d", w.Code)
	}
	w := h.ask(t, ann, "GET", google[0], "")
	parts := strings.Split(w.Header().Get("Location"), ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[len(parts)-2])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Payload struct {
			Objects []struct {
				Barcode  any
				Rotating googlewallet.RotatingBarcode `json:"rotatingBarcode"`
			} `json:"eventTicketObjects"`
		}
	}
	if err := json.Unmarshal(raw, &claims); err != nil || len(claims.Payload.Objects) != 1 || claims.Payload.Objects[0].Barcode != nil {
		t.Fatalf("%s %v", raw, err)
	}
	code := claims.Payload.Objects[0].Rotating
	secret, err := hex.DecodeString(code.TOTP.Parameters[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	token, pattern, _ := strings.Cut(code.ValuePattern, "{")
	if pattern != "totp_timestamp_seconds}{totp_value_0}" || code.TOTP.PeriodMillis != "3000" || code.TOTP.Algorithm != "TOTP_SHA1" || code.TOTP.Parameters[0].ValueLength != 8 {
		t.Errorf("%+v", code)
	}
	counter := 0
	scan := func(name string, age time.Duration, want string) {
		t.Helper()
		counter++
		var err error
		if g.token, err = ticket.WalletCode(token, secret, h.DB.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
		if status, said, body := g.send(t, g.scan(counter, "")); status != 200 || said != want {
			t.Errorf("%s: %d %s: %s", name, status, said, body)
		}
	}
	scan("a copy", 16*time.Second, "refused:stale-code")
	scan("of now", 0, "admitted:ok")
	h.must(t, ann, "POST", "/bookings/"+booking+"/tickets/bind", `{"public_key":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, "items")
	if w := h.ask(t, ann, "GET", google[0], "", "Accept", "text/html"); w.Code != 404 {
		t.Errorf("a pass of a ticket on a phone: %d", w.Code)
	}
	if page := h.read(t, ann, path); strings.Contains(page, "google-wallet") {
		t.Error("it is offered")
	}
	scan("once it is on a phone", 0, "refused:replaced")
}

// A device that has registered a pass is told when the ticket is cancelled, and fetches a
// pass that is void.
func TestPassIsUpdated(t *testing.T) {
	h, told := withWallets(t)
	ann, nobody := h.visitor(t, "ann"), userapi.Fan{}
	booking, _ := h.bought(t, ann, 1, paymentapi.SandboxOK)
	apple, _ := h.passPaths(t, booking)
	_, pass := passOf(t, h.ask(t, ann, "GET", apple[0], "").Body.Bytes())
	ctx, end := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := h.Wallets.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { end(); running.Wait() })

	const device = "/wallet/v1/devices/0123456789abcdef/registrations/" + appletest.PassType
	auth := []string{"Authorization", "ApplePass " + pass.Token}
	for _, c := range []struct {
		method, path string
		auth         []string
		want         int
	}{
		{"POST", device + "/" + pass.Serial, nil, 401}, {"POST", device + "/" + pass.Serial, []string{"Authorization", "Bearer " + ann.Token}, 401},
		{"POST", device + "/" + pass.Serial, auth, 201}, {"POST", device + "/" + pass.Serial, auth, 200},
		{"GET", device, nil, 200}, {"GET", "/wallet/v1/passes/" + appletest.PassType + "/" + pass.Serial, auth, 200},
		{"GET", "/wallet/v1/passes/" + appletest.PassType + "/" + pass.Serial, nil, 401},
	} {
		body := map[bool]string{true: `{"pushToken":"4111111111111111"}`}[c.method == "POST"] // which looks like a card number
		if w := h.ask(t, nobody, c.method, c.path, body, c.auth...); w.Code != c.want {
			t.Errorf("%s %s: %d, want %d: %s", c.method, c.path, w.Code, c.want, w.Body)
		}
	}
	if w := h.ask(t, nobody, "POST", "/wallet/v1/log", `{"logs":["odd"]}`); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := h.ask(t, ann, "DELETE", "/bookings/"+booking, ""); w.Code != 200 {
		t.Fatal(w.Body)
	}
	select {
	case path := <-told:
		if path != "/3/device/4111111111111111" {
			t.Error(path)
		}
	case <-patience.Context(t).Done():
		t.Fatal("the device is not told")
	}
	text, now := passOf(t, h.ask(t, nobody, "GET", "/wallet/v1/passes/"+appletest.PassType+"/"+pass.Serial, "", auth...).Body.Bytes())
	if !now.Voided || now.Serial != pass.Serial || strings.Contains(text, "barcodes") {
		t.Error(text)
	}
	if w := h.ask(t, nobody, "DELETE", device+"/"+pass.Serial, "", auth...); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := h.ask(t, nobody, "GET", device, ""); w.Code != 204 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// A ticket that is replaced gets another pass; the one before is void.
func TestPassOfReplacedTicket(t *testing.T) {
	h, _ := withWallets(t)
	ann, nobody := h.visitor(t, "ann"), userapi.Fan{}
	booking, _ := h.bought(t, ann, 1, paymentapi.SandboxOK)
	apple, _ := h.passPaths(t, booking)
	_, old := passOf(t, h.ask(t, ann, "GET", apple[0], "").Body.Bytes())
	if w := h.ask(t, ann, "POST", "/bookings/"+booking+"/tickets/reissue", `{}`); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	_, made := passOf(t, h.ask(t, ann, "GET", apple[0], "").Body.Bytes())
	if made.Serial == old.Serial || made.Voided {
		t.Errorf("%+v, before %+v", made, old)
	}
	for serial, token := range map[string]string{old.Serial: old.Token, made.Serial: made.Token} {
		_, now := passOf(t, h.ask(t, nobody, "GET", "/wallet/v1/passes/"+appletest.PassType+"/"+serial, "", "Authorization", "ApplePass "+token).Body.Bytes())
		if now.Voided != (serial == old.Serial) {
			t.Errorf("%+v", now)
		}
	}
}

// Routes of the web service declare that they need no session, and none is there without
// certificates.
func TestWalletRoutes(t *testing.T) {
	h, _ := withWallets(t)
	off := newHouse(t)
	n := 0
	for _, at := range h.door.Routes() {
		method, pattern, _ := strings.Cut(at, " ")
		if !strings.HasPrefix(pattern, "/wallet/") {
			continue
		}
		if n++; !h.door.Declared(method, pattern).Has(route.Probe | route.LongNumbers) {
			t.Errorf("%s lacks its traits", at)
		}
	}
	if n != 5 {
		t.Errorf("%d routes", n)
	}
	for _, at := range off.door.Routes() {
		if strings.Contains(at, " /wallet/") {
			t.Errorf("%s without certificates", at)
		}
	}
	ann := off.visitor(t, "ann")
	booking, _ := off.bought(t, ann, 1, paymentapi.SandboxOK)
	hasNot(t, off.read(t, ann, "/orders/"+booking+"/tickets"), "pkpass", "Wallet")
	apple, google := off.passPaths(t, booking)
	for _, path := range append(apple, google...) {
		if w := off.ask(t, ann, "GET", path, ""); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// A node with files that cannot be used does not start.
func TestWalletFilesAreChecked(t *testing.T) {
	s := settings.Server{Addr: "127.0.0.1:0", Loopback: 1, Wallets: walletSettings(t), Storage: settings.Storage{Data: t.TempDir()}}
	s.ApplePassKey = s.AppleWWDR
	err := Serve(t.Context(), s, io.Discard, nil)
	if settings.FlagOf(err) != "--apple-pass-key" || settings.ExitStatus(err) != settings.WrongUsage {
		t.Error(err)
	}
	s.Wallets = walletSettings(t)
	s.GoogleWalletKey = s.AppleWWDR
	if err := Serve(t.Context(), s, io.Discard, nil); settings.FlagOf(err) != "--google-wallet-key" {
		t.Error(err)
	}
}
