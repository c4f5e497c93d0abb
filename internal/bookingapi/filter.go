package bookingapi

// Filter says which bookings a list shows; empty fields allow all.
type Filter struct {
	UserID, EventID, Organizer string
	Status                     Status
	HeldAt                     int64  // µs since 1970: only holds that last longer than until then
	After                      string // booking id, exclusive: where the page before ended
	Limit                      int    // most bookings of a page
}
