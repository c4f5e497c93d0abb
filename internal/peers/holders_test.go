package peers

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Holders agrees with lists that are counted each time.
func TestHolders(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h Holders[int, int]
		model, held := map[int][]int{}, map[int]*Held[int, int]{}
		for n := range rapid.IntRange(0, 60).Draw(t, "steps") {
			key := rapid.IntRange(0, 5).Draw(t, "key")
			if list := model[key]; len(list) > 0 && rapid.Bool().Draw(t, "remove") {
				i := rapid.IntRange(0, len(list)-1).Draw(t, "which")
				h.Remove(held[list[i]])
				h.Remove(held[list[i]]) // counts once
				model[key] = slices.Delete(list, i, i+1)
			} else {
				held[n] = h.Add(key, n)
				model[key] = append(list, n)
			}
			all, most := 0, 0
			for k, list := range model {
				all, most = all+len(list), max(most, len(list))
				if h.Count(k) != len(list) {
					t.Fatalf("%d holds %d, want %d", k, h.Count(k), len(list))
				}
			}
			who, count, oldest := h.Most()
			if h.All() != all || count != most || len(model[who]) != most || most > 0 && oldest.Value != model[who][0] || most == 0 && oldest != nil {
				t.Fatalf("all %d, %d has %d; want %d, %v", h.All(), who, count, all, model)
			}
		}
	})
}
