package stage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"time"
)

// Call asks the node's API as the owner of a token ("": nobody) and reads the
// answer; another status than 2xx is an error.
func (s *Stage) Call(method, path, token string, body any) (map[string]any, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(method, s.URL+path, bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err = io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %d %v %s", method, path, res.StatusCode, err, raw)
	}
	out := map[string]any{}
	if len(raw) > 0 {
		err = json.Unmarshal(raw, &out)
	}
	return out, err
}

// Token signs one of the demo's people in: buyer or organizer.
func (s *Stage) Token(who string) (string, error) {
	out, err := s.Call(http.MethodPost, "/users/login", "", map[string]any{"email": who + "@demo.example", "password": s.Passwords[who]})
	token, _ := out["token"].(string)
	return token, err
}

// Event is the id of the demo's event whose title has a word.
func (s *Stage) Event(word string) (string, error) {
	out, err := s.Call(http.MethodGet, "/events/search?q="+url.QueryEscape(word), "", nil)
	if err != nil {
		return "", err
	}
	list, _ := out["items"].([]any)
	if len(list) == 0 {
		return "", fmt.Errorf("the demo has no event %q", word)
	}
	id, _ := list[0].(map[string]any)["id"].(string)
	return id, nil
}

// Hold holds the best seats of an event, and answers the booking's id.
func (s *Stage) Hold(token, event string, quantity int) (string, error) {
	out, err := s.Call(http.MethodPost, "/bookings", token, map[string]any{"event_id": event, "quantity": quantity})
	id, _ := out["id"].(string)
	return id, err
}

// Buy holds the best seats of an event and pays for them.
func (s *Stage) Buy(token, event string, quantity int) (string, error) {
	id, err := s.Hold(token, event, quantity)
	if err == nil {
		_, err = s.Call(http.MethodPost, "/payments", token, map[string]any{"booking_id": id, "method": "tok_ok"})
	}
	return id, err
}

// Create makes an event of the demo's organizer with a small theatre, on sale at
// €45.00 a seat; more adds to its input, or replaces parts of it.
func (s *Stage) Create(token, title string, seats int, more map[string]any) (string, error) {
	body := map[string]any{
		"title": title, "event_time": time.Now().AddDate(0, 0, 40).UTC().Format("2006-01-02") + "T20:00",
		"venue": map[string]any{"name": "Old Town Theatre", "city": "Vienna", "country": "AT", "time_zone": "Europe/Vienna"},
		"plan":  map[string]any{"template": "theatre", "seats": seats}, "currency": "EUR", "price": 4500, "status": "on_sale",
	}
	maps.Copy(body, more)
	out, err := s.Call(http.MethodPost, "/events", token, body)
	id, _ := out["id"].(string)
	return id, err
}
