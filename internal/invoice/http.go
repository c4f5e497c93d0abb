package invoice

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/locale"
	"boxoffice/internal/route"
)

const private = "private, no-store"

// SellerBody is a seller as clients see and send it. It is exported because the description
// of the API leaves out what is embedded and is not.
type SellerBody struct {
	Name       string `json:"name" maxLength:"200" doc:"Name of the seller, as it is printed on invoices." example:"Stadttheater Neustadt gGmbH"`
	Street     string `json:"street" maxLength:"200" doc:"Street and number." example:"Theaterplatz 1"`
	PostalCode string `json:"postal_code,omitempty" maxLength:"20" doc:"Postal code." example:"10115"`
	City       string `json:"city" maxLength:"100" example:"Berlin"`
	Country    string `json:"country" maxLength:"2" doc:"Country code, ISO 3166-1 alpha-2." example:"DE"`
	VATNumber  string `json:"vat_number,omitempty" maxLength:"40" doc:"VAT identification number. Of countries of the EU, of Switzerland, Norway and the United Kingdom, form and check digits are checked." example:"DE136695976"`
	TaxNumber  string `json:"tax_number,omitempty" maxLength:"30" doc:"Number of the local tax office." example:"29/815/00815"`
	TaxRate    int64  `json:"tax_rate,omitempty" minimum:"0" maximum:"9999" doc:"Tax that prices of events without fee_rules contain, in hundredths of a percent: 700 is 7 %." example:"700"`
	TaxNote    string `json:"tax_note,omitempty" maxLength:"300" doc:"Printed below the total, such as the reason why there is no tax." example:"Umsatzsteuerfrei nach § 4 Nr. 20 UStG."`
	Contact    string `json:"contact,omitempty" maxLength:"300" doc:"Printed below the address: email, phone, website." example:"tickets@stadttheater.example"`
	Prefix     string `json:"prefix,omitempty" maxLength:"12" doc:"Beginning of the numbers of invoices: letters A to Z and digits." example:"TH"`
	TimeZone   string `json:"time_zone,omitempty" maxLength:"64" doc:"IANA name of the time zone of the invoices' dates, and of the year in their numbers. Default: UTC." example:"Europe/Berlin"`
}

// sellerShown is a seller as clients see it.
type sellerShown struct {
	SellerBody
	Version int64 `json:"version" doc:"Number that grows with each change. 0: nothing is known yet, and no invoices are issued." example:"1"`
}

func shown(d *invoiceapi.Seller) sellerShown {
	return sellerShown{SellerBody{d.Name, d.Street, d.PostalCode, d.City, d.Country, d.VATNumber, d.TaxNumber, d.TaxRate, d.TaxNote, d.Contact, d.Prefix, d.Zone}, d.Version}
}

func (b *SellerBody) seller() invoiceapi.Seller {
	return invoiceapi.Seller{
		Party:     invoiceapi.Party{Name: b.Name, Street: b.Street, PostalCode: b.PostalCode, City: b.City, Country: b.Country, VATNumber: b.VATNumber},
		TaxNumber: b.TaxNumber, TaxRate: b.TaxRate, TaxNote: b.TaxNote, Contact: b.Contact, Prefix: b.Prefix, Zone: b.TimeZone,
	}
}

type sellerOut struct {
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Body         sellerShown
}

func answer(d invoiceapi.Seller, err error) (*sellerOut, error) {
	if err != nil {
		return nil, err
	}
	body := shown(&d)
	raw, err := codec.Marshal(body)
	return &sellerOut{errs.ETag(d.Version, raw), private, body}, err
}

// partyBody is a party as documents name it.
type partyBody struct {
	Name       string `json:"name" doc:"Name of the party." example:"Ada Lovelace"`
	Street     string `json:"street,omitempty" doc:"Street and number." example:"Theaterplatz 1"`
	PostalCode string `json:"postal_code,omitempty" doc:"Postal code." example:"10115"`
	City       string `json:"city,omitempty" example:"Berlin"`
	Country    string `json:"country,omitempty" doc:"Country code, ISO 3166-1 alpha-2." example:"DE"`
	VATNumber  string `json:"vat_number,omitempty" doc:"VAT identification number." example:"DE136695976"`
}

