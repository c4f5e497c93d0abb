package invoiceapi

import (
	"context"
	"iter"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/paymentapi"
)

// Service is the invoice service as the pages may use it.
//
// Errors carry a kind and a slug. A caller who may not see something gets NotFound for
// it, and Unauthenticated (sign-in-required) when nobody is signed in.
type Service interface {
	Sellers
	Documents
	Buyers
	Settlements
}

// Sellers keeps the details of sellers. Organizers have their own, admins change any.
type Sellers interface {
	// Seller returns the current details; Version 0: there are none.
	Seller(ctx context.Context, c caller.Caller, id string) (Seller, error)
	// SetSeller stores new details. Invalid names the fields, as the API does.
	// Precondition changed-meanwhile: version is not the current one (0: any;
	// errs.NotYet: there must be none). TooMany too-many-changes: there were 20 changes
	// within a day.
	SetSeller(ctx context.Context, c caller.Caller, id string, version int64, s Seller) (Seller, error)
}

// Documents issues and reads invoices and credit notes.
type Documents interface {
	// OfBooking returns the documents of a booking, oldest first, for those who may read
	// it: its owner, anybody with the token of its signed link, the event's organizer and
	// admins. What is due and was not issued yet is issued. Bookings that cost nothing,
	// are not paid, or whose seller has given no details have none.
	OfBooking(ctx context.Context, c caller.Caller, bookingID, token string) ([]Document, error)
	// OfSeller lists the documents of a seller in a year, in the order of their numbers,
	// those after one. Years lists the years in which there are some, latest first.
	OfSeller(ctx context.Context, c caller.Caller, sellerID string, year, after int64, limit int) ([]Document, error)
	Years(ctx context.Context, c caller.Caller, sellerID string) ([]int64, error)
	// PDF renders a document in a language.
	PDF(ctx context.Context, d *Document, lang string) ([]byte, error)
}

// Buyers keeps whom invoices name, until they are issued: when a booking is paid.
// Otherwise they have the name of the booking's account alone. A booking's owner and admins
// may read and change it; others who may read the booking get Forbidden
// (not-yours-to-change).
type Buyers interface {
	// Buyer returns whom the invoice for a booking names. Conflict no-invoice: there will
	// be none, since the booking costs nothing or is over, or its seller has given no
	// details.
	Buyer(ctx context.Context, c caller.Caller, bookingID string) (Buyer, error)
	// SetBuyer stores it; an empty party takes it back. Invalid names the fields, as the
	// API does. Conflict no-invoice: as of Buyer; invoice-issued: it is too late.
	// Precondition changed-meanwhile: as of Sellers.SetSeller.
	SetBuyer(ctx context.Context, c caller.Caller, bookingID string, version int64, p Party) (Buyer, error)
}

// Settlements settle with organizers.
type Settlements interface {
	// Settlement adds up what the journal of payments has of an event, for its organizer
	// and admins.
	Settlement(ctx context.Context, c caller.Caller, eventID string) (Settlement, error)
	// Movements are the postings of an event that moved money, oldest first, for the same
	// readers.
	Movements(ctx context.Context, c caller.Caller, eventID string) (iter.Seq2[paymentapi.Posting, error], error)
	// SettlementPDF renders a settlement in a language.
	SettlementPDF(ctx context.Context, s *Settlement, lang string) ([]byte, error)
}

// Problems are the errors of the operations about sellers and invoices.
var Problems = errs.Problems{
	Types: map[string]errs.ProblemType{
		"too-many-changes": {Kind: errs.TooMany, Says: "The details have changed too often within a day. Retry-After says when to go on, in seconds."},
		"no-invoice":       {Kind: errs.Conflict, Says: "There will be no invoice: the booking costs nothing, is cancelled or expired, or its organizer issues none."},
		"invoice-issued":   {Kind: errs.Conflict, Says: "The invoice is issued, and documents never change. The organizer can correct it."},
	},
	Operations: map[string][]string{
		"update-seller": {"changed-meanwhile", "too-many-changes"},

		"get-invoice-details":    {"no-invoice", "not-yours-to-change"},
		"update-invoice-details": {"no-invoice", "invoice-issued", "changed-meanwhile", "not-yours-to-change"},
	},
}

// One returns the document of a booking that has a number.
func One(ctx context.Context, from Documents, c caller.Caller, bookingID, token, number string) (*Document, error) {
	list, err := from.OfBooking(ctx, c, bookingID, token)
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Number == number {
			return &list[i], nil
		}
	}
	return nil, errs.Missing("invoice")
}
