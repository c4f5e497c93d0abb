package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"boxoffice/test/browser/stage"
)

const anEvening = `{"entrances":[{"id":"main","name":"Foyer"},{"id":"side","name":"Side door"}],"reentry":"after-exit","alone":"admit","names":true}`

// door takes the pictures of an evening: the check-in app as it lets somebody in and as it
// sees the same ticket again, and who is inside, as the organizer sees it.
func door(s *stage.Stage, buyer, event, booking string) error {
	organizer, err := s.Token("organizer")
	if err != nil {
		return err
	}
	if _, err := s.Call("PUT", "/events/"+event+"/door", organizer, json.RawMessage(anEvening)); err != nil {
		return err
	}
	if err := arrive(s, organizer, event, booking); err != nil {
		return err
	}
	tickets, err := s.Call("GET", "/bookings/"+booking+"/tickets", buyer, nil)
	if err != nil {
		return err
	}
	list, _ := tickets["items"].([]any)
	if len(list) == 0 {
		return errors.New("the booking has no tickets")
	}
	if err := atGate(s, organizer, event, list[0].(map[string]any)["token"]); err != nil {
		return err
	}
	return picture{"door", "/organizer/events/" + event + "/door", "organizer", stage.Desktop, "", ""}.take(s)
}

// atGate takes the pictures of the check-in app.
func atGate(s *stage.Stage, organizer, event string, token any) error {
	pairing, err := pair(s, organizer, event, "Foyer, left", "main")
	if err != nil {
		return err
	}
	t, err := s.Tab(stage.Phone, true)
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.Go("/gate#pair=" + pairing); err != nil {
		return err
	}
	if err := t.Click(".gate-go"); err != nil {
		return err
	}
	if err := t.Wait(`.gate-scan[data-online="true"] .gate-n-entered small`); err != nil {
		return err
	}
	for _, name := range []string{"gate", "gate-used"} {
		if err := t.Eval(fmt.Sprintf(`for (const key of [...%q, "Enter"]) document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }))`, token), nil); err != nil {
			return err
		}
		if err := t.Wait(".gate-verdict:not([hidden])"); err != nil {
			return err
		}
		time.Sleep(500 * time.Millisecond) // what moves
		file := filepath.Join(folder, name+".png")
		fmt.Println(file)
		if err := t.Shot(file); err != nil {
			return err
		}
		time.Sleep(6 * time.Second) // the same code again at once is the camera's
	}
	return nil
}

// pair makes a pairing code.
func pair(s *stage.Stage, organizer, event, name, entrance string) (string, error) {
	pairing, err := s.Call("POST", "/events/"+event+"/door/pairings", organizer, map[string]any{"name": name, "entrance": entrance, "names": true})
	code, _ := pairing["code"].(string)
	return code, err
}

// arrive lets most guests in, but none of one booking, most of them in the middle of the last
// three quarters of an hour, at two entrances.
func arrive(s *stage.Stage, organizer, event, but string) error {
	n := 0
	for _, entrance := range []string{"main", "side"} {
		code, err := pair(s, organizer, event, "Reserve", entrance)
		if err != nil {
			return err
		}
		device, err := s.Call("POST", "/door/pair", "", map[string]any{"code": code})
		if err != nil {
			return err
		}
		token, _ := device["token"].(string)
		counter := 0
		for row := 'A'; row <= 'T'; row++ {
			found, err := s.Call("GET", fmt.Sprintf("/door/guests?q=-%c-", row), token, nil)
			if err != nil {
				return err
			}
			var scans []any
			guests, _ := found["items"].([]any)
			for _, g := range guests {
				n++
				guest, _ := g.(map[string]any)
				if guest["inside"] == true || guest["booking_id"] == but || n%5 == 0 || entrance == "main" && n%3 == 0 {
					continue
				}
				counter++
				ago := time.Duration(2+(n*7)%20+(n*11)%25) * time.Minute
				scans = append(scans, map[string]any{
					"counter": counter, "at": time.Now().Add(-ago).UnixMilli(), "n": 0, "kind": "in", "booking_id": guest["booking_id"], "ordinal": guest["ordinal"],
					"entrance": entrance, "how": "search", "offset_known": true,
				})
			}
			if len(scans) == 0 {
				continue
			}
			if _, err := s.Call("POST", "/door/scans", token, map[string]any{"scans": scans}); err != nil {
				return err
			}
		}
	}
	return nil
}
