package bookingapi

// SalesTopic is the topic of the booking side's answers to changes of events; their key is
// the event's id. They are ordered.
const SalesTopic = "sales"

// Types of answers; each is an AnswerMessage.
const (
	TypeAccepted = "accepted" // the state is sold, and makes up for earlier ones
	TypeRefused  = "refused"  // the state can never be sold
)

// AnswerMessage says what became of a new state of an event's sale.
type AnswerMessage struct {
	Version int64  `json:"version"`          // of the event
	Type    string `json:"type,omitempty"`   // of the refusal, as errs.Error
	Detail  string `json:"detail,omitempty"` // of the refusal
}
