package app

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"boxoffice/internal/message"
)

// Names are no addresses in our mails, whatever is in them.
func TestNamesAreNoLinks(t *testing.T) {
	for in, want := range map[string]string{
		"Ann":                  "Ann",
		"Dr. Ann O. Nym":       "Dr. Ann O. Nym",
		"St. Pauli 3.5":        "St. Pauli 3.5",
		"www.evil.example/pay": "www. evil. example/pay",
		"https://evil.example": "https: //evil. example",
		"a@evil.example":       "a (at) evil. example",
		"прим.рф":              "прим. рф",
		"evil\uff0eexample x\u3002example and …": "evil\uff0e example x\u3002 example and …",
	} {
		if got := plain(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Neither the names of buyers nor those of organizers get links into the mail
// about an order; its own link is whole.
func TestConfirmationHasOneLink(t *testing.T) {
	h := newHouse(t)
	mail := &letters{}
	c := newConfirmations(h.Parts, mail, "https://tickets.example", slog.New(slog.DiscardHandler))
	defer c.close()
	event := h.must(t, h.account(t, message.Organizer), "POST", "/events", strings.NewReplacer(`"Gala"`, `"Win at http://evil.example/now"`, `"Hall"`, `"www.evil.example"`, "%q", `"on_sale"`).Replace(eventJSON), "id")
	ann := h.visitor(t, "ann")
	h.must(t, ann, "PUT", "/users/"+ann.UserID, `{"name":"Go to evil.example/x"}`, "id")
	booking := h.must(t, ann, "POST", "/bookings", `{"event_id":"`+event+`","quantity":1}`, "id")
	h.must(t, ann, "POST", "/payments", `{"booking_id":"`+booking+`","method":"tok_ok"}`, "id")
	if err := c.send(context.Background(), []purchase{{booking, ann.UserID}}); err != nil {
		t.Fatal(err)
	}
	if len(mail.all) != 1 || strings.Contains(mail.all[0], "evil.example") || strings.Count(mail.all[0], "://") != 1 || !strings.Contains(mail.all[0], "https://tickets.example/orders/"+booking+"?token=") {
		t.Errorf("%q", mail.all)
	}
}
