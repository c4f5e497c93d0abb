package bookingapi

import (
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// Selection says which seats of an event somebody wants: the seats with these
// labels, or a quantity of the best free ones. It is the only form of such a
// request: pages, the API and the console fill it in, and Service resolves it.
type Selection struct {
	Seats    []string `json:"seats,omitempty" maxItems:"100" doc:"Labels of the seats wanted: all of them or none are held." example:"[\"101-A-12\"]"`
	Quantity int      `json:"quantity,omitempty" minimum:"0" maximum:"100" doc:"Instead of seats: how many of the best that are free, together if possible."`
	Section  string   `json:"section,omitempty" maxLength:"100" doc:"With quantity: only in this section."`
	Tier     string   `json:"tier,omitempty" maxLength:"100" doc:"With quantity: only of this price tier, by id or name."`
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

// HoldRequest asks for seats of an event to be held for a while.
type HoldRequest struct {
	EventID string `json:"event_id" doc:"The event."`
	Selection
}

// Grant asks for seats to be taken out of the sale for nothing.
type Grant struct {
	EventID string
	Kind    string // Block or Complimentary
	UserID  string // complimentary: the account that gets the seats; "": none
	// To is whom complimentary seats without an account are for. It may be empty and
	// be told later, with GiveTo.
	To caller.Person
	Selection
}

// Cancellation asks for a hold to be given up, or for sold seats to be given back.
type Cancellation struct {
	BookingID string
	Version   int64    // Seq of the booking that the caller has seen; 0: any
	Seats     []string // labels of the seats; empty: all
}
