package seatmap

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
)

const bowlTiers = `[{"id":"a","name":"Lower","price":12000,"label":"€120.00","categories":["Lower"]},{"id":"b","name":"Middle","price":8000,"label":"€80.00","categories":["Middle"]},{"id":"c","name":"Upper","price":4000,"label":"€40.00","categories":["Upper"]}]`

// BenchmarkPan drags a plan of 100,000 seats about, from afar, with all seats of
// a few sections in sight, and from near, while 50 seats a second are taken. It
// reports the script of a frame as Chromium's trace tells it, in CPU time: all that
// runs between two frames, event handlers and garbage collection included.
func BenchmarkPan(b *testing.B) {
	o := open(b, bowl(100_000), bowlTiers)
	ctx := browse(b, o.URL)
	var first float64
	if err := chromedp.Run(ctx, chromedp.Evaluate(`performance.getEntriesByName("seatmap-painted")[0].startTime - performance.getEntriesByType("resource").find(r => r.name.endsWith("/plan")).responseEnd`, &first)); err != nil {
		b.Fatal(err)
	}
	stop := o.take(50)
	defer stop()
	for _, zoom := range []struct {
		name   string
		clicks int
	}{{"sections", 0}, {"seats", 4}, {"near", 2}} {
		for range zoom.clicks {
			if err := chromedp.Run(ctx, chromedp.Click(".sm-zoom button:first-child", chromedp.ByQuery), chromedp.Sleep(time.Second)); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(zoom.name, func(b *testing.B) {
			for b.Loop() {
				frames := script(b, ctx, drag)
				b.ReportMetric(quantile(frames, 0.5), "median-ms")
				b.ReportMetric(quantile(frames, 0.95), "p95-ms")
				b.ReportMetric(quantile(frames, 1), "max-ms")
				b.ReportMetric(float64(len(frames)), "frames")
			}
			b.ReportMetric(first, "first-paint-ms")
		})
	}
}

// take has so many seats a second taken, in the feed, until it is stopped.
func (o *office) take(perSecond int) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for seq := 8; ; seq++ {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			held := make([]int, perSecond/5)
			for i := range held {
				held[i] = (seq*7919 + i*2003) % 100_000
			}
			list, _ := json.Marshal(held)
			select {
			case o.live <- fmt.Sprintf("event: seats\nid: %d\ndata: {\"seq\":%d,\"event_version\":1,\"held\":%s}\n\n", seq, seq, list):
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

// drag moves the plan about for some three seconds, at a mouse's 60 moves a second.
func drag(ctx context.Context) error {
	mouse := func(kind input.MouseType, x, y float64) error {
		return input.DispatchMouseEvent(kind, x, y).WithButton(input.Left).WithButtons(1).WithClickCount(1).Do(ctx)
	}
	for round := range 3 {
		x, y := 400.0, 400.0
		if err := mouse(input.MousePressed, x, y); err != nil {
			return err
		}
		for i := range 60 {
			next := time.After(16 * time.Millisecond)
			step := 6.0 * float64(1-2*(round%2))
			x, y = x+step, y+step*float64(i%7-3)/4
			if err := mouse(input.MouseMoved, x, y); err != nil {
				return err
			}
			<-next
		}
		if err := mouse(input.MouseReleased, x, y); err != nil {
			return err
		}
	}
	return nil
}

// script runs something and says how many milliseconds of script ran in each frame.
func script(tb testing.TB, ctx context.Context, do func(context.Context) error) []float64 {
	var mu sync.Mutex
	var events []event
	complete := make(chan struct{})
	listening, end := context.WithCancel(ctx)
	defer end()
	chromedp.ListenTarget(listening, func(ev any) {
		switch ev := ev.(type) {
		case *tracing.EventDataCollected:
			mu.Lock()
			defer mu.Unlock()
			for _, raw := range ev.Value {
				var e event
				if json.Unmarshal(raw, &e) == nil {
					events = append(events, e)
				}
			}
		case *tracing.EventTracingComplete:
			close(complete)
		}
	})
	err := chromedp.Run(ctx, chromedp.ActionFunc(func(ctx context.Context) error {
		return tracing.Start().WithTransferMode(tracing.TransferModeReportEvents).
			WithTraceConfig(&tracing.TraceConfig{IncludedCategories: []string{"devtools.timeline", "v8"}}).Do(ctx)
	}), chromedp.ActionFunc(do), chromedp.ActionFunc(func(ctx context.Context) error { return tracing.End().Do(ctx) }))
	if err != nil {
		tb.Fatal(err)
	}
	<-complete
	return frames(events)
}

// event is one of a trace; times in microseconds.
type event struct {
	Name  string  `json:"name"`
	Phase string  `json:"ph"`
	PID   int     `json:"pid"`
	TID   int     `json:"tid"`
	At    float64 `json:"ts"`
	Lasts float64 `json:"dur"`
	CPU   float64 `json:"tdur"` // of Lasts, what the thread was running: a busy machine adds nothing to it
}

// frames adds up what of a trace is script, from one animation frame to the next.
// Events lie within each other: only the outermost count.
func frames(events []event) []float64 {
	counts := map[string]bool{"FunctionCall": true, "FireAnimationFrame": true, "EventDispatch": true, "TimerFire": true, "EvaluateScript": true, "MinorGC": true, "MajorGC": true, "RunMicrotasks": true}
	main := map[[2]int]int{} // frames by thread: the page's main thread has them
	for _, e := range events {
		if e.Name == "FireAnimationFrame" {
			main[[2]int{e.PID, e.TID}]++
		}
	}
	var busiest [2]int
	for k, n := range main {
		if n > main[busiest] {
			busiest = k
		}
	}
	slices.SortFunc(events, func(a, b event) int {
		if a.At != b.At {
			return int(a.At - b.At)
		}
		return int(b.Lasts - a.Lasts)
	})
	var out []float64
	sum, until := 0.0, 0.0
	for _, e := range events {
		if e.Phase != "X" || !counts[e.Name] || e.At < until || [2]int{e.PID, e.TID} != busiest {
			continue
		}
		until = e.At + e.Lasts
		sum += e.CPU / 1000
		if e.Name == "FireAnimationFrame" {
			out = append(out, sum)
			sum = 0
		}
	}
	slices.Sort(out)
	return out
}

func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
