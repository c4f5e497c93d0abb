package event

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"boxoffice/internal/errs"
	"boxoffice/internal/event/importer"
	"boxoffice/internal/eventapi"
)

// A sale that an import has stopped resumes when the page says so; one that its organizer
// has paused does not.
func TestImportedSaleGoesOn(t *testing.T) {
	says := func(code string) importer.File { return edited(t, "postponed.json", `"postponed"`, `"`+code+`"`) }
	opts := importer.Options{DefaultPrice: 5000, Currency: "USD"}
	for _, stop := range []string{"postponed", "cancelled-by-nobody"} {
		w := newWorld(t)
		status := func(code string) eventapi.Status {
			w.mustImport(t, opts, says(code))
			return w.imported(t, "discovery:EX9").Status
		}
		for _, code := range []string{"onsale", stop, "rescheduled", stop, "onsale"} {
			want := eventapi.OnSale
			if code == stop {
				want = eventapi.Published
			}
			if got := status(code); got != want {
				t.Errorf("%s: the event is %s", code, got)
			}
		}
		e := w.imported(t, "discovery:EX9")
		if _, err := w.change(t.Context(), admin, e.ID, 0, eventapi.Update{Status: ptr(eventapi.Published)}); err != nil {
			t.Fatal(err)
		}
		for _, code := range []string{"rescheduled", stop, "onsale"} {
			if got := status(code); got != eventapi.Published {
				t.Errorf("its organizer has paused it, and %s makes it %s", code, got)
			}
		}
		// An import has stopped it, and then the organizer says that it stays so.
		if _, err := w.change(t.Context(), admin, e.ID, 0, eventapi.Update{Status: ptr(eventapi.OnSale)}); err != nil {
			t.Fatal(err)
		}
		status(stop)
		if e = w.imported(t, "discovery:EX9"); !e.Paused || !e.ImportPaused {
			t.Fatalf("stopped by an import: %+v", e)
		}
		if _, err := w.change(t.Context(), admin, e.ID, 0, eventapi.Update{Status: ptr(eventapi.Published)}); err != nil {
			t.Fatal(err)
		}
		if got := status("onsale"); got != eventapi.Published {
			t.Errorf("its organizer has let the pause be, and an import makes it %s", got)
		}
	}
}

// The date of a postponed event and the end of its sale are no longer valid: they are left
// out and reported. A strict import refuses the page and changes nothing.
func TestPostponed(t *testing.T) {
	w := newWorld(t)
	w.mustImport(t, importer.Options{}, edited(t, "postponed.json", `"postponed"`, `"onsale"`))
	before := w.imported(t, "discovery:EX9")
	_, err := w.Import(t.Context(), []importer.File{fixture(t, "postponed.json")}, importer.Options{Strict: true})
	wantFault(t, err, "postponed.json", "_embedded.events[0].dates.start")
	if e := w.imported(t, "discovery:EX9"); e.Version != before.Version || e.StartsAt == 0 || e.ClosesAt == 0 {
		t.Errorf("refused, and the event is %+v", e)
	}
	sum := w.mustImport(t, importer.Options{}, fixture(t, "postponed.json"))
	if e := w.imported(t, "discovery:EX9"); e.StartsAt != 0 || e.LocalDate != "" || e.ClosesAt != 0 || e.Status != eventapi.Published {
		t.Errorf("postponed, and the event is %+v", e)
	}
	told := fmt.Sprint(sum.Notes)
	for _, path := range []string{"dates.start", "sales.public.endDateTime"} {
		if !strings.Contains(told, path) {
			t.Errorf("%s is not told: %s", path, told)
		}
	}
}

// An event that people have seats of does not become a draft by an import either.
func TestImportHidesNoSeats(t *testing.T) {
	w := newWorld(t)
	w.mustImport(t, importer.Options{}, fixture(t, "own.json"))
	draft := edited(t, "own.json", `"on_sale"`, `"draft"`)
	e := w.imported(t, "boxoffice:gala")
	w.booth.Sell(e.ID, 1)
	_, err := w.Import(t.Context(), []importer.File{draft}, importer.Options{})
	wantFault(t, err, "own.json", "events[0].status")
	if got := w.imported(t, "boxoffice:gala"); got.Status != eventapi.OnSale {
		t.Errorf("refused, and it is %s", got.Status)
	}
	w.booth.Sell(e.ID, 0)
	w.mustImport(t, importer.Options{}, draft)
	if got := w.imported(t, "boxoffice:gala"); got.Status != eventapi.Draft {
		t.Errorf("nobody has seats, and it is %s", got.Status)
	}
}

// Seats that are taken between the import's check and the hand-over count as well: the
// booking side refuses, the import names the event, and it stays on sale.
func TestImportIsRefusedByTheBookingSide(t *testing.T) {
	w := newWorld(t)
	w.mustImport(t, importer.Options{}, fixture(t, "own.json"))
	w.booth.refuse = errs.New(errs.Conflict, "seats-taken", "People have seats.")
	_, err := w.Import(t.Context(), []importer.File{edited(t, "own.json", `"on_sale"`, `"draft"`)}, importer.Options{})
	if err == nil || !strings.Contains(err.Error(), `"Mill Gala" stays as it was`) || !strings.Contains(err.Error(), "People have seats.") {
		t.Errorf("the import says %v", err)
	}
	if e := w.imported(t, "boxoffice:gala"); e.Status != eventapi.OnSale || e.Refusal() == nil {
		t.Errorf("refused, and the event is %+v", e)
	}
}

// A file that does not say whether an event is on sale leaves that to its organizer.
func TestImportWithoutStatus(t *testing.T) {
	w := newWorld(t)
	says := func(status, title string) {
		f := edited(t, "own.json", `"status": "on_sale"`, status)
		f.Data = bytes.ReplaceAll(f.Data, []byte("Mill Gala"), []byte(title))
		w.mustImport(t, importer.Options{}, f)
	}
	says(`"description": ""`, "Mill Gala")
	if e := w.imported(t, "boxoffice:gala"); e.Status != eventapi.Published || e.Paused {
		t.Fatalf("new, and %s", e.Status)
	}
	for i, status := range []eventapi.Status{eventapi.OnSale, eventapi.Published, eventapi.Draft, eventapi.OnSale, eventapi.Cancelled} {
		before := w.imported(t, "boxoffice:gala")
		if _, err := w.change(t.Context(), admin, before.ID, 0, eventapi.Update{Status: &status}); err != nil {
			t.Fatal(err)
		}
		before = w.imported(t, "boxoffice:gala")
		says(`"description": ""`, fmt.Sprint("Mill Gala ", i))
		e := w.imported(t, "boxoffice:gala")
		if e.Title == before.Title || e.Status != status || e.Paused != before.Paused || e.ImportPaused {
			t.Errorf("it was %s, and an import makes it %s (paused: %v, %v)", status, e.Status, e.Paused, e.ImportPaused)
		}
	}
}
