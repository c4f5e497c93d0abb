package rush

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"boxoffice/internal/codec"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/ticket"
)

const (
	partySize = 4  // seats of one booking
	buyers    = 32 // who buy at the same time
)

// hall is an event tonight, whose seats are all sold over the API.
type hall struct {
	client    *client
	organizer string // token
	event     string
	keys      ticket.Keys
	bookings  []*party
}

// party is a booking, and who comes with it.
type party struct {
	id     string
	fan    *Fan
	labels []string
	tokens []string // of the tickets, as they are now, in the order of labels
	came   bool
}

// openHall creates the event, sells all of its seats to fans, and reads their tickets.
func openHall(ctx context.Context, cl *client, organizer string, fans []Fan, seats int) (*hall, error) {
	h := &hall{client: cl, organizer: organizer}
	call := cl.call()
	defer call.done()
	var event struct {
		ID string `json:"id"`
	}
	err := call.post("/events", organizer, 201, map[string]any{
		"title": "Rehearsal of the door", "event_time": time.Now().Add(2 * time.Hour).UTC().Format(time.RFC3339),
		"venue": map[string]any{"name": "Rehearsal Arena", "time_zone": "UTC"}, "plan": map[string]any{"template": "theatre", "seats": seats},
		"currency": "EUR", "tiers": []map[string]any{{"name": "All", "price": 4900, "fees": 400, "categories": []string{"Premium", "Stalls", "Circle", "Balcony"}}},
		"status": eventapi.OnSale, "limit_per_customer": 100,
	}, &event)
	if err != nil {
		return nil, fmt.Errorf("create event: %w", err)
	}
	h.event = event.ID
	var plan plan
	if err := call.get("/events/"+h.event+"/plan", organizer, &plan); err != nil {
		return nil, err
	}
	status, document, err := call.send("GET", "/tickets/keys.json", "", "", nil)
	if err != nil || status != 200 {
		return nil, fmt.Errorf("keys of tickets: status %d: %w", status, err)
	}
	if h.keys, err = ticket.ParseKeys(document); err != nil {
		return nil, err
	}
	for at := 0; at < len(plan.Seats); at += partySize {
		p := &party{fan: &fans[len(h.bookings)%len(fans)]}
		for _, s := range plan.Seats[at:min(at+partySize, len(plan.Seats))] {
			p.labels = append(p.labels, s.Label)
		}
		h.bookings = append(h.bookings, p)
	}
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range buyers {
		g.Go(func() error {
			call := cl.call()
			defer call.done()
			for i := next.Add(1) - 1; i < int64(len(h.bookings)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				if err := h.sell(call, h.bookings[i]); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
	}
	return h, g.Wait()
}

// sell has a party buy its seats, and reads its tickets.
func (h *hall) sell(call *call, p *party) error {
	var held struct {
		ID string `json:"id"`
	}
	if err := call.post("/bookings", p.fan.Token, 201, map[string]any{"event_id": h.event, "seats": p.labels}, &held); err != nil {
		return err
	}
	p.id = held.ID
	if err := call.post("/payments", p.fan.Token, 201, map[string]any{"booking_id": p.id, "method": paymentapi.SandboxOK}, &struct{}{}); err != nil {
		return err
	}
	return h.readTickets(call, p)
}

// readTickets reads the codes of a party's tickets as they are now.
func (h *hall) readTickets(call *call, p *party) error {
	var list struct {
		Items []struct {
			Seat  string `json:"seat"`
			Token string `json:"token"`
		} `json:"items"`
	}
	if err := call.get("/bookings/"+p.id+"/tickets", p.fan.Token, &list); err != nil {
		return err
	}
	if len(list.Items) != len(p.labels) {
		return fmt.Errorf("booking %s has %d tickets of %d seats", p.id, len(list.Items), len(p.labels))
	}
	by := map[string]string{}
	for _, one := range list.Items {
		by[one.Seat] = one.Token
	}
	p.tokens = make([]string, len(p.labels))
	for i, label := range p.labels {
		p.tokens[i] = by[label]
	}
	return nil
}

// refund cancels a booking.
func (h *hall) refund(call *call, p *party) error {
	status, raw, err := call.send("DELETE", "/bookings/"+p.id, p.fan.Token, "", nil)
	if err == nil && status != 200 {
		err = fmt.Errorf("cancel: status %d: %.120s", status, raw)
	}
	return err
}

// reissue replaces the tickets of a booking.
func (h *hall) reissue(call *call, p *party) error {
	if err := call.post("/bookings/"+p.id+"/tickets/reissue", p.fan.Token, 200, struct{}{}, &struct{}{}); err != nil {
		return err
	}
	return h.readTickets(call, p)
}

// pair pairs a device, and returns its id and token.
func (h *hall) pair(call *call, name string) (device, token string, err error) {
	var code struct {
		Code string `json:"code"`
	}
	if err := call.post("/events/"+h.event+"/door/pairings", h.organizer, 201, map[string]any{"name": name}, &code); err != nil {
		return "", "", err
	}
	var paired struct {
		Device string `json:"device"`
		Token  string `json:"token"`
	}
	err = call.post("/door/pair", "", 201, map[string]any{"code": code.Code}, &paired)
	return paired.Device, paired.Token, err
}

// scanBody is a scan as devices send it.
type scanBody struct {
	Counter     int64    `json:"counter"`
	At          int64    `json:"at"`
	N           int64    `json:"n,omitempty"`
	Kind        string   `json:"kind"`
	Token       string   `json:"token,omitempty"`
	Of          *refBody `json:"of,omitempty"`
	Entrance    string   `json:"entrance"`
	How         string   `json:"how"`
	Decided     string   `json:"decided,omitempty"`
	Reason      string   `json:"reason,omitempty"`
	OffsetKnown bool     `json:"offset_known,omitempty"`
}

type refBody struct {
	Device  string `json:"device"`
	Counter int64  `json:"counter"`
}

type scansBody struct {
	Scans []scanBody `json:"scans"`
}

// answersBody is what a node answers to scans.
type answersBody struct {
	Now   int64        `json:"now"` // µs since 1970
	Items []scanAnswer `json:"items"`
}

type scanAnswer struct {
	Counter int64  `json:"counter"`
	At      int64  `json:"at"`
	N       int64  `json:"n"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`
}

// turnstiles is how many devices scan in a flood, each one ticket after the other.
const turnstiles = 200

// pairTurnstiles pairs devices, and returns their tokens.
func (h *hall) pairTurnstiles() ([]string, error) {
	devices := make([]string, turnstiles)
	call := h.client.call()
	defer call.done()
	for i := range devices {
		var err error
		if _, devices[i], err = h.pair(call, fmt.Sprintf("Turnstile %d", i+1)); err != nil {
			return nil, err
		}
	}
	return devices, nil
}

// flood has devices scan tickets, one scan in a request, as fast as the node answers.
type flood struct {
	scans  int64
	took   time.Duration
	answer hist
}

func (h *hall) flood(ctx context.Context, devices, tokens []string, most time.Duration) (*flood, error) {
	f := &flood{}
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for _, device := range devices {
		g.Go(func() error {
			call := h.client.call()
			defer call.done()
			for counter := int64(1); ctx.Err() == nil && time.Since(began) < most; counter++ {
				i := next.Add(1) - 1
				if i >= int64(len(tokens)) {
					return nil
				}
				sent := time.Now()
				raw, err := codec.Marshal(scansBody{[]scanBody{{Counter: counter, At: sent.UnixMilli(), Kind: "in", Token: tokens[i], Entrance: "main", How: "camera", OffsetKnown: true}}})
				if err != nil {
					return err
				}
				status, raw, err := call.send("POST", "/door/scans", device, "", raw)
				f.answer.add(time.Since(sent))
				var a answersBody
				if err == nil && status == 200 {
					err = codec.ReadKnown(raw, &a)
				}
				switch {
				case err != nil:
					return fmt.Errorf("flood: %w", err)
				case status != 200 || len(a.Items) != 1:
					return fmt.Errorf("flood: status %d: %.200s", status, raw)
				case a.Items[0].Outcome != "admitted":
					return errors.New("flood: a valid ticket is refused: " + a.Items[0].Reason)
				}
			}
			return ctx.Err()
		})
	}
	err := g.Wait()
	f.scans, f.took = f.answer.count(), time.Since(began)
	return f, err
}
