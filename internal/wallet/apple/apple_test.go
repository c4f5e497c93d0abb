package apple

import (
	"archive/zip"
	"bytes"
	"crypto/sha1" //nolint:gosec // as manifest.json
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"flag"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"boxoffice/internal/wallet/apple/appletest"
	"boxoffice/internal/walletapi"
)

var update = flag.Bool("update", false, "write the golden files")

const serial = "06a1b2c3d4e5f6g7h8j9k0m1n2p3q4r5s6t7-41-0"

func order() *walletapi.Order {
	zone := time.FixedZone("CET", 3600)
	words := func(lang string) walletapi.Words {
		f := func(text string) string { return lang + " " + text }
		return walletapi.Words{
			Ticket: f("ticket"), When: f("when"), Venue: f("venue"), Address: f("address"), Section: f("section"), Row: f("row"), Seat: f("seat"), Holder: f("holder"),
			Tier: f("tier"), Reference: f("reference"), Status: f("status"), Page: f("page"), Unknown: f("unknown"), Valid: f("valid"), Void: f("void"), Test: f("test"),
			Terms: f(`one "person", once\`), NewDate: f("date %@"), NewVenue: f("venue %@"), NewSeat: f("seat %@"), NewSection: f("section %@"),
		}
	}
	return &walletapi.Order{
		BookingID: serial[:36], Reference: "Q4R5-S6T7", Holder: "Ann Müller", Event: `Gala "Zauberflöte"`, EventVersion: 3, Organizer: "Old Town Theatre",
		Starts: time.Date(2026, 12, 12, 19, 30, 0, 0, zone), Date: "2026-12-12", Venue: "Old Town Theatre", Address: "Theaterplatz 1, Vienna",
		Seats: []walletapi.Seat{{Ordinal: 41, Token: "AEHLM3SB", Section: "Stalls", Row: "C", Number: "7", Tier: "Best"}, {Ordinal: 42, Token: "AEHLM3SC", Section: "Standing", Tier: "Low"}},
		Words: map[string]walletapi.Words{"en": words("en"), "de": words("de")}, Page: "https://tickets.example.org/orders/x/tickets",
	}
}

func identity(t *testing.T) *Identity {
	t.Helper()
	id, err := Load(Files(appletest.New(t).Files), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// unpack returns the files of a pass.
func unpack(t *testing.T, pass []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(pass), int64(len(pass)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(want, got) {
		t.Errorf("%s differs (%v); with -update it is written anew:\n%s", file, err, got)
	}
}

// A pass for each kind of ticket: what pass.json, the words and the manifest say.
func TestPass(t *testing.T) {
	id := identity(t)
	u := Update{Service: "https://tickets.example.org/wallet", Token: "0123456789abcdef0123456789abcdef"}
	dateOnly := order()
	dateOnly.Starts, dateOnly.Test, dateOnly.Holder = time.Time{}, true, ""
	unknown := order()
	unknown.Starts, unknown.Date = time.Time{}, ""
	for name, c := range map[string]struct {
		o    *walletapi.Order
		seat int32
		u    Update
	}{
		"seat": {order(), 41, u}, "standing": {order(), 42, Update{}}, "void": {order(), 7, u}, "test": {dateOnly, 41, u}, "undated": {unknown, 41, u},
	} {
		pass, err := id.Pass(c.o, c.seat, serial, c.u)
		if err != nil {
			t.Fatal(err)
		}
		files := unpack(t, pass)
		golden(t, name+".pass.json", files["pass.json"])
		if name == "seat" {
			golden(t, "manifest.json", files["manifest.json"])
			golden(t, "de.pass.strings", files["de.lproj/pass.strings"])
		}
		var sums map[string]string
		if err := json.Unmarshal(files["manifest.json"], &sums); err != nil {
			t.Fatal(err)
		}
		signed := slices.DeleteFunc(slices.Sorted(maps.Keys(files)), func(f string) bool { return f == "manifest.json" || f == "signature" })
		if !slices.Equal(signed, slices.Sorted(maps.Keys(sums))) {
			t.Errorf("%s: the manifest lists %v of %v", name, sums, signed)
		}
		for _, f := range []string{"icon.png", "icon@2x.png", "icon@3x.png", "en.lproj/pass.strings"} {
			if sum := sha1.Sum(files[f]); len(files[f]) == 0 || sums[f] != hex.EncodeToString(sum[:]) { //nolint:gosec // as manifest.json
				t.Errorf("%s: %s: %d bytes, %s", name, f, len(files[f]), sums[f])
			}
		}
		again, err := id.Pass(c.o, c.seat, serial, c.u)
		if err != nil {
			t.Fatal(err)
		}
		other := unpack(t, again)
		other["signature"], files["signature"] = nil, nil
		if !maps.EqualFunc(files, other, bytes.Equal) {
			t.Errorf("%s: the same pass has other files", name)
		}
	}
}

// Both certificates are in the signature, and it verifies with another program, too.
func TestSignature(t *testing.T) {
	ca := appletest.New(t)
	id, err := Load(Files(ca.Files), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pass, err := id.Pass(order(), 41, serial, Update{})
	if err != nil {
		t.Fatal(err)
	}
	files := unpack(t, pass)
	p, err := pkcs7.Parse(files["signature"])
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Content) != 0 || len(p.Certificates) != 2 {
		t.Errorf("%d bytes of content, %d certificates", len(p.Content), len(p.Certificates))
	}
	var at time.Time
	if err := p.UnmarshalSignedAttribute(pkcs7.OIDAttributeSigningTime, &at); err != nil || time.Since(at) > time.Minute*10 {
		t.Error(at, err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Root)
	p.Content = files["manifest.json"]
	if err := p.VerifyWithChain(roots); err != nil {
		t.Error(err)
	}
	p.Content = append([]byte(" "), p.Content...)
	if err := p.VerifyWithChain(roots); err == nil {
		t.Error("a changed manifest verifies")
	}

	openssl, err := exec.LookPath("openssl")
	switch {
	case err != nil && testing.Short():
		t.Skip("needs openssl")
	case err != nil:
		t.Fatalf("%v: scripts/setup.sh installs it", err)
	}
	dir := t.TempDir()
	write := func(name string, body []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, body, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	root := write("root.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Root.Raw}))
	signature := write("signature", files["signature"])
	verify := func(manifest string) ([]byte, error) {
		return exec.CommandContext(t.Context(), openssl, "cms", "-verify", "-binary", "-inform", "DER", "-in", signature, "-content", manifest, "-CAfile", root, "-purpose", "any", "-out", os.DevNull).CombinedOutput()
	}
	if out, err := verify(write("manifest.json", files["manifest.json"])); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := verify(write("other.json", p.Content)); err == nil {
		t.Errorf("openssl verifies a changed manifest: %s", out)
	}
}

// Two passes have the same digest if they look the same, whatever their token.
func TestDigest(t *testing.T) {
	id := identity(t)
	digest := func(change func(*walletapi.Order)) string {
		o := order()
		change(o)
		d, err := id.Digest(o, 41, serial)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	same := digest(func(*walletapi.Order) {})
	if same != digest(func(o *walletapi.Order) { o.EventVersion++ }) {
		t.Error("it changes with what the pass does not say")
	}
	for name, change := range map[string]func(*walletapi.Order){
		"token": func(o *walletapi.Order) { o.Seats[0].Token = "X" }, "seat": func(o *walletapi.Order) { o.Seats[0].Number = "8" }, "date": func(o *walletapi.Order) { o.Starts = o.Starts.Add(time.Hour) },
		"void": func(o *walletapi.Order) { o.Seats = nil }, "venue": func(o *walletapi.Order) { o.Venue = "Opera" }, "title": func(o *walletapi.Order) { o.Event = "Ball" },
	} {
		if digest(change) == same {
			t.Errorf("it stays with another %s", name)
		}
	}
}

// Certificates that cannot be used are refused with the file and the reason.
func TestLoad(t *testing.T) {
	now := time.Now()
	good := appletest.New(t)
	other := appletest.New(t)
	id, err := Load(Files(good.Files), now)
	if err != nil || id.PassType != appletest.PassType || id.Team != appletest.Team {
		t.Fatal(id, err)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	junk := write("junk", "junk")
	p12 := write("pass.p12", "\x30\x82")
	damaged := write("damaged.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")})))
	encrypted := write("encrypted.pem", string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("secret")})))
	for name, c := range map[string]struct {
		files Files
		now   time.Time
		file  File
		part  string
	}{
		"no file":         {Files{filepath.Join(dir, "none"), good.Files.Key, good.Files.WWDR}, now, Cert, "no such file"},
		"junk":            {Files{junk, good.Files.Key, good.Files.WWDR}, now, Cert, "not a certificate"},
		"key as cert":     {Files{good.Files.Key, good.Files.Key, good.Files.WWDR}, now, Cert, "no certificate"},
		"keychain":        {Files{p12, good.Files.Key, good.Files.WWDR}, now, Cert, "openssl pkcs12"},
		"other cert":      {Files{good.Files.WWDR, good.Files.Key, good.Files.WWDR}, now, Cert, "no pass certificate"},
		"no key":          {Files{good.Files.Cert, junk, good.Files.WWDR}, now, Key, "no private key"},
		"damaged key":     {Files{good.Files.Cert, damaged, good.Files.WWDR}, now, Key, "damaged"},
		"encrypted key":   {Files{good.Files.Cert, encrypted, good.Files.WWDR}, now, Key, "openssl pkey"},
		"another key":     {Files{good.Files.Cert, other.Files.Key, good.Files.WWDR}, now, Key, "not the key"},
		"another wwdr":    {Files{good.Files.Cert, good.Files.Key, other.Files.WWDR}, now, WWDR, "was issued by"},
		"wwdr missing":    {Files{good.Files.Cert, good.Files.Key, filepath.Join(dir, "none")}, now, WWDR, "no such file"},
		"ended":           {Files(good.Files), now.AddDate(1, 1, 0), Cert, "ended on"},
		"not yet":         {Files(good.Files), now.AddDate(-1, 0, 0), Cert, "begins on"},
		"wwdr ended, too": {Files(good.Files), now.AddDate(9, 0, 0), Cert, "ended on"},
	} {
		_, err := Load(c.files, c.now)
		f, ok := err.(Fault) //nolint:errorlint // it is not wrapped
		if !ok || f.File != c.file || !strings.Contains(err.Error(), c.part) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v (of file %v)", name, err, f.File)
		}
	}
	for text, at := range map[string]time.Time{"": now, "end on": id.Ends().AddDate(0, 0, -29), "ended on": id.Ends().Add(time.Hour)} {
		if got := id.Warning(at); !strings.Contains(got, text) || (text == "") != (got == "") {
			t.Errorf("at %s: %q", at, got)
		}
	}
	if got := id.Warning(id.Ends().AddDate(0, 0, -31)); got != "" {
		t.Error(got)
	}
}
