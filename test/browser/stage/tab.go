package stage

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"boxoffice/internal/patience"
)

// usual is a tab's patience: machines may be busy.
const usual = patience.Long

// Tab is one reader's browser: cookies of its own, one page at a time.
type Tab struct {
	Context context.Context
	stage   *Stage
	scripts bool // whether the pages' own run

	patience time.Duration // how long it waits for what it is told to wait for

	mu     sync.Mutex
	faults []string // what the page did wrong: exceptions, errors in the console
}

// Screen is what a tab looks like.
type Screen struct {
	Width, Height int64
	Phone         bool
	Dark          bool
}

// The usual screens.
var (
	Desktop = Screen{Width: 1280, Height: 900}
	Phone   = Screen{Width: 390, Height: 844, Phone: true}
)

// Tab opens a new reader's browser. With scripts off it runs none.
func (s *Stage) Tab(screen Screen, scripts bool) (*Tab, error) {
	var id target.ID
	err := chromedp.Run(s.browser, chromedp.ActionFunc(func(ctx context.Context) error {
		ctx = cdp.WithExecutor(ctx, chromedp.FromContext(ctx).Browser)
		own, err := target.CreateBrowserContext().WithDisposeOnDetach(true).Do(ctx)
		if err != nil {
			return err
		}
		// A window of its own: a browser without one opens no tab.
		id, err = target.CreateTarget("about:blank").WithBrowserContextID(own).WithNewWindow(true).Do(ctx)
		return err
	}))
	if err != nil {
		return nil, fmt.Errorf("new tab: %w", err)
	}
	ctx, end := chromedp.NewContext(s.browser, chromedp.WithTargetID(id))
	s.close = append(s.close, end)
	t := &Tab{Context: ctx, stage: s, scripts: scripts, patience: usual}
	chromedp.ListenTarget(ctx, t.listen)
	if err := chromedp.Run(ctx); err != nil { // the tab lives as long as the context of its first run
		return nil, fmt.Errorf("new tab: %w", err)
	}
	err = t.Run(runtime.Enable(), log.Enable(), emulation.SetScriptExecutionDisabled(!scripts))
	if err != nil {
		return nil, err
	}
	return t, t.Look(screen)
}

// listen notes what the page does wrong.
func (t *Tab) listen(ev any) {
	fault := ""
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		fault = ev.ExceptionDetails.Error()
	case *log.EventEntryAdded:
		if ev.Entry.Level == log.LevelError && !strings.Contains(ev.Entry.Text, "the server responded with a status of") &&
			!strings.Contains(ev.Entry.Text, "net::ERR_INTERNET_DISCONNECTED") { // a test has taken the network away
			fault = ev.Entry.Text + " " + ev.Entry.URL
		}
	case *page.EventJavascriptDialogOpening:
		fault = "a dialog: " + ev.Message
	}
	if fault != "" {
		t.mu.Lock()
		t.faults = append(t.faults, fault)
		t.mu.Unlock()
	}
}

// Faults are what pages did wrong since the tab was opened: exceptions, broken
// rules of the Content-Security-Policy, and the like.
func (t *Tab) Faults() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.faults...)
}

// Patience is how long the tab waits from now on for what it is told to wait for, as long
// as usual at least.
func (t *Tab) Patience(d time.Duration) { t.patience = max(d, usual) }

// Run runs actions, and waits for them for a while.
func (t *Tab) Run(actions ...chromedp.Action) error {
	ctx, cancel := context.WithTimeout(t.Context, t.patience)
	defer cancel()
	return chromedp.Run(ctx, actions...)
}

