// Command pictures takes the pictures of pages that the documentation shows: of
// a fresh demo, by a buyer and an organizer who are signed in.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"boxoffice/test/browser/stage"
)

const folder = "docs/pictures"

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	s, err := stage.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	buyer, err := s.Token("buyer")
	if err != nil {
		return err
	}
	event := map[string]string{}
	for name, word := range map[string]string{"arena": "aurora", "theatre": "midsummer"} {
		if event[name], err = s.Event(word); err != nil {
			return err
		}
	}
	held, err := s.Hold(buyer, event["arena"], 2)
	if err != nil {
		return err
	}
	bought, err := s.Buy(buyer, event["theatre"], 2)
	if err != nil {
		return err
	}
	for _, p := range []picture{
		{"home", "/", "", stage.Desktop, "", ""},
		{"map", "/e/" + event["theatre"], "", stage.Desktop, "#seats", "#seatmap canvas"},
		{"map-phone", "/e/" + event["arena"], "", stage.Phone, "#seats", "#seatmap canvas"},
		{"checkout", "/checkout/" + held, "buyer", stage.Desktop, "", ""},
		{"ticket", "/orders/" + bought + "/tickets", "buyer", stage.Phone, "", ""},
		{"organizer", "/organizer/events/" + event["theatre"], "organizer", stage.Desktop, "", ""},
	} {
		if err := p.take(s); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Println(filepath.Join(folder, p.name+".png"))
	}
	if err := door(s, buyer, event["theatre"], bought); err != nil {
		return fmt.Errorf("the door: %w", err)
	}
	return mails(s)
}

// letters has the emails that tests compare with what is written.
const letters = "internal/notify/letter/testdata"

// mails takes the pictures of emails, light and dark.
func mails(s *stage.Stage) error {
	dir, err := filepath.Abs(letters)
	if err != nil {
		return err
	}
	for _, kind := range []string{"booked", "event-moved", "refunded"} {
		for suffix, dark := range map[string]bool{"": false, "-dark": true} {
			p := picture{name: "mail-" + kind + suffix, path: "file://" + filepath.Join(dir, kind+".en.html"), screen: stage.Screen{Width: 600, Height: 720, Dark: dark}}
			if err := p.take(s); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			fmt.Println(filepath.Join(folder, p.name+".png"))
		}
	}
	return nil
}

// picture is a page to be taken.
type picture struct {
	name, path, who string
	screen          stage.Screen
	slot, to        string // scroll to this element, and wait until that one is drawn in it
}

func (p picture) take(s *stage.Stage) error {
	t, err := s.Tab(p.screen, true)
	if err != nil {
		return err
	}
	defer t.Close()
	if p.who != "" {
		if err := t.SignIn(p.who); err != nil {
			return err
		}
	}
	if err := t.Go(p.path); err != nil {
		return err
	}
	if p.to != "" { // what comes late comes as one scrolls to it
		scroll := fmt.Sprintf(`document.querySelector(%q).scrollIntoView(); window.scrollBy(0, 30)`, p.slot)
		if err := t.Eval(scroll, nil); err != nil {
			return err
		}
		if err := t.Wait(p.to); err != nil {
			return err
		}
		if err := t.Eval(scroll, nil); err != nil {
			return err
		}
	}
	time.Sleep(1500 * time.Millisecond) // pictures and animations
	return t.Shot(filepath.Join(folder, p.name+".png"))
}
