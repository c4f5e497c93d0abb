package app

import (
	"strings"
	"testing"

	"boxoffice/internal/caller"
)

// Where buyers need not confirm their address, the form does not say that a code is
// asked for: the next page is the one to pay on.
func TestGuestWithoutACode(t *testing.T) {
	f := newFair(t)
	f.must(t, f.account(t, caller.Admin), "PUT", "/events/"+f.event, `{"unverified_buyers":true}`, "id")
	b := newBrowser(t, f.base)
	b.post(t, f.hold(), "seats="+f.seats[0])
	id := b.held(t)
	b.at(t, 200, "/checkout/"+id, "you do not need the code to pay")
	if strings.Contains(b.text, "Send me the code") {
		t.Error("the form says that a code is asked for")
	}
	b.submit(t, "/checkout/"+id+"/guest", "name=Gus&email=gus@example.org").at(t, 200, "/checkout/"+id, "Pay €50.00")
}
