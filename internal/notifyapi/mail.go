// Package notifyapi is the contract of the notification service: what others may
// have sent.
package notifyapi

import "context"

// Mail is one message in plain text. A line that is nothing but a link can be
// clicked on.
type Mail struct {
	To, Subject, Text string
}

// Mailer sends mails.
type Mailer interface {
	// Deliver takes a mail over: when it returns nil, the mail is not lost. A mail
	// whose address cannot be one is logged and dropped. After an error the caller
	// tries again later; the mail may then arrive twice.
	Deliver(ctx context.Context, m Mail) error
}
