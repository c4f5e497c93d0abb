package browser

import (
	"fmt"
	"strings"
	"testing"

	"boxoffice/test/browser/stage"
)

// Three fans want the same seat. One is first. One has the map open and sees it
// go, without doing anything. One has an old page and tries for it anyway: the
// page says which seat is gone, and what is near and free.
func TestRaceForASeat(t *testing.T) {
	t.Parallel()
	event := staged(t, "Race for a seat", 120, nil)
	first, second, late := reader(t, stage.Desktop, true), reader(t, stage.Desktop, true), reader(t, stage.Desktop, false)
	for _, r := range []*reading{first, second} {
		r.toMap(event)
		r.toList()
	}
	late.open("/e/" + event)
	late.toList()
	seats := first.free(2)
	goneName := late.named(seats[0])
	second.choose(seats...)
	late.choose(seats...)

	first.choose(seats[0])
	first.click(".sm-hold")
	first.at("^/checkout/")

	gone := fmt.Sprintf(`document.querySelector('#seatlist input[value="%s"]').disabled`, seats[0])
	second.until("the seat is gone in the list", gone)
	second.says(".sm-notice", "just been taken")
	left := []string{}
	second.eval(`[...document.querySelectorAll("#seatlist input:checked")].map(i => i.value)`, &left)
	if len(left) != 1 || left[0] != seats[1] {
		t.Errorf("the map has %v chosen, not the seat that is left", left)
	}

	late.click("button[name=chosen]")
	late.wait("[data-missed]")
	if text := late.text("[data-missed]"); !strings.Contains(text, "\n"+goneName+" has just been taken.\n") || !strings.Contains(text, "No new seats are held") {
		t.Errorf("said: %s", text)
	}
	late.click("[data-missed] form button") // what is near
	late.at("^/checkout/")
	if n := late.count(".seats-held li"); n != 2 {
		t.Errorf("%d seats are held instead of 2", n)
	}

	first.click(`form[action$="/release"] button.full`) // and the seat comes back
	second.until("the seat is free again", "!"+gone)
}

// named is what a page calls a seat of the list: section, row and seat.
func (r *reading) named(label string) (name string) {
	r.t.Helper()
	r.eval(fmt.Sprintf(`(box => [
		document.querySelector("#seatlist h3").innerText,
		box.closest("fieldset").querySelector("legend").firstChild.textContent.trim().replace("Row", "row"),
		/seat \S+?(?=,|\s|$)/i.exec(box.closest("label").querySelector("span").innerText)[0].toLowerCase(),
	].join(", "))(document.querySelector('#seatlist input[value="%s"]'))`, label), &name)
	return name
}
