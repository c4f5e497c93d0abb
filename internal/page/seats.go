package page

import (
	"regexp"
	"strings"

	"boxoffice/internal/bookingapi"
)

// Seats names places in one line: section, row and seat, never the labels of
// machines. Neighbours in a list that share section and row are named together.
func (v *Visit) Seats(places []bookingapi.Place) string { return v.kit.seats(v.Lang, places) }

func (k *Kit) seats(lang string, places []bookingapi.Place) string {
	var names []string
	for len(places) > 0 {
		n := 1
		for n < len(places) && places[n].Section == places[0].Section && places[n].Row == places[0].Row {
			n++
		}
		names = append(names, k.together(lang, places[:n]))
		places = places[n:]
	}
	return strings.Join(names, "; ")
}

// together names places of one section and row.
func (k *Kit) together(lang string, places []bookingapi.Place) string {
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
		return k.words.text(lang, "seat.places", "N", len(places), "Section", first.Section)
	case first.Row == "":
		return k.words.text(lang, "seat.in-section", "N", len(numbers), "Section", first.Section, "Seat", list)
	}
	return k.words.text(lang, "seat.in-row", "N", len(numbers), "Section", first.Section, "Row", first.Row, "Seat", list)
}

// Category is the name of a category of events in the reader's language. Names
// that organizers make up stay as they are.
func (v *Visit) Category(name string) string { return v.kit.category(v.Lang, name) }

var betweenWords = regexp.MustCompile(`[^\pL\pN]+`)

func (k *Kit) category(lang, name string) string {
	key := "category." + strings.Trim(betweenWords.ReplaceAllString(strings.ToLower(name), "-"), "-")
	if own := k.words.text(lang, key); own != key {
		return own
	}
	return name
}
