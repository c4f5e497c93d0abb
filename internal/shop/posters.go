package shop

import (
	"context"

	"github.com/maypok86/otter/v2"

	"boxoffice/internal/eventapi"
	"boxoffice/internal/locale"
	"boxoffice/internal/page"
	"boxoffice/internal/poster"
)

// pictureKey holds everything that an event's picture depends on.
type pictureKey struct{ id, title, category, when, where string }

// newPictures makes a cache of pictures, which take milliseconds to draw.
func newPictures() *otter.Cache[pictureKey, []byte] {
	return otter.Must(&otter.Options[pictureKey, []byte]{
		MaximumWeight: 24 << 20, // bytes
		Weigher:       func(_ pictureKey, b []byte) uint32 { return uint32(len(b)) },
	})
}

func (s *Shop) poster(v *page.Visit) error {
	e, err := s.Events.Event(v.Context(), v.Caller, v.PathValue("id"))
	if err != nil {
		return err
	}
	return send(v, &e, "image/svg+xml", poster.Of(e.ID, e.Category).SVG())
}

func (s *Shop) picture(v *page.Visit) error {
	e, err := s.Events.Event(v.Context(), v.Caller, v.PathValue("id"))
	if err != nil {
		return err
	}
	raw, err := s.pictures.Get(v.Context(), pictureKey{e.ID, e.Title, e.Category, whenOf(v, &e), placeOf(&e)}, otter.LoaderFunc[pictureKey, []byte](drawPicture))
	if err != nil {
		return err
	}
	v.W.Header().Add("Vary", "Cookie, Accept-Language")
	return send(v, &e, "image/png", raw)
}

func drawPicture(_ context.Context, k pictureKey) ([]byte, error) {
	return poster.Of(k.id, k.category).PNG(poster.Card{Title: k.title, When: k.when, Where: k.where})
}

// whenOf describes in words when an event takes place.
func whenOf(v *page.Visit, e *eventapi.Event) string {
	if !e.Starts.IsZero() {
		return locale.When(v.Lang, e.Starts, locale.Long)
	}
	if day, ok := dayOf(e.Date); ok {
		return locale.When(v.Lang, day, locale.Day) + untilDay(v, e)
	}
	return v.T("event.tba")
}

// untilDay describes the last day of an event of several days, to follow the first
// day.
func untilDay(v *page.Visit, e *eventapi.Event) string {
	last, ok := dayOf(e.EndDate)
	if !ok || e.EndDate == e.Date {
		return ""
	}
	return " – " + locale.When(v.Lang, last, locale.Day)
}

// placeOf describes in words where an event takes place.
func placeOf(e *eventapi.Event) string {
	if e.Venue.City == "" {
		return e.Venue.Name
	}
	return e.Venue.Name + ", " + e.Venue.City
}

// send answers with a file that belongs to an event. Caches may keep it, unless only
// the organizer may see the event.
func send(v *page.Visit, e *eventapi.Event, contentType string, body []byte) error {
	caching := "public, max-age=3600, stale-while-revalidate=86400"
	if e.Private {
		caching = "private, no-store"
	}
	return v.Send(contentType, caching, body)
}
