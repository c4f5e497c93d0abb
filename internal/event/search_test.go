package event

import (
	"database/sql"
	"testing"

	"boxoffice/internal/eventapi"
)

// People type the letters of their keyboard, and find names with other letters.
func TestSearchByPlainLetters(t *testing.T) {
	w := newWorld(t)
	for title, queries := range map[string][]string{
		"Sørensen på Ørestad":            {"sorensen", "SØRENSEN", "orestad", "pa"},
		"Łódź Philharmonic":              {"lodz", "łódź"},
		"Đorđe Balašević":                {"dorde balasevic"},
		"Encyclopædia Œuvre":             {"encyclopaedia", "oeuvre", "œuvre"},
		"Große Straße":                   {"strasse", "grosse", "STRASSE", "straße"},
		"Don\u2019t Look Now":            {"don't", "don\u2019t", "don\u02bct"},
		"Rock \u2018n\u2019 Roll":        {"'n'"},
		"Þórr \u2013 Ísland":             {"thorr - island", "thorr"},
		"می\u200cخواهم":                  {"میخواهم"},
		"\u0130stanbul Kap\u0131":        {"istanbul kapi"},
		"Tosca \uff26\uff35\uff2c\uff2c": {"full"},
	} {
		e := w.create(t, func(in *eventapi.NewEvent) { in.Title, in.Venue.City = title, "Ålesund" })
		for _, q := range queries {
			hits, err := w.search(t.Context(), nobody, eventapi.Filter{Text: q, Limit: 20})
			if err != nil {
				t.Fatal(err)
			}
			found := false
			for _, hit := range hits.Events {
				found = found || hit.ID == e.ID
			}
			if !found {
				t.Errorf("%q does not find %q", q, title)
			}
			if list, _, err := w.list(t.Context(), w.db.Browse(), nobody, eventapi.Filter{Text: q, City: "alesund", Limit: 50}); err != nil || len(list) == 0 {
				t.Errorf("%q lists nothing: %v", q, err)
			}
		}
	}
}

// Rows stored by an older version are folded again by the current rules.
func TestRefold(t *testing.T) {
	w := newWorld(t)
	e := w.create(t, func(in *eventapi.NewEvent) { in.Title = "Smørrebrød" })
	if err := w.db.Write(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), `UPDATE events SET search_title = 'smørrebrød', search_all = 'smørrebrød', search_rules = 0`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for done := false; !done; {
		var err error
		if done, err = w.refold(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if hits, err := w.search(t.Context(), nobody, eventapi.Filter{Text: "smorrebrod", Limit: 5}); err != nil || len(hits.Events) != 1 || hits.Events[0].ID != e.ID {
		t.Fatalf("%+v %v", hits, err)
	}
}
