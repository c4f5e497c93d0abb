package ticket

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/id"
)

// vectors are examples of all encodings of the door. The check-in app reads the same
// file in its own tests, so that both programs decide alike.
type vectors struct {
	Keys    []jwk           `json:"keys"`
	Event   string          `json:"event"` // that the door is for
	Tokens  []tokenVector   `json:"tokens"`
	Phones  []phoneVector   `json:"phones"`
	Fresh   []freshVector   `json:"fresh"`
	Times   []timeVector    `json:"times"`
	Digests []digestVector  `json:"digests"`
	List    listVector      `json:"list"`
	Changes listVector      `json:"changes"` // of the list
	Checks  []checkedVector `json:"checks"`  // tickets by the list after the changes
}

type tokenVector struct {
	Name  string `json:"name"`
	Token string `json:"token"`
	fields
	Kind    string `json:"kind"`              // fixed, phone, wallet
	Phone   string `json:"phone,omitempty"`   // its key, hex
	At      int64  `json:"at,omitempty"`      // s since 1970
	Timed   bool   `json:"timed,omitempty"`   // the phone knows its offset
	Refused string `json:"refused,omitempty"` // malformed, unknown-key, forged, other-event
}

// phoneVector is a code as a phone makes it.
type phoneVector struct {
	Seed  string `json:"seed"` // of its private key, hex
	Part  string `json:"part"` // what the office has signed
	At    int64  `json:"at"`   // s since 1970
	Timed bool   `json:"timed"`
	Code  string `json:"code"`
}

// freshVector is a code of a time, at another.
type freshVector struct {
	At    int64 `json:"at"`  // s since 1970
	Now   int64 `json:"now"` // ms since 1970
	Fresh bool  `json:"fresh"`
}

// timeVector is a signed time.
type timeVector struct {
	Reader    string `json:"reader"` // that it is for
	Now       int64  `json:"now"`    // µs since 1970
	KeyID     string `json:"kid"`
	Signature string `json:"signature"`
	Good      bool   `json:"good"`
}

type fields struct {
	Booking     string `json:"booking,omitempty"`
	Seat        int32  `json:"seat"`
	PlanVersion int64  `json:"plan_version"` // 0: unknown
	Issue       uint16 `json:"issue"`
}

func (f fields) ticket() Ticket { return Ticket{f.Booking, f.Seat, f.PlanVersion, f.Issue} }

type digestVector struct {
	fields
	Digest string `json:"digest"` // hex
}

type listVector struct {
	Base64      string       `json:"base64"`
	Event       string       `json:"event"`
	PlanVersion int64        `json:"plan_version"`
	LedgerSeq   int64        `json:"ledger_seq"`
	IssueRev    int64        `json:"issue_rev"`
	MadeAt      int64        `json:"made_at"` // µs since 1970
	Seats       []seatVector `json:"seats"`
}

type seatVector struct {
	Seat   int32  `json:"seat"`
	Digest string `json:"digest"` // hex
}

type checkedVector struct {
	Name string `json:"name"`
	fields
	Refused string `json:"refused,omitempty"` // not-sold, replaced, other-event; "": admitted
}

func slugOf(t *testing.T, err error) string {
	t.Helper()
	switch err { //nolint:errorlint // they are not wrapped
	case nil:
		return ""
	case ErrMalformed:
		return "malformed"
	case ErrUnknownKey:
		return "unknown-key"
	case ErrSignature:
		return "forged"
	case ErrAnotherEvent:
		return "other-event"
	case ErrReplaced:
		return "replaced"
	case ErrNotSold, ErrOtherPlan, ErrNoSeat:
		return "not-sold"
	}
	t.Fatal(err)
	return ""
}

// The file has what the program makes and decides. With UPDATE_VECTORS=1 it is written
// anew; a program of another language must then agree again.
func TestVectors(t *testing.T) {
	const name = "testdata/door-vectors.json"
	want, err := codec.Indent(makeVectors(t))
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if os.Getenv("UPDATE_VECTORS") != "" {
		if err := os.WriteFile(name, want, 0o644); err != nil { //nolint:gosec // everybody may read it
			t.Fatal(err)
		}
	}
	is, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(is, want) {
		t.Errorf("%s is not what the program makes:\n%s", name, want)
	}
}

