package console

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/checkinapi"
	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/invoiceapi"
	"boxoffice/internal/money"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/page"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/safetext"
)

// Payments tell what happened to a payment.
type Payments interface {
	Refunds
	paymentapi.RefundJobs
	Latest(ctx context.Context, bookingIDs []string) (map[string]paymentapi.Payment, error)
	// OtherMode returns the bookings of an event that were paid in the other mode than this
	// program's, test or live.
	OtherMode(ctx context.Context, eventID string) (map[string]bool, error)
	// DisputedOf lists the payments of a booking that are or were disputed, the first attempt
	// first.
	DisputedOf(ctx context.Context, bookingID string) ([]paymentapi.Payment, error)
	// Story is what happened to a payment, oldest first; whole is false if something was left
	// out, since too much would have to be read.
	Story(ctx context.Context, c caller.Caller, paymentID string) (list []paymentapi.Posting, whole bool, err error)
}

// evidence is what is known of an order, for a gateway or a card network that asks because
// the buyer disputes the payment.
type evidence struct {
	event     *eventapi.Event
	order     *Booking
	sale      bookingapi.Sale        // as it was when the booking was made
	back      []bookingapi.BackUntil // what goes back from now on
	payment   *paymentapi.Payment    // nil: none
	story     []paymentapi.Posting
	whole     bool // nothing is left out of story
	tests     bool // no real money was paid
	log       notifyapi.OrderLog
	documents []invoiceapi.Document
	moves     []reasonRow // to other seats
	scans     []checkinapi.Entry
	entrance  func(id string) string // its name
	made      time.Time
}

