package notifyapi

// Bounce is what a mail server reports of a mail that it could not deliver.
type Bounce struct {
	MessageID string // of the mail; "": the report does not say which
	Recipient string
	Status    string // enhanced code (RFC 3463), such as 5.1.1; "": unknown
	Answer    string // for people
}