// invoiceDetails is whom an invoice names, as clients send it.
type invoiceDetails struct {
	Name       string `json:"name,omitempty" maxLength:"200" doc:"Name of the company or person, as it is printed on the invoice." example:"Lovelace & Babbage GmbH"`
	Street     string `json:"street,omitempty" maxLength:"200" doc:"Street and number." example:"Rechenweg 12"`
	PostalCode string `json:"postal_code,omitempty" maxLength:"20" doc:"Postal code." example:"10115"`
	City       string `json:"city,omitempty" maxLength:"100" example:"Berlin"`
	Country    string `json:"country,omitempty" maxLength:"2" doc:"Country code, ISO 3166-1 alpha-2." example:"DE"`
	VATNumber  string `json:"vat_number,omitempty" maxLength:"40" doc:"VAT identification number, checked as a seller's. It is printed, and changes no tax." example:"DE136695976"`
}

// detailsShown is whom an invoice names, as clients see it.
type detailsShown struct {
	Name       string `json:"name" doc:"Name of the company or person. Empty: nothing was given, and the invoice will have the name of the account." example:"Lovelace & Babbage GmbH"`
	Street     string `json:"street,omitempty" doc:"Street and number." example:"Rechenweg 12"`
	PostalCode string `json:"postal_code,omitempty" doc:"Postal code." example:"10115"`
	City       string `json:"city,omitempty" example:"Berlin"`
	Country    string `json:"country,omitempty" doc:"Country code, ISO 3166-1 alpha-2." example:"DE"`
	VATNumber  string `json:"vat_number,omitempty" doc:"VAT identification number." example:"DE136695976"`
	Version    int64  `json:"version" doc:"Number that grows with each change. 0: nothing was given, or the invoice is issued." example:"1"`
	Invoice    string `json:"invoice,omitempty" doc:"Number of the invoice, once it is issued. From then on nothing can be changed." example:"TH-2026-000042"`
}

type buyerOut struct {
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Body         detailsShown
}

func answerBuyer(b invoiceapi.Buyer, err error) (*buyerOut, error) {
	if err != nil {
		return nil, err
	}
	body := detailsShown{b.Name, b.Street, b.PostalCode, b.City, b.Country, b.VATNumber, b.Version, b.Number}
	raw, err := codec.Marshal(body)
	return &buyerOut{errs.ETag(b.Version, raw), private, body}, err
}

type invoiceLine struct {
	Text     string `json:"text" doc:"Name of the price tier. Empty: seats that were given back before the invoice was issued." example:"Stalls"`
	Seats    string `json:"seats,omitempty" doc:"The seats." example:"Stalls A 12, A 13"`
	Quantity int64  `json:"quantity" doc:"Number of seats. 0: seats that were given back before the invoice was issued." example:"2"`
	Each     int64  `json:"each,omitempty" doc:"All-in price of one seat, in minor units." example:"6500"`
	Amount   int64  `json:"amount" doc:"All-in price of the line, in minor units." example:"13000"`
}

// invoiceBody is a document as clients see it.
type invoiceBody struct {
	Number    string          `json:"number" doc:"Number of the document, unique for its seller. The numbers of a year have no gaps." example:"TH-2026-000042"`
	Kind      invoiceapi.Kind `json:"kind" enum:"invoice,credit_note" doc:"invoice: for what was paid. credit_note: for money that went back." example:"invoice"`
	BookingID string          `json:"booking_id"`
	EventID   string          `json:"event_id"`
	PaymentID string          `json:"payment_id"`
	IssuedAt  time.Time       `json:"issued_at" doc:"When it was issued (RFC 3339, in the seller's time zone)." example:"2026-12-01T10:00:00+01:00"`
	Amount    int64           `json:"amount" doc:"Total with tax and fees, in minor units of the currency. Of a credit note: what went back." example:"13000"`
	Fees      int64           `json:"fees" doc:"Part of the amount that is fees, in minor units." example:"1000"`
	Tax       int64           `json:"tax" doc:"Part of the amount that is tax, in minor units." example:"850"`
	TaxRate   int64           `json:"tax_rate" doc:"Rate of the tax, in hundredths of a percent: 700 is 7 %." example:"700"`
	Currency  string          `json:"currency"`
	Refers    string          `json:"refers_to,omitempty" doc:"Of a credit note: number of the invoice that it corrects." example:"TH-2026-000041"`
	Seller    partyBody       `json:"seller"`
	Buyer     partyBody       `json:"buyer"`
	Lines     []invoiceLine   `json:"lines,omitempty" doc:"Of an invoice: what was sold."`
	Test      bool            `json:"test,omitempty" doc:"No real money was paid, so the document is not valid."`
	PDF       string          `json:"pdf" doc:"Address of the document as a PDF." example:"/bookings/06a1b2c3d4e5f6g7abcdefgh23456789/invoices/TH-2026-000042.pdf"`
}

