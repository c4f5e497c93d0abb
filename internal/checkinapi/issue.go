package checkinapi

// Issue says which code of a seat is the current one.
type Issue struct {
	Number   uint16 // grows by one with each re-issue; 0: the first
	BoundKey []byte // 32 bytes of the public key of the phone that shows the ticket; nil: none
}

// ReissueRequest asks for new codes for seats of a booking.
type ReissueRequest struct {
	BookingID string
	Seats     []string // labels; none: all
	Reason    string
}
