package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/booking"
	"boxoffice/internal/booking/intake"
	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/settings"
	"boxoffice/internal/sqldb/sqldbtest"
	"boxoffice/internal/userapi"
)

// dying is the booking side as a node sees it that is killed before some of its
// hand-overs.
type dying struct {
	*booking.Service
	mu    sync.Mutex
	calls int
	armed bool
}

func (d *dying) SetSales(ctx context.Context, sales map[string]bookingapi.Sale) error {
	d.mu.Lock()
	d.calls++
	dies := d.armed && d.calls%3 == 0
	d.mu.Unlock()
	if dies {
		return errors.New("killed")
	}
	return d.Service.SetSales(ctx, sales)
}

// Events are cancelled by clients that leave before the answer, and by a node
// that is killed between the commit and the hand-over. Whoever was answered 200
// had the sale stopped; after a restart no cancelled event sells.
func TestCancelledEventsStopSelling(t *testing.T) {
	const events = 80
	cfg := sqldbtest.Fresh(t)
	s := &settings.Server{Storage: settings.Storage{Data: t.TempDir()}, Payments: "sandbox"}
	log := slog.New(slog.DiscardHandler)
	sales := &dying{}
	n, err := Start(t.Context(), s, sqldbtest.Again(t, cfg), Substitutes{Outside: Outside{Sales: func(b *booking.Service) intake.Sales { sales.Service = b; return sales }}}, log)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{Parts: n.Parts, door: n.gateway}
	owner := h.account(t, caller.Organizer)
	ids := make([]string, events)
	for i := range ids {
		ids[i] = h.must(t, owner, http.MethodPost, "/events", fmt.Sprintf(eventJSON, "on_sale"), "id")
	}
	sales.mu.Lock()
	sales.armed = true
	sales.mu.Unlock()
	server := httptest.NewServer(n.gateway.Handler())
	for i, id := range ids {
		status := cancelAndLeave(t, server.URL, owner, id, time.Duration(i%10)*300*time.Microsecond<<(i/20))
		if status == http.StatusOK {
			if w := h.ask(t, owner, http.MethodPost, "/bookings", `{"event_id":"`+id+`","quantity":1}`); w.Code != http.StatusConflict {
				t.Errorf("cancelled, and a hold gets %d %s", w.Code, w.Body)
			}
		}
	}
	server.Close()
	if err := n.Close(context.Background()); err != nil { // its worker had no time to make up for what was lost
		t.Fatal(err)
	}

	if n, err = Start(t.Context(), s, sqldbtest.Again(t, cfg), Substitutes{}, log); err != nil {
		t.Fatal(err)
	}
	defer n.Close(context.Background())
	h = &house{Parts: n.Parts, door: n.gateway}
	fan, cancelled := h.account(t, caller.Customer), 0
	for pending := len(ids); pending > 0; time.Sleep(5 * time.Millisecond) { // the bus is at work
		cancelled, pending = 0, 0
		for _, id := range ids {
			e, err := n.Events.OwnEvent(t.Context(), caller.System, id)
			if err != nil {
				t.Fatal(err)
			}
			if e.Pending {
				pending++
			}
			if e.Status == eventapi.Cancelled {
				cancelled++
			}
		}
	}
	for _, id := range ids {
		shown := h.must(t, fan, http.MethodGet, "/events/"+id, "", "status")
		w := h.ask(t, fan, http.MethodPost, "/bookings", `{"event_id":"`+id+`","quantity":1}`)
		if (shown == "cancelled") != (w.Code == http.StatusConflict) {
			t.Errorf("the event is %s, and a hold gets %d %s", shown, w.Code, w.Body)
		}
	}
	if cancelled < events/10 {
		t.Errorf("only %d of %d were cancelled, and every tenth client has stayed", cancelled, events)
	}
	t.Logf("%d of %d were cancelled", cancelled, events)
}

// cancelAndLeave cancels an event and closes the connection after a while; 0 when
// no answer came before. A client that waits 0 stays.
func cancelAndLeave(t *testing.T, base string, as userapi.Fan, eventID string, after time.Duration) int {
	ctx := t.Context()
	if after > 0 {
		short, cancel := context.WithTimeout(ctx, after)
		defer cancel()
		ctx = short
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodDelete, base+"/events/"+eventID, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+as.Token)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
