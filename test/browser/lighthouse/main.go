// Command lighthouse runs Lighthouse over the pages of the demo, as a phone and
// as a desktop, and prints the scores beside what we want them to be. Paints and
// blocking times are those of Lighthouse's simulated devices: they say nothing of
// other machines, and decide nothing.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"boxoffice/test/browser/stage"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "lighthouse:", err)
		os.Exit(1)
	}
}

// wanted are the lowest scores that we want, in percent.
var wanted = []struct {
	category, short string
	least           int
}{{"performance", "perf", 95}, {"accessibility", "a11y", 100}, {"best-practices", "best", 95}, {"seo", "seo", 95}}

// visit is a page to look at.
type visit struct {
	name, path, token string
	private           bool // not for search engines, so that their score does not count
}

func run(ctx context.Context) error {
	s, err := stage.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	pages, err := visits(s)
	if err != nil {
		return err
	}
	fmt.Printf("%-22s %5s %5s %5s %5s   %8s %8s %6s\n", "page", "perf", "a11y", "best", "seo", "LCP", "TBT", "CLS")
	low := 0
	for _, preset := range []string{"mobile", "desktop"} {
		for _, p := range pages {
			r, err := look(ctx, s, p, preset)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			fmt.Printf("%-22s", p.name+", "+preset)
			for _, w := range wanted {
				score := r.score(w.category)
				mark := " "
				if score < w.least && !(p.private && w.category == "seo") {
					mark, low = "!", low+1
				}
				fmt.Printf(" %4d%s", score, mark)
			}
			fmt.Printf("   %5.0f ms %5.0f ms %6.3f\n", r.metric("largest-contentful-paint"), r.metric("total-blocking-time"), r.metric("cumulative-layout-shift"))
			for _, f := range r.faults() {
				fmt.Println("    ", f)
			}
		}
	}
	fmt.Printf("%d scores are lower than wanted (!)\n", low)
	return nil
}

// visits are home, search, event and checkout.
func visits(s *stage.Stage) ([]visit, error) {
	event, err := s.Event("aurora")
	if err != nil {
		return nil, err
	}
	token, err := s.Token("buyer")
	if err != nil {
		return nil, err
	}
	booking, err := s.Hold(token, event, 2)
	if err != nil {
		return nil, err
	}
	return []visit{{name: "home", path: "/"}, {name: "search", path: "/search?q=music"}, {name: "event, 20,000", path: "/e/" + event + "/aurora-lines-the-northern-tour"},
		{name: "checkout", path: "/checkout/" + booking, token: token, private: true}}, nil
}

// report is what we read of Lighthouse's report.
type report struct {
	Categories map[string]struct {
		Score     float64
		AuditRefs []struct {
			ID     string
			Weight float64
		}
	}
	Audits map[string]struct {
		Title        string
		Score        *float64
		NumericValue float64
	}
}

func (r *report) score(category string) int {
	return int(r.Categories[category].Score*100 + .5)
}
func (r *report) metric(audit string) float64 { return r.Audits[audit].NumericValue }

// faults are the audits that fail, but for those of speed.
func (r *report) faults() []string {
	var list []string
	for _, w := range wanted[1:] {
		for _, ref := range r.Categories[w.category].AuditRefs {
			if a := r.Audits[ref.ID]; ref.Weight > 0 && a.Score != nil && *a.Score < 1 {
				list = append(list, w.short+": "+a.Title)
			}
		}
	}
	return list
}

func look(ctx context.Context, s *stage.Stage, p visit, preset string) (*report, error) {
	dir, err := os.MkdirTemp("", "boxoffice-lighthouse")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "report.json")
	args := []string{s.URL + p.path, "--quiet", "--output=json", "--output-path=" + file, "--only-categories=performance,accessibility,best-practices,seo",
		"--chrome-flags=--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --user-data-dir=" + dir}
	if preset == "desktop" {
		args = append(args, "--preset=desktop")
	}
	if p.token != "" {
		headers, err := json.Marshal(map[string]string{"Cookie": "session=" + p.token})
		if err != nil {
			return nil, err
		}
		args = append(args, "--extra-headers="+string(headers))
	}
	cmd := exec.CommandContext(ctx, "test/browser/lighthouse/node_modules/.bin/lighthouse", args...)
	cmd.Env = append(os.Environ(), "CHROME_PATH="+s.Chromium)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := &report{}
	return r, json.Unmarshal(raw, r)
}
