// Package notify is the Notification Service: it keeps what people are to be told, and
// tells them by mail, and by text message if it is urgent.
//
//	Notify ─► notices (queued) ─► claim ─► letter.Render ─► mail.Sender ─► sent, failed
//	                 ▲                                           │
//	                 └────────── later, after growing pauses ◄───┘
//
// A mailing tells all who have tickets for an event: it becomes notices page by page, and
// remembers in the same transaction where it is. A text message is a notice of its own,
// beside the mail with the same news: it has its own queue (texts.go).
//
// The table notices is the queue and the log. Any node sends what is due: a claim keeps
// other nodes away for some minutes, so a notice whose node has died is sent by another.
// A mail server that refuses one mail for now delays that mail alone; one that cannot
// be reached stops sending until it can, and no notice uses up an attempt.
//
// A mail is sent once, with one exception that SMTP leaves open: when the node or the
// connection ends between the moment the server took the mail and the moment this was
// recorded, the mail is sent again, with the same Message-ID.
package notify
