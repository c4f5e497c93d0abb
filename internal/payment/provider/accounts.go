package provider

// Accounts is implemented by gateways that can pass the money for an organizer's events on
// to an account of the organizer's own. Accounts returns these by the organizers' ids;
// the money for others stays with this ticket office. It is the same as long as the
// gateway is open.
type Accounts interface {
	Accounts() map[string]string
}
