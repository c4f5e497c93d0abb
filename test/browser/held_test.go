package browser

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"

	"boxoffice/test/browser/stage"
)

// When a hold ends is said in the reader's own time; without scripts the venue's
// zone is named. The way back to the seats is in the header, with the time left,
// and goes when the hold is over.
func TestHeldUntilInTheReadersTime(t *testing.T) {
	t.Parallel()
	event := staged(t, "Held from afar", 60, nil) // in Vienna
	r := reader(t, stage.Phone, true)
	r.must(r.tab.Run(emulation.SetTimezoneOverride("Asia/Tokyo")))
	r.best(event)
	shown := `document.querySelector("main time[data-own]")`
	r.until("the time in Tokyo", shown+`.textContent === new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "Asia/Tokyo", timeZoneName: "short" }).format(new Date(`+shown+`.dateTime))`)
	r.until("that it is not the venue's", `!/CES?T/.test(`+shown+`.textContent)`)
	checkout := r.tab.Path()
	r.open("/search")
	r.until("the time that is left", `/^\d:\d\d$/.test(document.querySelector(".held-bar [data-left]").textContent)`)
	r.click(".held-bar")
	r.until("back at the seats", `location.pathname === "`+checkout+`"`)

	plain := reader(t, stage.Phone, false)
	plain.open("/e/" + event)
	plain.click("#hold button")
	plain.until("the venue's zone", `/\d\d:\d\d CES?T/.test(document.querySelector("main time[data-own]").textContent)`)
}
