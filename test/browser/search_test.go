package browser

import (
	"testing"

	"boxoffice/test/browser/stage"
)

// The search answers while one types, and its address goes with it, so that
// reloading and the way back show the same.
func TestSearchAsOneTypes(t *testing.T) {
	t.Parallel()
	r := reader(t, stage.Desktop, true)
	r.open("/search?q=neon") // the first page of all events may have others
	r.says("#results", "Neon Orchestra")
	r.fill("main input[name=q]", "derby")
	r.until("only the derby is left", `(text => text.includes("City Derby") && !text.includes("Neon Orchestra"))(document.querySelector("#results").innerText)`)
	r.until("the address says so", `location.search.includes("q=derby")`)
	r.open(r.tab.Path())
	r.says("#results", "City Derby")
	r.click(`#results a[href^="/e/"]`)
	r.at("^/e/")
	r.says("h1", "City Derby")
}
