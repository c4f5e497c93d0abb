package stage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// patience is how long a tab waits for what it is told to wait for.
const patience = 20 * time.Second

// Tab is one reader's browser: cookies of its own, one page at a time.
type Tab struct {
	Context context.Context
	stage   *Stage

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
	t := &Tab{Context: ctx, stage: s}
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
		if ev.Entry.Level == log.LevelError && !strings.Contains(ev.Entry.Text, "the server responded with a status of") {
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

// Run runs actions, and waits for them for a while.
func (t *Tab) Run(actions ...chromedp.Action) error {
	ctx, cancel := context.WithTimeout(t.Context, patience)
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
	if err := t.Run(chromedp.WaitReady(selector, chromedp.ByQuery)); err != nil {
		return fmt.Errorf("wait for %s at %s: %w", selector, t.Path(), err)
	}
	return nil
}

// Click waits for an element and clicks it; what it leads to may take a moment.
func (t *Tab) Click(selector string) error {
	err := t.Run(chromedp.WaitVisible(selector, chromedp.ByQuery), chromedp.ScrollIntoView(selector, chromedp.ByQuery), chromedp.Click(selector, chromedp.ByQuery))
	if err != nil {
		return fmt.Errorf("click %s at %s: %w", selector, t.Path(), err)
	}
	return nil
}

// Fill replaces what a field holds.
func (t *Tab) Fill(selector, text string) error {
	err := t.Run(chromedp.WaitVisible(selector, chromedp.ByQuery), chromedp.Evaluate(fmt.Sprintf(`document.querySelector(%q).value = ""`, selector), nil),
		chromedp.SendKeys(selector, text, chromedp.ByQuery))
	if err != nil {
		return fmt.Errorf("fill %s at %s: %w", selector, t.Path(), err)
	}
	return nil
}

// Text is what can be read in an element.
func (t *Tab) Text(selector string) (string, error) {
	text := ""
	err := t.Run(chromedp.Text(selector, &text, chromedp.ByQuery))
	return strings.TrimSpace(text), err
}

// Eval runs a script in the page and reads its answer; promises are waited for.
func (t *Tab) Eval(script string, out any) error {
	return t.Run(chromedp.Evaluate(script, out, func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
		return p.WithAwaitPromise(true)
	}))
}

// Until waits until a script's answer, or what it promises, is true, across pages
// that come meanwhile.
func (t *Tab) Until(what, script string) error {
	ctx, cancel := context.WithTimeout(t.Context, patience)
	defer cancel()
	for {
		ok := false
		err := t.Eval("Promise.resolve("+script+").then(Boolean)", &ok) // fails between two pages
		if err == nil && ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s at %s: %w", what, t.Path(), errors.Join(err, ctx.Err()))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Path is where the tab is, without the server.
func (t *Tab) Path() string {
	at := ""
	ctx, cancel := context.WithTimeout(t.Context, 5*time.Second)
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
