package userapi

// Topic is the topic of messages about accounts; their key is the account's id. They are
// ordered. They carry no personal data, since brokers keep what they carried for a while.
const Topic = "users"

// TypeDeleted says that an account was deleted: services forget it, and undo what its
// requests under way have done since. Such requests may still come, so it is said again,
// with the same Since, for a day; each is a DeletedMessage.
const TypeDeleted = "deleted"

// DeletedMessage says that an account was deleted.
type DeletedMessage struct {
	UserID string `json:"user_id"`
	// Since is when something may first have been done that the deletion did not see,
	// µs since 1970. Earlier bookings stay as they are.
	Since int64 `json:"since"`
	// Spared are the events that were over when the account was deleted: bookings for
	// them stay, too.
	Spared []string `json:"spared,omitempty"`
}
