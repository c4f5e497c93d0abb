package browser

import (
	"os"
	"testing"

	"boxoffice/test/browser/stage"
)

// axe is axe-core, which scripts/setup.sh installs.
func axe(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatalf("%v: scripts/setup.sh installs it", err)
	}
	return string(raw)
}

// sound checks the page that a reader is at, in both themes: axe-core finds
// nothing, and nothing sticks out of a narrow screen.
func sound(r *reading, source string, screen stage.Screen) {
	r.t.Helper()
	for _, dark := range []bool{false, true} {
		screen.Dark = dark
		r.must(r.tab.Look(screen))
		list, err := r.tab.Axe(source)
		r.must(err)
		for _, v := range list {
			r.t.Errorf("%s (dark: %v): %s", r.tab.Path(), dark, v)
		}
	}
	r.must(r.tab.Look(stage.Screen{Width: 320, Height: 700, Phone: true}))
	wide := 0
	r.eval(`document.documentElement.scrollWidth`, &wide)
	if wide > 320 {
		r.t.Errorf("%s is %d wide on a screen of 320", r.tab.Path(), wide)
	}
}

// Pages that everybody can see.
func TestPages(t *testing.T) {
	source := axe(t)
	for _, path := range []string{"/", "/developers", "/sign-in", "/verify?token=x", "/reset?token=x", "/offline", "/nowhere"} {
		for name, screen := range map[string]stage.Screen{"desktop": stage.Desktop, "phone": stage.Phone} {
			t.Run(name+path, func(t *testing.T) {
				r := reader(t, screen, true)
				r.open(path)
				sound(r, source, screen)
			})
		}
	}
}