func makeVectors(t *testing.T) vectors {
	t.Helper()
	one, two, foreign := signer(t, key(1)), signer(t, key(1), key(2)), signer(t, key(3))
	keys := two.Keys()
	var v vectors
	var set jwks
	if err := codec.Read(keys.Document(), &set); err != nil {
		t.Fatal(err)
	}
	v.Keys, v.Event = set.Keys, event

	ann, bob, elsewhere := id.Booking(event, "ann", "1"), id.Booking(event, "bob", "1"), id.Booking(otherEvent, "ann", "1")
	token := func(name, token string) {
		got, err := keys.Verify(token, event)
		one := tokenVector{Name: name, Token: token, fields: fields{got.BookingID, got.Seat, got.PlanVersion, got.Issue}, Kind: []string{"fixed", "phone", "wallet"}[got.Kind], At: got.At, Timed: got.Timed, Refused: slugOf(t, err)}
		if got.Kind == OnPhone {
			one.Phone = hex.EncodeToString(got.Phone[:])
		}
		v.Tokens = append(v.Tokens, one)
	}
	first := sign(t, two, Ticket{ann, 0, 1, 0})
	token("version 2", first)
	token("version 2, lower case", strings.ToLower(first))
	token("version 2, an older key", sign(t, one, Ticket{ann, 79_999, 4_294_967_295, 65535}))
	token("version 1", old(t, key(1), Ticket{BookingID: bob, Seat: 3}))
	token("another event", sign(t, two, Ticket{elsewhere, 0, 1, 0}))
	token("an unknown key", sign(t, foreign, Ticket{ann, 0, 1, 0}))
	token("a changed seat", changed(t, first, bodyLen1-1))
	token("a changed signature", changed(t, first, rawLen2-1))
	token("a bit to spare", first[:TokenLen-1]+string(first[TokenLen-1]+1))
	token("version 3 in the length of version 2", changed(t, first, 0))
	token("cut off", first[:TokenLen-1])
	token("version 2 in the length of version 1", first[:tokenLen1])
	token("a web address", "HTTPS://EXAMPLE.ORG/")
	token("nothing", "")

	phone := key(9)
	public := PhoneKey(phone.Public().(ed25519.PublicKey))
	bound := Ticket{bob, 4, 1, 1}
	part, err := two.Part(bound, public)
	if err != nil {
		t.Fatal(err)
	}
	shows := func(at time.Time, timed bool) string {
		code := onPhoneOf(t, two, bound, phone, at, timed)
		v.Phones = append(v.Phones, phoneVector{hex.EncodeToString(phone.Seed()), part, at.Unix(), timed, code})
		return code
	}
	shown := shows(noon, true)
	token("on a phone", shown)
	token("on a phone, lower case", strings.ToLower(shown))
	token("on a phone that does not know its offset", shows(noon, false))
	token("on a phone, long ago", shows(time.Unix(0, 0), true))
	token("on a phone, of another event", onPhoneOf(t, two, Ticket{elsewhere, 0, 1, 0}, phone, noon, true))
	token("on a phone, an unknown key of the office", onPhoneOf(t, foreign, bound, phone, noon, true))
	token("on a phone, signed by another phone", repeated(t, part, key(8), noon))
	token("on a phone, another phone's key", changed(t, shown, bodyLen2))
	token("on a phone, another time", changed(t, shown, partPhone+5))
	token("on a phone, an unknown flag", flipped(t, shown, partPhone, 2))
	token("on a phone, its flag turned", changed(t, shown, partPhone))
	token("on a phone, a changed signature", changed(t, shown, rawPhone-1))
	token("on a phone, a bit to spare", shown[:PhoneCodeLen-1]+string(shown[PhoneCodeLen-1]+1))
	token("what the office gives a phone", part)
	token("version 2 in the length of a phone's", changed(t, shown, 0))
	wallet := inWallet(t, two, noon)
	token("in a wallet", wallet)
	token("in a wallet, another time of the same password", wallet[:TokenLen]+strconv.FormatInt(noon.Unix()+1, 10)+wallet[TokenLen+timeDigits:])
	token("in a wallet, letters for digits", wallet[:WalletCodeLen-1]+"A")
	token("what the office gives a wallet", wallet[:TokenLen])
	token("version 2 in the length of a wallet's", first+wallet[TokenLen:])
	for _, ms := range []int64{-15_000, -5_001, -5_000, -1, 0, 1, 9_999, 10_000, 10_001, 15_000} {
		c := Code{Kind: OnPhone, At: noon.Unix()}
		v.Fresh = append(v.Fresh, freshVector{c.At, noon.UnixMilli() + ms, c.Fresh(noon.Add(time.Duration(ms) * time.Millisecond))})
	}
	now := two.Time("a gate", noon)
	for _, one := range []timeVector{
		{Reader: "a gate", Now: now.Now, KeyID: now.KeyID, Signature: now.Signature}, {Reader: "another", Now: now.Now, KeyID: now.KeyID, Signature: now.Signature},
		{Reader: "a gate", Now: now.Now + 1, KeyID: now.KeyID, Signature: now.Signature}, {Reader: "a gate", Now: now.Now, KeyID: "00000000", Signature: now.Signature},
		{Reader: "a gate", Now: now.Now, KeyID: now.KeyID, Signature: now.Signature[1:] + "A"}, {Reader: "a gate", Now: now.Now, KeyID: now.KeyID, Signature: "!"},
	} {
		one.Good = keys.VerifyTime(one.Reader, SignedTime{one.Now, one.KeyID, one.Signature})
		v.Times = append(v.Times, one)
	}
	hash := func(f fields) Digest {
		d, err := f.ticket().Digest()
		if err != nil {
			t.Fatal(err)
		}
		v.Digests = append(v.Digests, digestVector{f, hex.EncodeToString(d[:])})
		return d
	}
	l := List{ListHead{event, 1, 17, 0, 1_767_225_600_000_000}, []Digest{
		hash(fields{ann, 0, 1, 0}), hash(fields{ann, 1, 1, 0}), Nobody, hash(fields{bob, 3, 1, 0}), hash(fields{bob, 4, 1, 0}),
	}}
	c := Changes{ListHead{event, 1, 19, 2, 1_767_225_660_000_000}, []SeatChange{
		{0, hash(fields{ann, 0, 1, 1})}, {1, Nobody}, {2, hash(fields{ann, 2, 1, 0})}, {4, hash(fields{bob, 4, 1, 1})},
	}}
	hash(fields{ann, 79_999, 4_294_967_295, 65535})
	v.List, v.Changes = listVector{Base64: base64.StdEncoding.EncodeToString(encodeList(t, &l))}, listVector{}
	v.List.head(l.ListHead)
	for i, d := range l.Seats {
		v.List.Seats = append(v.List.Seats, seatVector{int32(i), hex.EncodeToString(d[:])})
	}
	b, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	v.Changes.Base64 = base64.StdEncoding.EncodeToString(b)
	v.Changes.head(c.ListHead)
	for _, s := range c.Seats {
		v.Changes.Seats = append(v.Changes.Seats, seatVector{s.Seat, hex.EncodeToString(s.Is[:])})
	}
	if err := l.Apply(&c); err != nil {
		t.Fatal(err)
	}
	check := func(name string, f fields) {
		v.Checks = append(v.Checks, checkedVector{name, f, slugOf(t, l.Check(f.ticket()))})
	}
	check("version 1", fields{bob, 3, 0, 0})
	check("version 2", fields{bob, 3, 1, 0})
	check("the newest issue", fields{ann, 0, 1, 1})
	check("replaced", fields{ann, 0, 1, 0})
	check("replaced, of version 1", fields{ann, 0, 0, 0})
	check("newer than the list", fields{ann, 0, 1, 2})
	check("given back", fields{ann, 1, 1, 0})
	check("moved to", fields{ann, 2, 1, 0})
	check("of somebody else", fields{bob, 2, 1, 0})
	check("bound to a phone", fields{bob, 4, 1, 1})
	check("printed before it was bound to a phone", fields{bob, 4, 1, 0})
	check("moved to another phone after the list", fields{bob, 4, 1, 2})
	check("another plan", fields{bob, 3, 2, 0})
	check("beyond the plan", fields{bob, 5, 1, 0})
	check("another event", fields{elsewhere, 3, 1, 0})
	return v
}

func (v *listVector) head(h ListHead) {
	v.Event, v.PlanVersion, v.LedgerSeq, v.IssueRev, v.MadeAt = h.EventID, h.PlanVersion, h.LedgerSeq, h.IssueRev, h.MadeAt
}

// changed is a token with the lowest bit of one of its bytes turned.
func changed(t *testing.T, token string, at int) string { return flipped(t, token, at, 1) }

func flipped(t testing.TB, token string, at int, bits byte) string {
	t.Helper()
	b, err := encoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= bits
	return encoding.EncodeToString(b)
}
