package ticket

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"boxoffice/internal/codec"
	"boxoffice/internal/id"
)

// vectors are examples of all encodings of the door. The check-in app reads the same
// file in its own tests, so that both programs decide alike.
type vectors struct {
	Keys    []jwk           `json:"keys"`
	Event   string          `json:"event"` // that the door is for
	Tokens  []tokenVector   `json:"tokens"`
	Digests []digestVector  `json:"digests"`
	List    listVector      `json:"list"`
	Changes listVector      `json:"changes"` // of the list
	Checks  []checkedVector `json:"checks"`  // tickets by the list after the changes
}

type tokenVector struct {
	Name  string `json:"name"`
	Token string `json:"token"`
	fields
	Refused string `json:"refused,omitempty"` // malformed, unknown-key, forged, other-event
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
	Bound  string `json:"bound,omitempty"` // key of a phone, hex
	Digest string `json:"digest"`          // hex
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
	Bound   string `json:"bound,omitempty"`
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
		v.Tokens = append(v.Tokens, tokenVector{name, token, fields{got.BookingID, got.Seat, got.PlanVersion, got.Issue}, slugOf(t, err)})
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
	token("version 3", changed(t, first, 0))
	token("cut off", first[:TokenLen-1])
	token("version 2 in the length of version 1", first[:tokenLen1])
	token("a web address", "HTTPS://EXAMPLE.ORG/")
	token("nothing", "")

	phone := bytes.Repeat([]byte{0xa5}, boundLen)
	hash := func(f fields, bound []byte) Digest {
		d, err := f.ticket().Digest(bound)
		if err != nil {
			t.Fatal(err)
		}
		v.Digests = append(v.Digests, digestVector{f, hex.EncodeToString(bound), hex.EncodeToString(d[:])})
		return d
	}
	l := List{ListHead{event, 1, 17, 0, 1_767_225_600_000_000}, []Digest{
		hash(fields{ann, 0, 1, 0}, nil), hash(fields{ann, 1, 1, 0}, nil), Nobody, hash(fields{bob, 3, 1, 0}, nil), hash(fields{bob, 4, 1, 0}, nil),
	}}
	c := Changes{ListHead{event, 1, 19, 2, 1_767_225_660_000_000}, []SeatChange{
		{0, hash(fields{ann, 0, 1, 1}, nil)}, {1, Nobody}, {2, hash(fields{ann, 2, 1, 0}, nil)}, {4, hash(fields{bob, 4, 1, 1}, phone)},
	}}
	hash(fields{ann, 79_999, 4_294_967_295, 65535}, nil)
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
	check := func(name string, f fields, bound []byte) {
		v.Checks = append(v.Checks, checkedVector{name, f, hex.EncodeToString(bound), slugOf(t, l.Check(f.ticket(), bound))})
	}
	check("version 1", fields{bob, 3, 0, 0}, nil)
	check("version 2", fields{bob, 3, 1, 0}, nil)
	check("the newest issue", fields{ann, 0, 1, 1}, nil)
	check("replaced", fields{ann, 0, 1, 0}, nil)
	check("replaced, of version 1", fields{ann, 0, 0, 0}, nil)
	check("newer than the list", fields{ann, 0, 1, 2}, nil)
	check("given back", fields{ann, 1, 1, 0}, nil)
	check("moved to", fields{ann, 2, 1, 0}, nil)
	check("of somebody else", fields{bob, 2, 1, 0}, nil)
	check("bound to a phone", fields{bob, 4, 1, 1}, phone)
	check("bound to a phone, printed", fields{bob, 4, 1, 1}, nil)
	check("another plan", fields{bob, 3, 2, 0}, nil)
	check("beyond the plan", fields{bob, 5, 1, 0}, nil)
	check("another event", fields{elsewhere, 3, 1, 0}, nil)
	return v
}

func (v *listVector) head(h ListHead) {
	v.Event, v.PlanVersion, v.LedgerSeq, v.IssueRev, v.MadeAt = h.EventID, h.PlanVersion, h.LedgerSeq, h.IssueRev, h.MadeAt
}

// changed is a token with the lowest bit of one of its bytes turned.
func changed(t *testing.T, token string, at int) string {
	t.Helper()
	b, err := encoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 1
	return encoding.EncodeToString(b)
}
