// Package google makes links that add a ticket to Google Wallet: a JWT, signed by the
// organizer's service account, with the event (EventTicketClass) and the ticket
// (EventTicketObject). Google makes both when somebody opens the link; nothing is sent to
// Google before.
//
// After Google's "Wallet API" reference (REST resources eventticketclass and
// eventticketobject, "Google Wallet API JWT") and the guide "Working with JSON Web
// Tokens", all below https://developers.google.com/wallet.
package google
