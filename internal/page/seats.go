package page

import (
	"regexp"
	"strings"

	"boxoffice/internal/bookingapi"
)

// Seats describes places in one line: section, row and seat, not their internal
// labels. Adjacent places in the list that share section and row are grouped.
func (v *Visit) Seats(places []bookingapi.Place) string { return v.site.seats(v.Lang, places) }

func (s *Site) seats(lang string, places []bookingapi.Place) string {
	var names []string
	for len(places) > 0 {
		n := 1
		for n < len(places) && places[n].Section == places[0].Section && places[n].Row == places[0].Row {
			n++
		}
		names = append(names, s.together(lang, places[:n]))
		places = places[n:]
	}
	return strings.Join(names, "; ")
}

// together describes places of one section and row.
func (s *Site) together(lang string, places []bookingapi.Place) string {
	first := &places[0]
	var numbers []string
	for i := range places {
		if places[i].Number != "" {
			numbers = append(numbers, places[i].Number)
		}
	}
	list := strings.Join(numbers, ", ")
	switch {
	case len(numbers) == 0 && len(places) == 1:
		return first.Section
	case len(numbers) == 0:
		return s.words.Text(lang, "seat.places", "N", len(places), "Section", first.Section)
	case first.Row == "":
		return s.words.Text(lang, "seat.in-section", "N", len(numbers), "Section", first.Section, "Seat", list)
	}
	return s.words.Text(lang, "seat.in-row", "N", len(numbers), "Section", first.Section, "Row", first.Row, "Seat", list)
}

// Category returns the name of an event category in the reader's language. Names
// invented by organizers stay as they are.
func (v *Visit) Category(name string) string { return v.site.category(v.Lang, name) }

var betweenWords = regexp.MustCompile(`[^\pL\pN]+`)

func (s *Site) category(lang, name string) string {
	key := "category." + strings.Trim(betweenWords.ReplaceAllString(strings.ToLower(name), "-"), "-")
	if own := s.words.Text(lang, key); own != key {
		return own
	}
	return name
}
