package rush

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"boxoffice/internal/jobs"
)

// colours are used on terminals only, and not when NO_COLOR is set
// (https://no-color.org).
type colours struct{ on bool }

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func palette(w io.Writer) colours {
	return colours{terminal(w) && os.Getenv("NO_COLOR") == ""}
}

func (c colours) paint(code, s string) string {
	if !c.on {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (c colours) bold(s string) string  { return c.paint("1", s) }
func (c colours) dim(s string) string   { return c.paint("2", s) }
func (c colours) green(s string) string { return c.paint("32", s) }
func (c colours) red(s string) string   { return c.paint("31", s) }
func (c colours) amber(s string) string { return c.paint("33", s) }

func (c colours) mark(ok bool) string {
	if ok {
		return c.green("✓")
	}
	return c.red("✗")
}

// view shows the progress of a rehearsal: in place on a terminal, otherwise one line
// a second.
type view struct {
	r     *rehearsal
	p     colours
	live  bool
	lines int // drawn so far
	rates []float64
	last  int64
	at    time.Time
}

func newView(r *rehearsal) *view {
	return &view{r: r, p: palette(r.live), live: terminal(r.live), at: time.Now()}
}

// run draws until ctx ends.
func (v *view) run(ctx context.Context) {
	every := time.Second
	if v.live {
		every = 200 * time.Millisecond
	}
	_ = jobs.Every(ctx, every, nil, func(context.Context) error { v.draw(); return nil })
}

// done draws the final state, which stays visible.
func (v *view) done() { v.draw() }

func (v *view) draw() {
	c := v.r.crowd
	now, n := time.Now(), c.purchases.Load()
	if v.r.opts.Burst {
		n = c.holds.Load()
	}
	if d := now.Sub(v.at).Seconds(); d > 0.05 {
		v.rates = append(v.rates, float64(n-v.last)/d)
		v.last, v.at = n, now
	}
	if len(v.rates) > 40 {
		v.rates = v.rates[len(v.rates)-40:]
	}
	if len(v.rates) == 0 {
		return
	}
	rate := v.rates[len(v.rates)-1]
	sh := c.stage.now.Load()
	sold, held, free := int(sh.taken.Load()), int(sh.held.Load()), int(sh.left.Load())
	if !v.live {
		fmt.Fprintf(v.r.live, "%5.1fs  %8s purchases  %7s/s   event %d: %s sold, %s held, %s free   hold p99 %.1f ms   %d errors\n",
			time.Since(c.start).Seconds(), thousands(c.purchases.Load()), thousands(int64(rate)), len(c.stage.shows),
			thousands(int64(sold)), thousands(int64(held)), thousands(int64(free)), ms(c.hold.quantile(.99)), c.errors.Load())
		return
	}
	v.frame([]string{
		"",
		fmt.Sprintf("  %s  %s", v.p.bold("boxoffice rush"), v.p.dim(fmt.Sprintf("%.1f s   %s fans   event %d", time.Since(c.start).Seconds(), thousands(int64(len(c.fans))), len(c.stage.shows)))),
		"",
		"  " + v.bar(sold, held, free),
		fmt.Sprintf("  %s sold   %s held   %s free", v.p.green(thousands(int64(sold))), v.p.amber(thousands(int64(held))), thousands(int64(free))),
		"",
		fmt.Sprintf("  %s %s", v.p.bold(fmt.Sprintf("%7s/s", thousands(int64(rate)))), spark(v.rates)),
		fmt.Sprintf("  %s purchases   %s refusals   hold p50 %.1f ms   p99 %s   errors %s", thousands(c.purchases.Load()), thousands(c.rejects.Load()),
			ms(c.hold.quantile(.5)), v.p.bold(fmt.Sprintf("%.1f ms", ms(c.hold.quantile(.99)))), thousands(c.errors.Load())),
		"",
	})
}

// frame draws lines over the previous ones.
func (v *view) frame(lines []string) {
	var b strings.Builder
	if v.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.lines)
	}
	for _, l := range lines {
		b.WriteString("\x1b[2K" + l + "\n")
	}
	v.lines = len(lines)
	_, _ = io.WriteString(v.r.live, b.String())
}

const barWidth = 60

func (v *view) bar(sold, held, free int) string {
	all := max(1, sold+held+free)
	s := sold * barWidth / all
	h := min(barWidth-s, (held*barWidth+all-1)/all)
	return v.p.green(strings.Repeat("█", s)) + v.p.amber(strings.Repeat("▓", h)) + v.p.dim(strings.Repeat("░", barWidth-s-h))
}

// spark draws numbers as a row of small bars.
func spark(values []float64) string {
	const levels = "▁▂▃▄▅▆▇█"
	top := 1.0
	for _, x := range values {
		top = max(top, x)
	}
	var b strings.Builder
	for _, x := range values {
		b.WriteRune([]rune(levels)[int(x/top*7)])
	}
	return b.String()
}
