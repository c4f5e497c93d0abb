package browser

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"boxoffice/test/browser/stage"
)

// demo is the stage that all tests share.
var demo *stage.Stage

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if testing.Short() { // the tests that need nothing but Go
		fmt.Println("browser tests: passed over by -short")
		return 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	var err error
	if demo, err = stage.Open(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "browser tests:", err)
		return 1
	}
	defer demo.Close()
	return m.Run()
}

// reader is a new reader's browser, which ends with the test. Whatever a page
// does wrong on the way fails the test.
func reader(t *testing.T, screen stage.Screen, scripts bool) *reading {
	t.Helper()
	tab, err := demo.Tab(screen, scripts)
	if err != nil {
		t.Fatal(err)
	}
	r := &reading{t, tab}
	t.Cleanup(func() {
		for _, fault := range tab.Faults() {
			t.Errorf("a page did something wrong: %s", fault)
		}
		if t.Failed() {
			_ = tab.Shot(fmt.Sprintf("%s/%d.png", os.TempDir(), time.Now().UnixNano()))
		}
		tab.Close()
	})
	return r
}

// reading is a tab whose failures are the test's.
type reading struct {
	t   *testing.T
	tab *stage.Tab
}

func (r *reading) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *reading) open(path string)            { r.t.Helper(); r.must(r.tab.Go(path)) }
func (r *reading) click(selector string)       { r.t.Helper(); r.must(r.tab.Click(selector)) }
func (r *reading) fill(selector, text string)  { r.t.Helper(); r.must(r.tab.Fill(selector, text)) }
func (r *reading) wait(selector string)        { r.t.Helper(); r.must(r.tab.Wait(selector)) }
func (r *reading) until(what, script string)   { r.t.Helper(); r.must(r.tab.Until(what, script)) }
func (r *reading) eval(script string, out any) { r.t.Helper(); r.must(r.tab.Eval(script, out)) }

func (r *reading) text(selector string) string {
	r.t.Helper()
	text, err := r.tab.Text(selector)
	r.must(err)
	return text
}

// signIn signs one of the demo's people in.
func (r *reading) signIn(who string) {
	r.t.Helper()
	r.open("/sign-in")
	r.fill("main input[name=name]", who+"@demo.example")
	r.fill("main input[name=password]", demo.Passwords[who])
	r.click("main form button")
	r.until("signed in", `!location.pathname.startsWith("/sign-in")`)
}
