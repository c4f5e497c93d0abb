package shop

import (
	"strings"
	"testing"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
)

// Seats may be given to an address alone: nobody is called by no name.
func TestGiftWithoutAName(t *testing.T) {
	for name, want := range map[string]string{"": "Hello,\n", "Ada": "Hello Ada,\n"} {
		_, text := giftLetter(&Order{}, bookingapi.Recipient{Person: caller.Person{Name: name, Email: "ada@example.org"}}, "https://tickets.example/orders/x")
		if !strings.HasPrefix(text, want) {
			t.Errorf("to %q it begins %.20q", name, text)
		}
	}
}

// What an organizer or a buyer calls things makes no links in mails.
func TestMailsLinkNobodyElse(t *testing.T) {
	o := Order{Event: eventapi.Event{Title: "Win at https://evil.example/now", Venue: eventapi.Venue{Name: "bank.example", City: "Ulm"}}}
	subject, text := paidLetter(&o, "me@evil.example", "https://tickets.example/orders/x")
	text = strings.ReplaceAll(text, "https://tickets.example/orders/x", "")
	for _, part := range []string{"evil.example", "bank.example", "://"} {
		if strings.Contains(subject+text, part) {
			t.Errorf("%s in %s\n%s", part, subject, text)
		}
	}
}
