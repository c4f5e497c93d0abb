package bookingapi

// Filter says which bookings a list shows; empty fields allow all.
type Filter struct {
	UserID, EventID, Organizer string
	Status                     Status
	HeldAt                     int64  // µs since 1970: only holds that end after this time
	MadeUntil                  int64  // µs since 1970: only bookings that were made until then; 0: any
	Ticketed                   bool   // with EventID: only booked ones, and those that were cancelled together with the event; no blocks
	After                      string // the last booking id of the previous page
	Limit                      int    // maximum number of bookings in a page
}