func bodyOf(d *invoiceapi.Document) invoiceBody {
	b := invoiceBody{
		Number: d.Number, Kind: d.Kind, BookingID: d.BookingID, EventID: d.EventID, PaymentID: d.PaymentID, IssuedAt: d.Issued, Amount: d.Amount, Fees: d.Fees, Tax: d.Tax, TaxRate: d.TaxRate,
		Currency: d.Currency, Refers: d.Refers, Seller: partyBody(d.Seller.Party), Buyer: partyBody(d.Buyer), Test: d.Test, PDF: "/bookings/" + d.BookingID + "/invoices/" + d.Number + ".pdf",
	}
	for _, l := range d.Lines {
		b.Lines = append(b.Lines, invoiceLine(l))
	}
	return b
}

type invoiceList struct {
	Items      []invoiceBody `json:"items" doc:"Invoices and credit notes, in the order of their numbers."`
	NextCursor string        `json:"next_cursor,omitempty" doc:"Pass it as cursor to get the next page. Absent on the last page."`
}

type invoicesOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         invoiceList
}

type fileOut struct {
	ContentType  string `header:"Content-Type"`
	Disposition  string `header:"Content-Disposition"`
	CacheControl string `header:"Cache-Control"`
	Body         []byte
}

type sellerIn struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the organizer's account; house: of events without an organizer." example:"06a1b2c3d4e5f6g7"`
}

type sellerChange struct {
	ID      string `path:"id" maxLength:"64" doc:"Id of the organizer's account; house: of events without an organizer." example:"06a1b2c3d4e5f6g7"`
	IfMatch string `header:"If-Match" doc:"ETag of the seller as you last read it, also if nothing was known yet. If it has changed since, the answer is 412."`
	Body    SellerBody
}

type yearIn struct {
	ID     string `path:"id" maxLength:"64" doc:"Id of the organizer's account; house: of events without an organizer." example:"06a1b2c3d4e5f6g7"`
	Year   int64  `query:"year" minimum:"1970" maximum:"9999" doc:"Year of the numbers. Default: this year." example:"2026"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50" doc:"Maximum number of items per page."`
	Cursor string `query:"cursor" maxLength:"20" pattern:"^[0-9]*$" doc:"next_cursor of the previous page."`
}

type byBooking struct {
	ID    string `path:"id" maxLength:"64" doc:"Id of the booking."`
	Token string `query:"token" maxLength:"100" doc:"The token of the booking's signed link, instead of a session."`
}

type buyerIn struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the booking."`
}

type buyerChange struct {
	ID      string `path:"id" maxLength:"64" doc:"Id of the booking."`
	IfMatch string `header:"If-Match" doc:"ETag of the details as you last read them, also if none were given yet. If they have changed since, the answer is 412."`
	Body    invoiceDetails
}

type oneIn struct {
	ID     string `path:"id" maxLength:"64" doc:"Id of the booking."`
	Number string `path:"number" maxLength:"40" doc:"Number of the document." example:"TH-2026-000042"`
	Token  string `query:"token" maxLength:"100" doc:"The token of the booking's signed link, instead of a session."`
	Lang   string `header:"Accept-Language" maxLength:"200" doc:"Preferred language of the PDF. English and German are available." example:"de"`
}

func operation(id, method, path, summary, description string, traits route.Traits, errors ...int) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Tags: []string{"Invoices"}, Summary: summary, Description: description,
		Errors: append([]int{401, 404}, errors...), Metadata: route.Meta(traits)}
}

