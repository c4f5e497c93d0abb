package user

import (
	"fmt"
	"testing"

	"boxoffice/internal/caller"
)

// People are found by the thousand, and by their addresses.
func TestPeople(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	u := w.signUp(t, "robin@example.org")
	ids := []string{"nobody"}
	for i := range 3000 {
		ids = append(ids, fmt.Sprint("x", i))
	}
	got, err := w.People(ctx, append(ids, u.ID))
	if err != nil || len(got) != 1 || got[u.ID] != (caller.Person{Name: "Robin Fan", Email: "robin@example.org"}) {
		t.Fatalf("%+v %v", got, err)
	}
	if got, err = w.People(ctx, nil); err != nil || len(got) != 0 {
		t.Fatalf("%+v %v", got, err)
	}
	found, err := w.ByEmail(ctx, " Robin@Example.org ")
	if err != nil || len(found) != 1 || found[0] != u.ID {
		t.Fatalf("%v %v", found, err)
	}
	if found, err = w.ByEmail(ctx, "other@example.org"); err != nil || len(found) != 0 {
		t.Fatalf("%v %v", found, err)
	}
}
