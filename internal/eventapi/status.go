package eventapi

// Status is the state of an event and of its sale.
type Status string

// The stored states.
const (
	Draft     Status = "draft"
	Published Status = "published" // visible, not for sale yet
	OnSale    Status = "on_sale"
	Cancelled Status = "cancelled"
)

// Past is the status that readers see for public events that are over. It is never
// stored.
const Past Status = "past"

// Further statuses for filters: upcoming events, or events of any status.
const (
	Upcoming Status = "upcoming"
	All      Status = "all"
)