// Register adds the service's operations to the API.
func (s *Service) Register(api huma.API) {
	huma.Register(api, operation("get-seller", http.MethodGet, "/sellers/{id}", "Read a seller", "Who sells an organizer's tickets, as invoices name them. For the organizer and admins.", 0),
		func(ctx context.Context, in *sellerIn) (*sellerOut, error) {
			return answer(s.Seller(ctx, caller.From(ctx), in.ID))
		})
	huma.Register(api, operation("update-seller", http.MethodPut, "/sellers/{id}", "Change a seller", "Sets all details. Invoices that are issued from now on have them; earlier ones stay as they are. Before the first details are given, no invoices are issued.", route.Organizers, 400, 412, 422, 429),
		func(ctx context.Context, in *sellerChange) (*sellerOut, error) {
			c := caller.From(ctx)
			version, err := errs.Expected(in.IfMatch, "seller", func() (int64, error) {
				d, err := s.Seller(ctx, c, in.ID)
				return d.Version, err
			})
			if err != nil {
				return nil, err
			}
			return answer(s.SetSeller(ctx, c, in.ID, version, in.Body.seller()))
		})
	huma.Register(api, operation("list-invoices", http.MethodGet, "/sellers/{id}/invoices", "List a seller's invoices", "The invoices and credit notes of a year, in the order of their numbers. For the organizer and admins.", 0, 422), s.list)
	huma.Register(api, operation("list-booking-invoices", http.MethodGet, "/bookings/{id}/invoices", "List the invoices of a booking", "The invoice, and a credit note for each refund. For the booking's owner, with its signed link, for the event's organizer and admins. Bookings that cost nothing or are not paid have none, nor have those whose seller has not given its details.", route.Optional),
		func(ctx context.Context, in *byBooking) (*invoicesOut, error) {
			list, err := s.OfBooking(ctx, caller.From(ctx), in.ID, in.Token)
			return answerList(list, "", err)
		})
	huma.Register(api, operation("get-invoice-details", http.MethodGet, "/bookings/{id}/invoice-details", "Read whom the invoice of a booking names", "What the buyer has given for the invoice, or what the invoice says once it is issued. For the booking's owner and admins.", 0, 403, 409),
		func(ctx context.Context, in *buyerIn) (*buyerOut, error) {
			return answerBuyer(s.Buyer(ctx, caller.From(ctx), in.ID))
		})
	huma.Register(api, operation("update-invoice-details", http.MethodPut, "/bookings/{id}/invoice-details", "Say whom the invoice of a booking names", "Sets the company or person, the address and the VAT number that the invoice names. Possible until the invoice is issued, which is when the booking is paid; so send it before the payment. Without it, the invoice has the name of the account. An empty object takes back what was given. The VAT number changes no tax.", 0, 400, 403, 409, 412, 422),
		func(ctx context.Context, in *buyerChange) (*buyerOut, error) {
			c := caller.From(ctx)
			version, err := errs.Expected(in.IfMatch, "details", func() (int64, error) {
				b, err := s.Buyer(ctx, c, in.ID)
				return b.Version, err
			})
			if err != nil {
				return nil, err
			}
			return answerBuyer(s.SetBuyer(ctx, c, in.ID, version, invoiceapi.Party(in.Body)))
		})
	huma.Register(api, operation("get-settlement", http.MethodGet, "/events/{id}/settlement", "Read an event's settlement", "What the event has sold by the journal of payments, and what of it is the organizer's. For the event's organizer and admins.", 0, 503), s.settlement)
	pdf := operation("get-invoice-pdf", http.MethodGet, "/bookings/{id}/invoices/{number}.pdf", "Read an invoice as a PDF", "For those who may list the invoices of the booking.", route.Optional, 503)
	pdf.Responses = map[string]*huma.Response{"200": {Content: map[string]*huma.MediaType{"application/pdf": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "The file."}}}}}
	huma.Register(api, pdf, func(ctx context.Context, in *oneIn) (*fileOut, error) {
		d, err := invoiceapi.One(ctx, s, caller.From(ctx), in.ID, in.Token, in.Number)
		if err != nil {
			return nil, err
		}
		file, err := s.PDF(ctx, d, locale.Match("", in.Lang))
		if err != nil {
			return nil, err
		}
		return &fileOut{"application/pdf", `attachment; filename="` + d.Number + `.pdf"`, private, file}, nil
	})
}

