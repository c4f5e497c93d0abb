package notifyapi

import (
	"context"
	"time"
)

// Service is the Notification Service.
type Service interface {
	// Notify takes notices. Once it returns nil they are stored: each is sent, or
	// given up with a reason in the log, whatever happens to this node. After an error
	// the caller tries again with the same notices: one whose ID was taken before is
	// ignored, whatever else it says. It does not wait for the mail server.
	//
	// A notice that cannot be sent because its address is none is taken, too, and
	// recorded as failed. A notice without an ID or of an unknown kind is a mistake of
	// the caller: Notify then takes none of the list and returns an error of kind
	// Invalid.
	Notify(ctx context.Context, list []Notice) error

	// Forget removes the address of an account's owner from the log, and gives up what
	// they were not told yet. It may be called again.
	Forget(ctx context.Context, userID string) error
}

// Kind is what a notice tells.
type Kind string

// The kinds, and the data that each needs.
const (
	Verify          Kind = "verify"           // how to confirm an address: Link, Code, Minutes
	AccountExists   Kind = "account-exists"   // somebody signed up with the address of an account: Link, Forgot
	Reset           Kind = "reset"            // how to choose a new password: Link
	Code            Kind = "code"             // a code: Code, Minutes
	PasswordChanged Kind = "password-changed" // there is a new password
	AddressChanged  Kind = "address-changed"  // the account has another address now; it goes to the old one
	Booked          Kind = "booked"           // an order is paid, or booked for nothing: Event, Order, Link
	Gift            Kind = "gift"             // complimentary seats: Event, Order, Link
	EventMoved      Kind = "event-moved"      // an event takes place at another time or venue: Event, Before, Order, Link, CancelUntil or CancelAnyTime
	EventCancelled  Kind = "event-cancelled"  // an event does not take place: Event, Order, Link
	Reminder        Kind = "reminder"         // an event takes place tomorrow: Event, Order, Link
	Refunded        Kind = "refunded"         // seats were given back, and the money for them: Event, Order (those seats), Refund, Link
	PaidTooLate     Kind = "paid-too-late"    // a payment could not be used, and its money comes back: Event, Order, Refund, Link
	WebhookOff      Kind = "webhook-off"      // an organizer's webhook was switched off: Webhook, Link
	Disputed        Kind = "disputed"         // a buyer disputes a payment with an organizer, or that was decided: Event, Order (without seats), Dispute, Link
	RefundFailed    Kind = "refund-failed"    // a refund of an organizer's event has failed: Event, Order (without seats), Refund, Link
	RefundCameBack  Kind = "refund-came-back" // the buyer's bank has sent a refund back: Event, Order, Refund, Link
	Announcement    Kind = "announcement"     // an organizer has something to say: Event, Organizer, Message; Link, if there is one order
)

// Kinds are all of them.
var Kinds = []Kind{Verify, AccountExists, Reset, Code, PasswordChanged, AddressChanged, Booked, Gift, Refunded, PaidTooLate, EventMoved, EventCancelled, Reminder, WebhookOff, Disputed, RefundFailed, RefundCameBack, Announcement}

// Notice is something to be told to one person.
type Notice struct {
	ID   string // the same whenever the same thing is told to the same person: it makes the notice once
	Kind Kind
	To   string // email address
	Name string // of the person; "": not known, or chosen by somebody who may be a stranger
	Lang string // of the person, as in locale.Languages; "": not known

	// Phone is the person's mobile number in E.164; "": none. What is urgent is told there,
	// too: that an event was cancelled or moved within 48 hours of its start.
	Phone string

	// What it is about, for the log; "": nothing of the sort.
	UserID, EventID, BookingID string

	Until time.Time // after this it is useless and no longer sent; zero: for as long as mails are tried
	Data  Data

	// After is the id of a mailing that tells about the order first; "": none. The notice
	// waits until the mailing has told the recipient, or tells them nothing: a quarter of
	// an hour at most for it to begin, and a day in all.
	After string
}

