package page

import (
	"strconv"
	"strings"

	"boxoffice/internal/bookingapi"
)

// Selection reads which seats a form asks for: those with these labels, or, without
// labels, the quantity of the best free ones in its fields "quantity", "section" and
// "tier". A quantity that is not a number is 0.
func (v *Visit) Selection(labels []string) bookingapi.Selection {
	if len(labels) > 0 {
		return bookingapi.Selection{Seats: labels}
	}
	n, _ := strconv.Atoi(strings.TrimSpace(v.PostFormValue("quantity")))
	return bookingapi.Selection{Quantity: n, Section: v.PostFormValue("section"), Tier: v.PostFormValue("tier")}
}
