package peers

import (
	"container/heap"
	"container/list"
)

// Holders counts what each client holds, and knows which client holds the most. The
// zero value is ready to use. It has no lock of its own.
type Holders[K comparable, V any] struct {
	all    int
	byKey  map[K]*holder[K, V]
	byMost mostFirst[*holder[K, V]]
}

// Held is one thing that a client holds, until it is removed.
type Held[K comparable, V any] struct {
	Value V

	by *holder[K, V] // nil once removed
	at *list.Element // in by.held
}

type holder[K comparable, V any] struct {
	key  K
	held list.List // of *Held[K, V], the oldest first
	at   int       // in Holders.byMost
}

// Add counts one more thing for a client.
func (h *Holders[K, V]) Add(key K, value V) *Held[K, V] {
	by := h.byKey[key]
	if by == nil {
		if h.byKey == nil {
			h.byKey = map[K]*holder[K, V]{}
		}
		by = &holder[K, V]{key: key}
		h.byKey[key] = by
		heap.Push(&h.byMost, by)
	}
	one := &Held[K, V]{Value: value, by: by}
	one.at = by.held.PushBack(one)
	h.all++
	heap.Fix(&h.byMost, by.at)
	return one
}

// Remove stops counting a thing; it may be nil or removed already.
func (h *Holders[K, V]) Remove(one *Held[K, V]) {
	if one == nil || one.by == nil {
		return
	}
	by := one.by
	by.held.Remove(one.at)
	one.by, one.at = nil, nil
	h.all--
	if by.held.Len() > 0 {
		heap.Fix(&h.byMost, by.at)
		return
	}
	delete(h.byKey, by.key)
	heap.Remove(&h.byMost, by.at)
}

// All returns the total.
func (h *Holders[K, V]) All() int { return h.all }

// Count returns how many things a client holds.
func (h *Holders[K, V]) Count(key K) int {
	if by := h.byKey[key]; by != nil {
		return by.held.Len()
	}
	return 0
}

// Most returns the client that holds the most, how many, and its oldest; nil if
// there are none.
func (h *Holders[K, V]) Most() (key K, count int, oldest *Held[K, V]) {
	if len(h.byMost) == 0 {
		return key, 0, nil
	}
	by := h.byMost[0]
	return by.key, by.held.Len(), by.held.Front().Value.(*Held[K, V])
}

func (by *holder[K, V]) count() int { return by.held.Len() }

func (by *holder[K, V]) position() *int { return &by.at }

// mostFirst is a heap of clients, the one with the most first. Each knows its
// position.
type mostFirst[T counted] []T

type counted interface {
	count() int
	position() *int
}

func (h mostFirst[T]) Len() int           { return len(h) }
func (h mostFirst[T]) Less(i, j int) bool { return h[i].count() > h[j].count() }
func (h mostFirst[T]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	*h[i].position(), *h[j].position() = i, j
}

// Push implements heap.Interface.
func (h *mostFirst[T]) Push(x any) {
	one := x.(T)
	*one.position() = len(*h)
	*h = append(*h, one)
}

// Pop implements heap.Interface.
func (h *mostFirst[T]) Pop() any {
	last := len(*h) - 1
	one := (*h)[last]
	clear((*h)[last:])
	*h = (*h)[:last]
	return one
}
