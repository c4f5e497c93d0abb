package app

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"boxoffice/internal/caller"
)

// Whoever fills in the form that takes seats out of the sale wrongly is told by
// field, beside it and at the top of the page, and types nothing again.
func TestSeatsFormNamesItsFields(t *testing.T) {
	h := newHouse(t)
	organizer := h.account(t, caller.Organizer)
	at := "/organizer/events/" + h.must(t, organizer, "POST", "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	for _, c := range []struct{ field, value, label, says string }{
		{"quantity", "", "Number of seats (the best free ones)", "This must be between 1 and 1000."},
		{"quantity", "many", "Number of seats (the best free ones)", "This must be between 1 and 1000."},
		{"section", "X", "In section", "The plan has no section X."},
		{"seats", "Z-99", "Or these seats", "Seat Z-99 does not exist in this event"},
		{"email", "ada@@example.org", "Guest&#39;s email", "This is not a valid email address."},
		{"name", "A\u0007da", "Guest&#39;s name", ""},
	} {
		t.Run(c.field, func(t *testing.T) {
			form := url.Values{"kind": {"complimentary"}, "quantity": {"2"}, "nonce": {"n"}, "name": {"Ada Byron"}, "email": {"ada@example.org"}}
			form.Set(c.field, c.value)
			body := h.page(t, organizer, "POST", at+"/seats", form, 422)
			has(t, body, `<a href="#grant-`+c.field+`">`+c.label+`</a>`, `id="grant-`+c.field+`-fault"`, c.says,
				`value="complimentary" checked`, `name="name" value="`+form.Get("name")+`"`, `name="email" type="text" inputmode="email" autocapitalize="none" spellcheck="false" value="`+form.Get("email")+`"`)
			if strings.Count(body, `aria-invalid="true"`) != 1 {
				t.Errorf("%d fields are marked", strings.Count(body, `aria-invalid="true"`))
			}
		})
	}
	to := h.page(t, organizer, "POST", at+"/seats", url.Values{"kind": {"complimentary"}, "quantity": {"1"}, "nonce": {"gift"}, "name": {"Ada"}}, 303)
	page, _, _ := strings.Cut(to, "#")
	_, given, _ := strings.Cut(h.read(t, organizer, page), `action="`+at+`/gift"`)
	booking := field(t, given, "booking")
	body := h.page(t, organizer, "POST", at+"/gift", url.Values{"booking": {booking}, "name": {"Bo"}, "email": {"bo"}, "mailed": {"0"}}, 422)
	_, gift, _ := strings.Cut(body, `action="`+at+`/gift"`)
	gift, rest, _ := strings.Cut(gift, "</form>")
	has(t, gift, `value="Bo"`, `value="bo"`, `aria-invalid="true"`, "This is not a valid email address.")
	if strings.Contains(rest, `aria-invalid`) {
		t.Error("the form that takes seats out of the sale is marked, too")
	}
}

// A price of nothing is a price; one that is not asked any more is none.
func TestFreeTierHasItsPrice(t *testing.T) {
	h := newHouse(t)
	organizer := h.account(t, caller.Organizer)
	event := strings.Replace(fmt.Sprintf(eventJSON, "on_sale"), `"price":5000`, `"price":0`, 1)
	at := "/organizer/events/" + h.must(t, organizer, "POST", "/events", event, "id")
	wants(t, h.page(t, organizer, "GET", at+"/figures", nil, 200), "€0.00 0 €0.00")
}