// list answers a page of a seller's documents.
func (s *Service) list(ctx context.Context, in *yearIn) (*invoicesOut, error) {
	var after int64
	if in.Cursor != "" {
		var err error
		if after, err = strconv.ParseInt(in.Cursor, 10, 64); err != nil {
			return nil, errs.Bad("cursor", "bad-cursor", "is not the next_cursor of a page")
		}
	}
	if in.Year == 0 {
		d, err := s.Seller(ctx, caller.From(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		in.Year = int64(s.cfg.Now().In(s.zone(d.Zone)).Year())
	}
	list, err := s.OfSeller(ctx, caller.From(ctx), in.ID, in.Year, after, in.Limit+1)
	next := ""
	if len(list) > in.Limit {
		list = list[:in.Limit]
		next = strconv.FormatInt(list[in.Limit-1].Sequence, 10)
	}
	return answerList(list, next, err)
}

func answerList(list []invoiceapi.Document, next string, err error) (*invoicesOut, error) {
	if err != nil {
		return nil, err
	}
	out := &invoicesOut{private, invoiceList{make([]invoiceBody, len(list)), next}}
	for i := range list {
		out.Body.Items[i] = bodyOf(&list[i])
	}
	return out, nil
}

// statementBody is a settlement in one currency as clients see it.
type statementBody struct {
	Currency    string `json:"currency"`
	Payments    int64  `json:"payments" doc:"Number of payments that took money." example:"812"`
	Gross       int64  `json:"gross" doc:"What buyers have paid, with fees and tax, in minor units." example:"5278000"`
	GrossFees   int64  `json:"gross_fees" doc:"Part of gross that is fees, without tax." example:"345100"`
	GrossTax    int64  `json:"gross_tax" doc:"Part of gross that is tax." example:"345289"`
	RefundCount int64  `json:"refund_count" doc:"Number of refunds." example:"12"`
	Refunds     int64  `json:"refunds" doc:"What went back to buyers." example:"78000"`
	RefundFees  int64  `json:"refund_fees" doc:"Part of refunds that is fees, without tax." example:"5100"`
	RefundTax   int64  `json:"refund_tax" doc:"Part of refunds that is tax." example:"5102"`
	Chargebacks int64  `json:"chargebacks" doc:"What the gateway has withdrawn for buyers who dispute their payments." example:"6500"`
	GatewayFees int64  `json:"gateway_fees" doc:"What the gateway has kept, as far as it has reported that by event. Without operator_gateway_fees." example:"0"`
	Due         int64  `json:"due" doc:"Due to the organizer: gross less refunds, less the fees that stay with the operator, chargebacks and gateway_fees." example:"4853500"`
	Reserve     int64  `json:"reserve" doc:"Part of due that is held back: all of it until the event is over, then what is still to be refunded, and for some days reserve_percent of due." example:"0"`
	PaidOut     int64  `json:"paid_out" doc:"What the gateway has paid out, as far as it has reported that by event." example:"0"`
	Payout      int64  `json:"payout" doc:"To be paid out now: due less transferred, reserve and paid_out. Negative: the organizer owes it." example:"4853500"`
	AtGateway   int64  `json:"at_gateway" doc:"What the gateway has of the event's money, with money of payments that were given up and is on its way back, with what it has taken otherwise than asked, and without transferred." example:"5193500"`

	Difference int64 `json:"difference" doc:"What the gateway has taken beyond what it was asked for, and owes to buyers. Negative: it has taken less." example:"0"`

	Transferred  int64 `json:"transferred" doc:"What of due the gateway has passed on to an account of the organizer's own there, less what it has taken back from it for refunds." example:"0"`
	OperatorFees int64 `json:"operator_gateway_fees" doc:"What the gateway has kept for payments that it passes on to an account of the organizer's own. The operator pays it." example:"0"`
}

type settlementBody struct {
	EventID string          `json:"event_id"`
	At      time.Time       `json:"at" doc:"What happened until then is included (RFC 3339, in the seller's time zone)." example:"2026-12-01T10:00:00+01:00"`
	Over    bool            `json:"over" doc:"Whether the event is over or cancelled." example:"true"`
	Held    int64           `json:"reserve_percent,omitempty" doc:"Percent of due that is part of reserve until reserve_until, since buyers may dispute payments after the event." example:"10"`
	Until   *time.Time      `json:"reserve_until,omitempty" doc:"Until when reserve_percent is held back (RFC 3339, in the seller's time zone)." example:"2027-03-01T10:00:00+01:00"`
	Items   []statementBody `json:"items" doc:"One settlement for each currency."`
}

type settlementOut struct {
	CacheControl string `header:"Cache-Control"`
	Body         settlementBody
}

type byEvent struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the event." example:"06a1b2c3d4e5f6g7"`
}

// settlement answers what an event has sold.
func (s *Service) settlement(ctx context.Context, in *byEvent) (*settlementOut, error) {
	t, err := s.Settlement(ctx, caller.From(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	out := &settlementOut{private, settlementBody{t.EventID, t.At, t.Over, t.Held, codec.OrNil(t.HeldUntil), make([]statementBody, len(t.Items))}}
	for i, x := range t.Items {
		out.Body.Items[i] = statementBody{x.Currency, x.Payments, x.Gross, x.GrossFees, x.GrossTax, x.Refunded, x.Refunds, x.RefundFees, x.RefundTax, x.Chargebacks, x.GatewayFees, x.Due, x.Reserve, x.PaidOut, x.Payout, x.AtGateway, x.Difference, x.Transferred, x.OperatorFees}
	}
	return out, nil
}
