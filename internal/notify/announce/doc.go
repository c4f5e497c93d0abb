// Package announce lets organizers write to everybody who has tickets for an event.
//
//	draft ─► preview, test mail to its author ─► sent: a mailing ─► progress, stop
//
//	announce.go  what organizers do
//	check.go     what they may write
//	store.go     the tables
//	http.go      operations of the API
//
// Sending is one transaction: the draft becomes sent, the limits are counted, and the
// mailing begins. What was sent stays, with who sent it and when.
package announce
