package app

import (
	"strings"
	"testing"

	"boxoffice/internal/notifyapi"
	"boxoffice/internal/paymentapi"
)

// Whoever buys on German pages gets German mails, to the tickets.
func TestMailsInTheLanguageOfThePages(t *testing.T) {
	f := newFair(t)
	b := newBrowser(t, f.base)
	b.get(t, "/?lang=de")
	b.post(t, f.hold(), "seats="+f.seats[0])
	id, _, _ := strings.Cut(strings.TrimPrefix(b.path, "/checkout/"), "?")
	b.submit(t, "/checkout/"+id+"/guest", "name=Gus&email=gus@example.org")
	b.submit(t, "/checkout/"+id+"/code", "code="+f.post.find(t, "gus@example.org", `Ihr Code ist ([0-9A-Z-]+)`))
	b.get(t, "/pay/"+id)
	b.do(t, "POST", "/pay/"+id, b.form(t, "/pay/"+id, "token=tok_ok"))
	mail := &letters{}
	if err := f.confirm(t, mail); err != nil {
		t.Fatal(err)
	}
	if len(mail.all) != 1 || !strings.Contains(mail.all[0], "Ihre Tickets für Gala") || !strings.Contains(mail.all[0], "50,00\u00a0€") {
		t.Errorf("%q", mail.all)
	}
}

// Confirmations carry the tickets and the event for calendars, until the booking is
// cancelled. Other mails carry nothing.
func TestAttachments(t *testing.T) {
	h := newHouse(t)
	ann := h.visitor(t, "ann")
	booking, _ := h.bought(t, ann, 2, paymentapi.SandboxOK)
	n := &notifyapi.Notice{Kind: notifyapi.Booked, BookingID: booking, Lang: "de"}
	files, err := h.attachments(t.Context(), n)
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	pdf, date := files[0], files[1]
	if !strings.HasPrefix(pdf.Name, "tickets-") || pdf.Type != "application/pdf" || !strings.HasPrefix(string(pdf.Body), "%PDF-") {
		t.Errorf("%s %s %.20q", pdf.Name, pdf.Type, pdf.Body)
	}
	if !strings.HasSuffix(date.Name, ".ics") || !strings.Contains(date.Type, "method=PUBLISH") || !strings.Contains(string(date.Body), "SUMMARY:Gala") {
		t.Errorf("%s %s %s", date.Name, date.Type, date.Body)
	}
	if files, err := h.attachments(t.Context(), &notifyapi.Notice{Kind: notifyapi.Code, BookingID: booking}); err != nil || len(files) != 0 {
		t.Errorf("a code carries %v %v", files, err)
	}
	if w := h.ask(t, ann, "DELETE", "/bookings/"+booking, ""); w.Code != 200 {
		t.Fatal(w.Code, w.Body)
	}
	if files, err := h.attachments(t.Context(), n); err != nil || len(files) != 0 {
		t.Errorf("after it was cancelled: %v %v", files, err)
	}
}
