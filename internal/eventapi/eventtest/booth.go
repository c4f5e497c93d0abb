package eventtest

import (
	"context"
	"maps"
	"sync"

	"boxoffice/internal/bookingapi"
)

// Booth stands in for the booking service: it keeps the newest state of each sale.
type Booth struct {
	mu    sync.Mutex
	sales map[string]bookingapi.Sale
	sold  map[string]int32
}

// NewBooth is a booth without sales.
func NewBooth() *Booth {
	return &Booth{sales: map[string]bookingapi.Sale{}, sold: map[string]int32{}}
}

// SetSales stores the states that are newer than those it has.
func (b *Booth) SetSales(_ context.Context, sales map[string]bookingapi.Sale) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, s := range sales {
		if s.EventVersion > b.sales[id].EventVersion {
			b.sales[id] = s
		}
	}
	return nil
}

// Counts returns the numbers of seats by state, by event id.
func (b *Booth) Counts(_ context.Context, ids []string) (map[string]bookingapi.Counts, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]bookingapi.Counts{}
	for _, id := range ids {
		if s, ok := b.sales[id]; ok {
			out[id] = bookingapi.Counts{Free: s.Seats - b.sold[id], Sold: b.sold[id]}
		}
	}
	return out, nil
}

// Sales returns the current states of sales, by event id.
func (b *Booth) Sales(_ context.Context, ids []string) (map[string]bookingapi.Sale, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string]bookingapi.Sale{}
	for _, id := range ids {
		if s, ok := b.sales[id]; ok {
			out[id] = s
		}
	}
	return out, nil
}

// All returns the current states of all sales.
func (b *Booth) All() map[string]bookingapi.Sale {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.sales)
}

// Sell makes n seats of an event sold.
func (b *Booth) Sell(id string, n int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sold[id] = n
}