// Look changes the screen.
func (t *Tab) Look(s Screen) error {
	scheme := "light"
	if s.Dark {
		scheme = "dark"
	}
	scale := 1.0
	if s.Phone {
		scale = 2
	}
	return t.Run(emulation.SetDeviceMetricsOverride(s.Width, s.Height, scale, s.Phone),
		emulation.SetTouchEmulationEnabled(s.Phone),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
}

// Go opens a path of the node, or a whole address, and waits until it has loaded.
func (t *Tab) Go(path string) error {
	if strings.HasPrefix(path, "/") {
		path = t.stage.URL + path
	}
	if err := t.Run(chromedp.Navigate(path)); err != nil {
		return fmt.Errorf("go to %s: %w", path, err)
	}
	return nil
}

// Wait waits until an element is there.
func (t *Tab) Wait(selector string) error {
	return t.Until(selector+" is there", fmt.Sprintf(`document.querySelector(%q) !== null`, selector))
}

// spot is a script: the middle of an element that can be seen and is still, once
// it has been brought into sight; null as long as there is none.
const spot = `(() => {
	const e = document.querySelector(%q);
	if (!e || e.disabled || document.readyState === "loading") return null;
	e.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
	const r = [...e.getClientRects()].find(r => r.width > 0 && r.height > 0);
	return r ? { x: r.x + r.width / 2, y: r.y + r.height / 2 } : null;
})()`

// Spot waits until an element can be seen, in the same place twice, and answers
// its middle in CSS pixels of the window.
func (t *Tab) Spot(selector string) (x, y float64, err error) {
	var last, at *struct{ X, Y float64 }
	err = t.poll("see "+selector, func() bool {
		last, at = at, nil
		_ = t.Eval(fmt.Sprintf(spot, selector), &at) // fails between two pages
		return at != nil && last != nil && *at == *last
	})
	if err != nil {
		return 0, 0, err
	}
	return at.X, at.Y, nil
}

// Click waits for an element and clicks it; what it leads to may take a moment.
func (t *Tab) Click(selector string) error { return t.clicks(selector, 1) }

// DoubleClick does so twice, as fast as people who do not wait.
func (t *Tab) DoubleClick(selector string) error { return t.clicks(selector, 2) }

func (t *Tab) clicks(selector string, n int) error {
	x, y, err := t.Spot(selector)
	if err != nil {
		return fmt.Errorf("click: %w", err)
	}
	for range n {
		if err := t.Run(chromedp.MouseClickXY(x, y)); err != nil {
			return fmt.Errorf("click %s at %s: %w", selector, t.Path(), err)
		}
	}
	return nil
}

// Tap touches an element.
func (t *Tab) Tap(selector string) error {
	x, y, err := t.Spot(selector)
	if err != nil {
		return fmt.Errorf("tap: %w", err)
	}
	err = t.Run(input.DispatchTouchEvent(input.TouchStart, []*input.TouchPoint{{X: x, Y: y}}), input.DispatchTouchEvent(input.TouchEnd, []*input.TouchPoint{}))
	if err != nil {
		return fmt.Errorf("tap %s at %s: %w", selector, t.Path(), err)
	}
	return nil
}

// Fill replaces what a field holds, as if it were typed.
func (t *Tab) Fill(selector, text string) error {
	if _, _, err := t.Spot(selector); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	if err := t.Eval(fmt.Sprintf(`(e => { e.focus(); e.select?.() })(document.querySelector(%q))`, selector), nil); err != nil {
		return fmt.Errorf("fill %s at %s: %w", selector, t.Path(), err)
	}
	return t.Type(text)
}

// Type types a text into what has the focus.
func (t *Tab) Type(text string) error {
	if err := t.Run(input.InsertText(text)); err != nil {
		return fmt.Errorf("type at %s: %w", t.Path(), err)
	}
	return nil
}

// Press presses keys one after the other: chromedp/kb has their names.
func (t *Tab) Press(keys string) error {
	if err := t.Run(chromedp.KeyEvent(keys)); err != nil {
		return fmt.Errorf("press %q at %s: %w", keys, t.Path(), err)
	}
	return nil
}

// Text waits for an element and answers what can be read in it.
func (t *Tab) Text(selector string) (string, error) {
	if err := t.Wait(selector); err != nil {
		return "", err
	}
	text := ""
	err := t.Eval(fmt.Sprintf(`document.querySelector(%q).innerText`, selector), &text)
	return strings.TrimSpace(text), err
}

// Eval runs a script in the page and reads its answer. Promises are waited for,
// except where the page's own scripts do not run: there none comes to an end.
func (t *Tab) Eval(script string, out any) error {
	return t.Run(chromedp.Evaluate(script, out, func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
		return p.WithAwaitPromise(t.scripts)
	}))
}

// Until waits until a script's answer, or what it promises, is true, across pages
// that come meanwhile.
func (t *Tab) Until(what, script string) error {
	if t.scripts {
		script = "Promise.resolve(" + script + ").then(Boolean)"
	} else {
		script = "Boolean(" + script + ")"
	}
	return t.poll("wait until "+what, func() bool {
		ok := false
		err := t.Eval(script, &ok) // fails between two pages
		return err == nil && ok
	})
}

// poll asks again and again until the answer is yes.
func (t *Tab) poll(what string, yes func() bool) error {
	ctx, cancel := context.WithTimeout(t.Context, t.patience)
	defer cancel()
	for !yes() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s at %s: %w", what, t.Path(), ctx.Err())
		case <-time.After(30 * time.Millisecond):
		}
	}
	return nil
}

// Path is where the tab is, without the server.
func (t *Tab) Path() string {
	at := ""
	ctx, cancel := context.WithTimeout(t.Context, time.Minute)
	defer cancel()
	_ = chromedp.Run(ctx, chromedp.Location(&at))
	return strings.TrimPrefix(at, t.stage.URL)
}

// Shot takes a picture of what the screen shows, as PNG.
func (t *Tab) Shot(file string) error {
	var png []byte
	if err := t.Run(chromedp.CaptureScreenshot(&png)); err != nil {
		return fmt.Errorf("picture of %s: %w", t.Path(), err)
	}
	return os.WriteFile(file, png, 0o644)
}

// Violation is a rule of accessibility that a page breaks.
type Violation struct {
	ID, Help string
	Nodes    []struct{ HTML, FailureSummary string }
}

func (v Violation) String() string {
	s := v.ID + ": " + v.Help
	for _, n := range v.Nodes {
		s += "\n    " + n.HTML + "\n      " + strings.ReplaceAll(n.FailureSummary, "\n", " ")
	}
	return s
}

// Axe checks the page with axe-core, whose source is given. Transitions are
// finished first: a colour on its way is nobody's colour.
func (t *Tab) Axe(source string) ([]Violation, error) {
	var raw string
	script := source + `; document.getAnimations().forEach(a => { try { a.finish() } catch {} });
		axe.run({ resultTypes: ["violations"] }).then(r => JSON.stringify(r.violations))`
	if err := t.Eval(script, &raw); err != nil {
		return nil, fmt.Errorf("axe at %s: %w", t.Path(), err)
	}
	var list []Violation
	return list, json.Unmarshal([]byte(raw), &list)
}

// Close closes the reader's browser.
func (t *Tab) Close() { _ = chromedp.Cancel(t.Context) }

// SignIn signs one of the demo's people in.
func (t *Tab) SignIn(who string) error {
	for _, step := range []func() error{
		func() error { return t.Go("/sign-in") },
		func() error { return t.Fill("input[name=name]", who+"@demo.example") },
		func() error { return t.Fill("input[name=password]", t.stage.Passwords[who]) },
		func() error { return t.Click("main form button") },
		func() error { return t.Until("signed in", `!location.pathname.startsWith("/sign-in")`) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
