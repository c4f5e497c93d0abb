package peers

import (
	"container/heap"
	"container/list"
)

// Holders counts what each of many clients holds, and knows which of them holds
// most. The zero value is ready. It has no lock of its own.
type Holders[K comparable, V any] struct {
	all    int
	byKey  map[K]*holder[K, V]
	byMost mostFirst[*holder[K, V]]
}

// Held is a thing that a client holds, until it is removed.
type Held[K comparable, V any] struct {
	Value V

	by *holder[K, V] // nil: it is removed
	at *list.Element // in by.held
}

type holder[K comparable, V any] struct {
	key  K
	held list.List // of *Held[K, V], the oldest first
	at   int       // in Holders.byMost
}

// Add gives a client one thing more.
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

// Remove takes a thing away; nothing happens if it is already, or nil.
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

// All is how much there is.
func (h *Holders[K, V]) All() int { return h.all }

// Count is how much a client holds.
func (h *Holders[K, V]) Count(key K) int {
	if by := h.byKey[key]; by != nil {
		return by.held.Len()
	}
	return 0
}

// Most is the client that holds most, how much that is, and the oldest of it; nil
// when there is nothing.
func (h *Holders[K, V]) Most() (key K, count int, oldest *Held[K, V]) {
	if len(h.byMost) == 0 {
		return key, 0, nil
	}
	by := h.byMost[0]
	return by.key, by.held.Len(), by.held.Front().Value.(*Held[K, V])
}

func (by *holder[K, V]) count() int { return by.held.Len() }

func (by *holder[K, V]) position() *int { return &by.at }

// mostFirst is a heap of clients, that with the most first. Each knows its position.
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
