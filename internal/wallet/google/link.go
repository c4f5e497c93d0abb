package google

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"boxoffice/internal/id"
	"boxoffice/internal/walletapi"
)

// saveURL is where a link leads, before the JWT.
const saveURL = "https://pay.google.com/gp/v/save/"

// longest is how many characters a JWT may have: browsers may cut off longer ones, says the
// guide "Issue passes over the web".
const longest = 1800

// ErrTooLong says that a ticket does not fit in a link.
var ErrTooLong = errors.New("the ticket does not fit in a link to Google Wallet")

// claims are those of a JWT that saves passes.
type claims struct {
	Issuer   string   `json:"iss"`
	Audience string   `json:"aud"`
	Type     string   `json:"typ"`
	IssuedAt int64    `json:"iat"`
	Origins  []string `json:"origins"` // of pages with Google's button; a link needs none
	Payload  payload  `json:"payload"`
}

type payload struct {
	Classes []class  `json:"eventTicketClasses"`
	Objects []object `json:"eventTicketObjects"`
}

// class is an EventTicketClass: the event.
type class struct {
	ID           string    `json:"id"`
	IssuerName   string    `json:"issuerName"`
	ReviewStatus string    `json:"reviewStatus"`
	EventName    localized `json:"eventName"`
	Venue        *venue    `json:"venue,omitempty"`
	DateTime     *dateTime `json:"dateTime,omitempty"`
}

type venue struct {
	Name    localized `json:"name"`
	Address localized `json:"address"` // Google demands both
}

type dateTime struct {
	Start string `json:"start"`
}

// object is an EventTicketObject: a ticket.
type object struct {
	ID              string           `json:"id"`
	ClassID         string           `json:"classId"`
	State           string           `json:"state"`
	Barcode         *barcode         `json:"barcode,omitempty"`
	RotatingBarcode *RotatingBarcode `json:"rotatingBarcode,omitempty"` // in place of barcode
	SeatInfo        seatInfo         `json:"seatInfo"`
	Holder          string           `json:"ticketHolderName,omitempty"`
	Reservation     *reservation     `json:"reservationInfo,omitempty"`
	TicketType      *localized       `json:"ticketType,omitempty"`
}

type barcode struct {
	Type  string `json:"type"`
	Value string `json:"value"`
	Text  string `json:"alternateText,omitempty"`
}

// RotatingBarcode is a code that changes with time (the reference's RotatingBarcode).
type RotatingBarcode struct {
	Type         string      `json:"type"`
	ValuePattern string      `json:"valuePattern"` // with {totp_value_0} and {totp_timestamp_seconds}
	TOTP         TOTPDetails `json:"totpDetails"`
	Text         string      `json:"alternateText,omitempty"`
}

// TOTPDetails say how the changing values are made (RFC 6238).
type TOTPDetails struct {
	PeriodMillis string          `json:"periodMillis"` // an int64 in JSON of Google's
	Algorithm    string          `json:"algorithm"`    // TOTP_SHA1
	Parameters   []TOTPParameter `json:"parameters"`
}

// TOTPParameter is the secret of one value.
type TOTPParameter struct {
	Key         string `json:"key"` // base 16
	ValueLength int    `json:"valueLength"`
}

type seatInfo struct {
	Section *localized `json:"section,omitempty"`
	Row     *localized `json:"row,omitempty"`
	Seat    *localized `json:"seat,omitempty"`
}

// short is all of it in one field.
func (i seatInfo) short() seatInfo {
	var parts []string
	for _, one := range []*localized{i.Section, i.Row, i.Seat} {
		if one != nil {
			parts = append(parts, one.Default.Value)
		}
	}
	return seatInfo{Seat: textUnlessEmpty(strings.Join(parts, " "))}
}

type reservation struct {
	Code string `json:"confirmationCode"`
}

type localized struct {
	Default translated `json:"defaultValue"`
}

type translated struct {
	Language string `json:"language"`
	Value    string `json:"value"`
}

// text is a text that is shown to everybody; Google demands that it names a language.
func text(value string) localized { return localized{translated{"en", value}} }

func textUnlessEmpty(value string) *localized {
	if value == "" {
		return nil
	}
	t := text(value)
	return &t
}

