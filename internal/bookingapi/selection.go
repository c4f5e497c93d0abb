package bookingapi

import (
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// Selection says which seats of an event somebody wants: named seats, or a quantity
// of the best free ones. Pages, the API and the console all fill it in, and Service
// resolves it.
type Selection struct {
	Seats    []string `json:"seats,omitempty" maxItems:"100" doc:"Labels of the seats to hold. Either all of them are held, or none." example:"[\"101-A-12\"]"`
	Quantity int      `json:"quantity,omitempty" minimum:"0" maximum:"100" doc:"Instead of seats: the number of seats. The best free ones are chosen, together if possible."`
	Section  string   `json:"section,omitempty" maxLength:"100" doc:"Only with quantity: the id of the section to choose from."`
	Tier     string   `json:"tier,omitempty" maxLength:"100" doc:"Only with quantity: the id or name of the price tier to choose from."`
}

// Count is how many seats are wanted.
func (s Selection) Count() int { return max(len(s.Seats), s.Quantity) }

// Check refuses a selection that names both seats and a quantity, or neither.
func (s Selection) Check() error {
	switch {
	case len(s.Seats) > 0 && (s.Quantity != 0 || s.Section != "" || s.Tier != ""):
		return errs.Bad("seats", "cannot-combine", "cannot be combined with quantity, section or tier")
	case len(s.Seats) == 0 && s.Quantity == 0:
		return errs.Fields([]errs.Field{
			{Name: "seats", Code: "required", Reason: "must name the seats to take, unless quantity says how many"},
			{Name: "quantity", Code: "required", Reason: "must be 1 or more, unless seats are named"},
		})
	}
	return nil
}

// HoldRequest asks for seats of an event to be held for a few minutes.
type HoldRequest struct {
	EventID string `json:"event_id" doc:"Id of the event."`
	Selection
}

// Grant asks to take seats out of the sale free of charge.
type Grant struct {
	EventID string
	Kind    string // Block or Complimentary
	UserID  string // complimentary: the account that gets the seats; "": none
	// To is the recipient of complimentary seats that belong to no account. It may be
	// empty, and set later with GiveTo.
	To caller.Person
	Selection
}

// Cancellation asks to release a hold or to give sold seats back.
type Cancellation struct {
	BookingID string
	Version   int64    // Seq of the booking that the caller has seen; 0: any
	Seats     []string // labels of the seats; empty: all
	Refund    *int64   // minor units: refused unless this goes back; nil: any amount
}