// Data is what a notice tells. Links and codes are secrets: they are stored until the
// notice was sent or given up, and never in the log.
//
// It is stored as JSON that other versions read. Fields are only added; unknown ones
// are ignored.
type Data struct {
	Link    string   `json:"link,omitempty"`    // complete address of the page that it leads to
	Forgot  string   `json:"forgot,omitempty"`  // complete address of the page for a forgotten password
	Code    string   `json:"code,omitempty"`    // as people read it
	Minutes int      `json:"minutes,omitempty"` // how long the code is valid
	Event   *Event   `json:"event,omitempty"`
	Before  *Event   `json:"before,omitempty"` // as it was; Event is as it is now
	Order   *Order   `json:"order,omitempty"`
	Refund  *Refund  `json:"refund,omitempty"`
	Webhook *Webhook `json:"webhook,omitempty"`
	Dispute *Dispute `json:"dispute,omitempty"`

	// Unsure says that the recipient may know Before, or Event: Before is not shown.
	Unsure bool `json:"unsure,omitempty"`
	// Known lists the states of a mailing's event that orders were made under, oldest first.
	// What each recipient is told follows from it. If it is empty, everybody knows the same:
	// Before, or Event if there is no Before.
	Known []Known `json:"known,omitempty"`

	CancelUntil   time.Time `json:"cancel_until,omitzero"`     // until when the order may be cancelled for its money; zero: see CancelAnyTime
	CancelAnyTime bool      `json:"cancel_any_time,omitempty"` // it may, without a time limit
	Message       *Message  `json:"message,omitempty"`

	// Organizer is whose event it is about; kinds with a topic need it (see TopicOf).
	Organizer *Organizer `json:"organizer,omitempty"`
	// Unsubscribe is the complete address at which the recipient unsubscribes from the
	// topic. The service fills it in when it writes the mail.
	Unsubscribe string `json:"-"`
}

// Known is what an event was like when some orders were made.
type Known struct {
	Until time.Time `json:"until"` // those that were made until then, after those of the Known before
	Event Event     `json:"event"`
	Told  *Event    `json:"told,omitempty"` // other states that were taken together with it: the first of them; nil: none
}

// Event is an event as a notice tells of it.
type Event struct {
	Title   string    `json:"title"`
	Starts  time.Time `json:"starts,omitzero"` // zero: to be announced
	Date    string    `json:"date,omitempty"`  // day (2006-01-02) of an event whose time is to be announced
	Zone    string    `json:"zone"`            // IANA name of the venue's time zone
	Venue   string    `json:"venue"`
	Address string    `json:"address,omitempty"`
	City    string    `json:"city,omitempty"`
}

// Webhook is a webhook as a notice tells of it.
type Webhook struct {
	URL  string `json:"url"`
	Gone bool   `json:"gone,omitempty"` // its server wants no more messages; otherwise it failed for days
}

// Dispute is a disputed payment as a notice tells of it.
type Dispute struct {
	State  string    `json:"state"`            // open, won (for the organizer), lost
	Amount int64     `json:"amount"`           // that the buyer disputes, minor units
	Reason string    `json:"reason,omitempty"` // as the payment gateway names it
	Due    time.Time `json:"due,omitzero"`     // until when evidence counts; zero: not known
	Back   int64     `json:"back,omitempty"`   // that the buyer had got back of the payment before, minor units
}

// Message is what an organizer has to say, in their own words.
type Message struct {
	Subject string `json:"subject"`        // one line
	Text    string `json:"text"`           // plain text; empty lines separate paragraphs
	Test    bool   `json:"test,omitempty"` // only its author gets it
}

// Order is an order as a notice tells of it.
type Order struct {
	Reference string  `json:"reference"` // for people
	Places    []Place `json:"places"`
	Amount    int64   `json:"amount"` // paid, all fees included, in minor units; 0: nothing had to be paid
	Currency  string  `json:"currency"`
	Money     string  `json:"money,omitempty"` // RealMoney or TestMoney; "": it costs nothing, or that is not known

	Late string  `json:"late,omitempty"` // as bookingapi.Late: the payment came after the hold had ended
	Held []Place `json:"held,omitempty"` // the seats that had been held, if others were booked

	Moved *Moved `json:"moved,omitempty"` // its tickets are sent because it was moved to other seats
}

// What an order was paid with.
const (
	RealMoney = "real"
	TestMoney = "test"
)

// Moved is what an order was moved from.
type Moved struct {
	From []Place `json:"from"`
	Note string  `json:"note"` // why, in the organizer's words
}

// Refund is money that goes back, as a notice tells of it. It has the order's currency.
type Refund struct {
	Amount int64 `json:"amount"` // minor units

	// Of seats that were given back.
	Left int   `json:"left,omitempty"` // seats that the order still has
	Off  bool  `json:"off,omitempty"`  // the event is cancelled
	Kept int64 `json:"kept,omitempty"` // minor units: what the organizer keeps of their price

	Goodwill bool   `json:"goodwill,omitempty"` // no seats were cancelled for it
	Note     string `json:"note,omitempty"`     // why the organizer gave it back

	CameBack bool `json:"came_back,omitempty"` // it was made, and the money came back

	// Of a payment that could not be used, or a refund that has failed.
	Reason string `json:"reason,omitempty"` // why: a slug of the booking service, or of the payment service
	Taken  bool   `json:"taken,omitempty"`  // the money was taken, and not only reserved
	Again  bool   `json:"again,omitempty"`  // Link leads to the event, where there may still be seats
}

// Place is a seat, or a place in a general-admission area.
type Place struct {
	Section string `json:"section"`
	Row     string `json:"row,omitempty"`
	Number  string `json:"number,omitempty"`
	Price   int64  `json:"price,omitempty"` // in minor units; 0: not shown
}