// Link makes the address that adds an order's seat to Google Wallet. What does not fit is
// left out: first what people need least.
func (a *Account) Link(o *walletapi.Order, ordinal int32, now time.Time) (string, error) {
	seat := o.Seat(ordinal)
	if seat == nil {
		return "", fmt.Errorf("google wallet: booking %s has no ticket for seat %d", o.BookingID, ordinal)
	}
	c := claims{Issuer: a.email, Audience: "google", Type: "savetowallet", IssuedAt: now.Unix(), Origins: []string{}, Payload: payload{[]class{a.class(o)}, []object{a.object(o, seat)}}}
	event, ticket := &c.Payload.Classes[0], &c.Payload.Objects[0]
	for _, shorten := range []func(){
		func() {},
		func() { ticket.noText() },
		func() { ticket.TicketType = nil },
		func() { ticket.Reservation = nil },
		func() { event.IssuerName = cut(event.IssuerName, 30) },
		func() { event.EventName = text(cut(event.EventName.Default.Value, 40)) },
		func() { ticket.Holder = "" },
		func() { event.Venue = nil },
		func() { ticket.SeatInfo = ticket.SeatInfo.short() },
		func() { event.IssuerName = cut(event.IssuerName, 12) },
		func() { event.EventName = text(cut(event.EventName.Default.Value, 20)) },
		func() { event.DateTime = nil },
	} {
		shorten()
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, c)
		signed, err := token.SignedString(a.key)
		if err != nil {
			return "", fmt.Errorf("google wallet: %w", err)
		}
		if len(signed) <= longest {
			return saveURL + signed, nil
		}
	}
	return "", ErrTooLong
}

// class is the event. Google keeps the class that it has made first under an id, so each
// version of an event is a class of its own.
func (a *Account) class(o *walletapi.Order) class {
	c := class{
		ID:         a.Issuer + "." + id.Event(o.BookingID) + "-" + strconv.FormatInt(o.EventVersion, 10),
		IssuerName: o.Organizer, ReviewStatus: "UNDER_REVIEW", EventName: text(o.Event),
	}
	if o.Test {
		c.EventName = text("TEST: " + o.Event)
	}
	if o.Venue != "" && o.Address != "" {
		c.Venue = &venue{text(o.Venue), text(o.Address)}
	}
	switch {
	case !o.Starts.IsZero():
		c.DateTime = &dateTime{o.Starts.Format(time.RFC3339)}
	case o.Date != "":
		c.DateTime = &dateTime{o.Date}
	}
	return c
}

func (a *Account) object(o *walletapi.Order, s *walletapi.Seat) object {
	t := object{
		ID: a.Issuer + "." + o.BookingID[id.Len:] + "-" + strconv.Itoa(int(s.Ordinal)) + "-" + strconv.Itoa(int(s.Issue)), ClassID: a.class(o).ID, State: "ACTIVE",
		SeatInfo: seatInfo{textUnlessEmpty(s.Section), textUnlessEmpty(s.Row), textUnlessEmpty(s.Number)},
		Holder:   o.Holder, Reservation: &reservation{o.Reference}, TicketType: textUnlessEmpty(s.Tier),
	}
	if s.Rotates == nil {
		t.Barcode = &barcode{Type: "QR_CODE", Value: s.Token, Text: o.Reference}
		return t
	}
	t.RotatingBarcode = &RotatingBarcode{
		Type: "QR_CODE", ValuePattern: s.Rotates.Token + "{totp_timestamp_seconds}{totp_value_0}", Text: o.Reference,
		TOTP: TOTPDetails{strconv.FormatInt(s.Rotates.Period.Milliseconds(), 10), "TOTP_SHA1", []TOTPParameter{{hex.EncodeToString(s.Rotates.Secret), s.Rotates.Digits}}},
	}
	return t
}

// noText leaves out the text below the code.
func (t *object) noText() {
	if t.RotatingBarcode != nil {
		t.RotatingBarcode.Text = ""
	} else {
		t.Barcode.Text = ""
	}
}

// cut shortens a text to at most n characters.
func cut(value string, n int) string {
	if r := []rune(value); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return value
}

// The claims are checked by Google, not here.
func (claims) GetExpirationTime() (*jwt.NumericDate, error) { return nil, nil } //nolint:nilnil // none
func (claims) GetIssuedAt() (*jwt.NumericDate, error)       { return nil, nil } //nolint:nilnil // see iat
func (claims) GetNotBefore() (*jwt.NumericDate, error)      { return nil, nil } //nolint:nilnil // none
func (c claims) GetIssuer() (string, error)                 { return c.Issuer, nil }
func (claims) GetSubject() (string, error)                  { return "", nil }
func (c claims) GetAudience() (jwt.ClaimStrings, error)     { return jwt.ClaimStrings{c.Audience}, nil }