// dispute answers with one file about an order: the terms, the payment, the emails, the
// scans at the door, and the invoices. Its texts are in English, which those who ask read.
func (c *Console) dispute(v *page.Visit, e *eventapi.Event) error {
	x, err := c.evidence(v, e)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if err := x.pack(&file, func(d *invoiceapi.Document) ([]byte, error) { return c.Invoices.PDF(v.Context(), d, "en") }); err != nil {
		return fmt.Errorf("evidence for booking %s: %w", x.order.ID, err)
	}
	h := v.W.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="evidence-`+x.order.Reference+`.zip"`)
	h.Set("Cache-Control", "private, no-store")
	_, _ = v.W.Write(file.Bytes()) // fails when the client has gone
	return nil
}

// papersPacked is how many invoices and credit notes a file has at most: an organizer may
// give money back in any number of parts.
const papersPacked = 50

// pack writes the file.
func (x *evidence) pack(w io.Writer, pdf func(*invoiceapi.Document) ([]byte, error)) error {
	z := zip.NewWriter(w)
	x.put(z, "summary.txt", x.summary)
	x.put(z, "payment.csv", x.steps)
	x.put(z, "emails.csv", x.emails)
	x.put(z, "scans.csv", x.scanned)
	for i := range x.documents[:min(len(x.documents), papersPacked)] {
		d := &x.documents[i]
		raw, err := pdf(d)
		if err != nil {
			return err
		}
		x.put(z, d.Number+".pdf", func(w io.Writer) { _, _ = w.Write(raw) })
	}
	return z.Close() // the first error of writing, too
}

// evidence collects what is known.
func (c *Console) evidence(v *page.Visit, e *eventapi.Event) (*evidence, error) {
	ctx, bookingID := v.Context(), v.PathValue("booking")
	if id.Event(bookingID) != e.ID {
		return nil, errs.Missing("booking")
	}
	b, err := bookingapi.One(ctx, c.Bookings.Bookings, "booking", bookingID)
	if err != nil {
		return nil, err
	}
	list, err := c.named(ctx, func() ([]bookingapi.Booking, error) { return []bookingapi.Booking{b}, nil })
	if err != nil {
		return nil, err
	}
	orders, err := c.Orders.Orders(ctx, []bookingapi.Booking{b})
	if err != nil {
		return nil, err
	}
	x := &evidence{event: e, order: &list[0], back: orders[0].Refunds, made: v.Now().UTC()}
	if x.sale, err = c.Orders.SoldUnder(ctx, &b); err != nil {
		return nil, err
	}
	if x.payment, err = c.asked(ctx, bookingID); err != nil {
		return nil, err
	}
	if p := x.payment; p != nil {
		x.tests = p.Tests(v.Test())
		if x.story, x.whole, err = c.Payments.Story(ctx, v.Caller, p.ID); err != nil {
			return nil, err
		}
	}
	if _, x.moves, err = c.reasons(v, &b, time.UTC); err != nil {
		return nil, err
	}
	if x.log, err = c.Mails.OrderLog(ctx, v.Caller, bookingID); err != nil {
		return nil, err
	}
	rules, err := c.Door.Settings(ctx, v.Caller, e.ID)
	if err != nil {
		return nil, err
	}
	x.entrance = func(id string) string {
		if one, ok := rules.Entrance(id); ok {
			return one.Name
		}
		return id
	}
	if x.scans, err = c.Door.History(ctx, v.Caller, bookingID); err != nil {
		return nil, err
	}
	x.documents, err = c.orderInvoices(v, x.order)
	return x, err
}

// asked is the payment of a booking that somebody may ask about: the last one that is
// disputed, else the last one, which may still be disputed; nil if there is none.
func (c *Console) asked(ctx context.Context, bookingID string) (*paymentapi.Payment, error) {
	list, err := c.Payments.DisputedOf(ctx, bookingID)
	if err != nil {
		return nil, err
	}
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Disputed > 0 {
			return &list[i], nil
		}
	}
	latest, err := c.Payments.Latest(ctx, []string{bookingID})
	if p, ok := latest[bookingID]; ok && err == nil {
		return &p, nil
	}
	return nil, err
}

// put adds a file. An error is the writer's, and comes again when it is closed.
func (x *evidence) put(z *zip.Writer, name string, write func(io.Writer)) {
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: x.made})
	if err == nil {
		write(w)
	}
}

// summary writes what a person reads first.
func (x *evidence) summary(w io.Writer) {
	e, o := x.event, x.order
	say := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-22s %s\n", name+":", fmt.Sprintf(format, args...))
	}
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	if x.tests {
		say("TEST", "not paid with real money")
	}
	say("Booking", "%s (%s), %s", o.Reference, o.ID, o.Status)
	say("Made at", "%s", at(time.UnixMicro(o.CreatedAt)))
	say("Buyer", "%s <%s>", o.Person.Name, x.log.To)
	say("Event", "%s", e.Title)
	if !e.Starts.IsZero() {
		say("Begins at", "%s", e.Starts.Format(time.RFC3339))
	}
	say("Venue", "%s, %s", e.Venue.Name, e.Venue.City)
	for _, p := range o.Places {
		say("Seat", "%s, %s, %s", p.Label, p.Tier.Name, money.Format(p.Tier.Price, o.Currency))
	}
	for _, m := range x.moves {
		say("Moved", "%s, from %s: %s", at(m.When), placeLabels(m.Places), m.Text)
	}
	if p := x.payment; p != nil {
		say("Payment", "%s, %s, %s", p.ID, money.Format(p.Amount, p.Currency), p.Status)
		say("Refunded", "%s", money.Format(p.Refunded, p.Currency))
		for _, s := range p.History {
			of := ""
			if s.Dispute != "" {
				of = ", " + s.Dispute + ", " + money.Format(s.Amount, p.Currency)
			}
			say("  "+string(s.Status), "%s%s", at(s.At), of)
		}
	}
	for i := range x.scans {
		if s := &x.scans[i]; s.Kind == checkinapi.In && s.Outcome == checkinapi.Admitted && !s.Undone {
			say("Came in", "%s, with the ticket for %s", at(time.UnixMilli(s.At)), s.Spot.Label)
		}
	}
	fmt.Fprintln(w, "\nTerms of cancelling when the booking was made, as shown before the payment:")
	for _, line := range termsInWords(&x.sale, o.Currency) {
		fmt.Fprintln(w, "- "+line)
	}
	if len(x.back) > 0 {
		fmt.Fprintln(w, "\nWhat goes back if all seats are cancelled now or later, by these terms or later ones that are better for the buyer:")
	}
	for _, f := range x.back {
		until := "at any time"
		if f.Until != 0 {
			until = "until " + at(time.UnixMicro(f.Until))
		}
		fmt.Fprintf(w, "- %s %s\n", money.Format(f.Amount, o.Currency), until)
	}
	fmt.Fprintf(w, "\nFiles: payment.csv (each step of the payment), emails.csv (the latest 100 emails about the booking at\nmost, with the answers of mail servers), scans.csv (each scan of its tickets at the door), invoices and\ncredit notes.\n")
	if n := len(x.documents) - papersPacked; n > 0 {
		fmt.Fprintf(w, "%d more credit notes are left out. The page of the order has them all.\n", n)
	}
	fmt.Fprintf(w, "This file was made at %s.\n", at(x.made))
}

// termsInWords are a sale's terms of cancelling.
func termsInWords(sale *bookingapi.Sale, currency string) (list []string) {
	at := func(micros int64) string { return time.UnixMicro(micros).UTC().Format(time.RFC3339) }
	for _, f := range sale.Terms.Fees {
		from := "From the beginning"
		if f.From != 0 {
			from = "From " + at(f.From)
		}
		var kept []string
		if f.Rate > 0 {
			kept = append(kept, percent(f.Rate)+" % of the price of a seat")
		}
		if f.Fixed > 0 {
			kept = append(kept, money.Format(f.Fixed, currency)+" for each seat")
		}
		if len(kept) == 0 {
			kept = append(kept, "nothing")
		}
		list = append(list, from+" the organizer keeps "+strings.Join(kept, " and ")+".")
	}
	if len(list) == 0 {
		list = append(list, "The organizer keeps nothing of the price.")
	}
	if sale.RefundsEnd == 0 {
		return append(list, "Seats can be cancelled at any time.")
	}
	return append(list, "Seats can be cancelled until "+at(sale.RefundsEnd)+", not later.")
}

// steps writes what happened to the payment.
func (x *evidence) steps(w io.Writer) {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"at", "step", "cause", "key", "reason", "reference", "at_gateway", "currency"})
	for i := range x.story {
		p := &x.story[i]
		_ = out.Write([]string{time.UnixMicro(p.At).UTC().Format(time.RFC3339), p.Step, p.Cause, p.Key, safetext.Cell(p.Reason), safetext.Cell(p.Reference), decimal(p.AtGateway(), p.Currency), p.Currency})
	}
	if x.payment != nil && !x.whole {
		_ = out.Write([]string{"", "left out, since the journal of the event is long", "", "", "", "", "", ""})
	}
	out.Flush()
}

// emails writes which emails there were, the oldest first.
func (x *evidence) emails(w io.Writer) {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"made_at", "kind", "to", "status", "since", "answer"})
	for i := len(x.log.Lines) - 1; i >= 0; i-- {
		l := &x.log.Lines[i]
		_ = out.Write([]string{l.CreatedAt.UTC().Format(time.RFC3339), string(l.Kind), safetext.Cell(l.To), string(l.State), l.DoneAt.UTC().Format(time.RFC3339), safetext.Cell(l.Answer)})
	}
	out.Flush()
}

// scanned writes which tickets were scanned at the door, the first scan first.
func (x *evidence) scanned(w io.Writer) {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"at", "seat", "kind", "outcome", "reason", "counts", "device", "entrance", "how", "without_network", "note"})
	yes := map[bool]string{true: "yes", false: "no"}
	for i := range x.scans {
		s := &x.scans[i]
		_ = out.Write([]string{
			time.UnixMilli(s.At).UTC().Format(time.RFC3339), safetext.Cell(s.Spot.Label), string(s.Kind), string(s.Outcome), string(s.Reason), yes[s.Outcome == checkinapi.Admitted && !s.Undone],
			safetext.Cell(s.DeviceName), safetext.Cell(x.entrance(s.Entrance)), string(s.How), yes[s.Alone], safetext.Cell(s.Note),
		})
	}
	out.Flush()
}
