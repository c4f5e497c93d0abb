package booking

import (
	"context"
	"net/http"

	"boxoffice/internal/booking/live"
	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// newFeeds makes the live feeds of the seat views.
func (s *Service) newFeeds(cfg *Config) *live.Feeds {
	return live.New(live.Config{
		View: func(ctx context.Context, eventID string) (live.View, error) {
			v, err := s.views.get(ctx, eventID)
			if err != nil {
				return nil, err // not an interface that contains a nil *view
			}
			return v, nil
		},
		Catch:   func(feed func() error) error { return s.views.catch("live", feed) },
		Metrics: cfg.Metrics,
	})
}

// EventID and Read make the view a live.View.
func (v *view) EventID() string { return v.eventID }

func (v *view) Read(show func(seq, eventVersion int64, status []byte)) (changed <-chan struct{}) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	show(v.seq, v.sale.EventVersion, v.status)
	return v.changed
}

// Live streams an event's seats to a viewer who may see the event; see live.Feeds. An
// error means that nothing was written.
func (s *Service) Live(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	v, err := s.views.get(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	if v.hiddenFrom(caller.From(ctx)) {
		return errs.Missing("event")
	}
	seq, err := live.ResumeAt(r)
	if err != nil {
		return err
	}
	if seq > v.version() { // from another node, from another ledger, or invented
		if later, err := s.views.after(ctx, v.eventID, seq); err == nil {
			v = later
		} else {
			seq = -1
		}
	}
	return s.feeds.Serve(w, r, v, seq)
}

// EndLive ends all live feeds, for shutdown.
func (s *Service) EndLive() { s.feeds.Close() }
