package eventapi

// Status is the state of an event and of its sale.
type Status string

// The stored states. An event is shown as "past" once it is over; no row says so.
const (
	Draft     Status = "draft"
	Published Status = "published" // visible, not for sale yet
	OnSale    Status = "on_sale"
	Cancelled Status = "cancelled"
)
