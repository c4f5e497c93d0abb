package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"boxoffice/test/browser/stage"
)

// On a phone, by touch: the map finds two seats together.
func TestBuyOnAPhone(t *testing.T) {
	t.Parallel()
	event := staged(t, "Bought on a phone", 120, nil)
	r := reader(t, stage.Phone, true)
	tap := func(selector string) { t.Helper(); r.must(r.tab.Tap(selector)) }
	r.toMap(event)
	tap(".sm-find")
	r.wait(".sm-hold")
	tap(".sm-hold")
	r.at("^/checkout/")
	wide := 0
	if r.eval(`document.documentElement.scrollWidth`, &wide); wide > 390 {
		t.Errorf("the checkout is %d wide", wide)
	}
	r.fill("main input[name=name]", "Theo Thumb")
	r.fill("main input[name=email]", address(t))
	tap(`form[action$="/guest"] button`)
	r.wait("main input[name=code]")
	r.fill("main input[name=code]", mailed(t, address(t)))
	tap(`form[action$="/code"] button`)
	tap(`a[href^="/pay/"]`)
	tap("button.tok_ok")
	r.booked(2)
}

// A whole purchase where no script runs: seats by the list, and a slow payment,
// whose page comes back by itself.
func TestBuyWithoutScripts(t *testing.T) {
	t.Parallel()
	event := staged(t, "Bought without scripts", 120, nil)
	r := reader(t, stage.Desktop, false)
	r.open("/search?q=bought+without+scripts")
	r.click(fmt.Sprintf(`main a[href^="/e/%s"]`, event))
	r.at("^/e/" + event)
	r.toList()
	r.choose(r.free(2)...)
	r.click("button[name=chosen]")
	r.at("^/checkout/")
	r.asGuest(address(t))
	r.pay("tok_slow")
	r.at("^/orders/")
	r.booked(2)
}

// A whole purchase by keyboard alone, with the map.
func TestBuyByKeyboard(t *testing.T) {
	t.Parallel()
	event := staged(t, "Bought by keyboard", 120, nil)
	r := reader(t, stage.Desktop, true)
	r.open("/e/" + event)
	r.at("^/e/" + event + "/.")
	r.press(kb.Tab, kb.Enter) // past the head of the page
	r.until("the way past leads to the content", `location.hash === "#main"`)
	r.tabTo(`a[href="#seats"]`)
	r.press(kb.Enter)
	r.wait(".sm-tray")
	r.tabTo(".sm-canvas")
	r.press(kb.ArrowRight, kb.Enter)
	r.wait(".sm-hold")
	r.press(kb.ArrowRight, " ")
	r.until("two seats are chosen", `document.querySelectorAll(".sm-drop").length === 2`)
	r.tabTo(".sm-hold")
	r.press(kb.Enter)
	r.at("^/checkout/")
	r.tabTo("main input[name=name]")
	r.must(r.tab.Type("Kim Keys"))
	r.press(kb.Tab)
	r.must(r.tab.Type(address(t)))
	r.press(kb.Enter)
	r.wait("main input[name=code]")
	r.tabTo("main input[name=code]")
	r.must(r.tab.Type(mailed(t, address(t))))
	r.press(kb.Enter)
	r.wait(`a[href^="/pay/"]`)
	r.tabTo(`a[href^="/pay/"]`)
	r.press(kb.Enter)
	r.at("^/pay/")
	r.tabTo("button.tok_ok")
	r.press(" ")
	r.at("^/orders/")
	r.tabTo(`main a[href$="/tickets"]`)
	r.press(kb.Enter)
	r.at("/tickets$")
	if n := r.count(".ticket svg"); n != 2 {
		t.Errorf("%d tickets", n)
	}
}

func (r *reading) press(keys ...string) {
	r.t.Helper()
	for _, k := range keys {
		r.must(r.tab.Press(k))
	}
}

// tabTo presses Tab until an element has the focus. On the way everything that
// gets the focus has to be visible and to show that it has it.
func (r *reading) tabTo(selector string) {
	r.t.Helper()
	seen := []string{}
	for range 80 {
		r.press(kb.Tab)
		at := ""
		r.eval(fmt.Sprintf(`(e => {
			const s = getComputedStyle(e), r = e.getBoundingClientRect();
			if (e !== document.body && (r.width === 0 || (s.outlineStyle === "none" && s.boxShadow === "none"))) return "lost: " + e.outerHTML.slice(0, 200);
			return e.matches(%q) ? "" : e.tagName + "." + e.className;
		})(document.activeElement)`, selector), &at)
		switch {
		case at == "":
			return
		case strings.HasPrefix(at, "lost"):
			r.t.Errorf("nobody sees where the focus is: %s", at)
		}
		seen = append(seen, at)
	}
	r.t.Fatalf("Tab does not lead to %s at %s, but to %s", selector, r.tab.Path(), strings.Join(seen, ", "))
}
