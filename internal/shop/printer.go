package shop

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/semaphore"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/ticket"
)

// Bounds of what is printed. A page takes some ten milliseconds of a processor, and
// whoever has a link may ask for its tickets as often as they like.
const (
	printsEach   = 2               // documents at once for one client
	printWait    = 3 * time.Second // for a place among those that are printed
	printsCached = 32 << 20        // bytes
)

// printer makes documents of tickets: few at once, few for one client, and each
// only once while it is remembered. It holds for one node.
type printer struct {
	places *semaphore.Weighted
	done   *otter.Cache[[sha256.Size]byte, []byte] // by content
	print  func(context.Context, *ticket.Document) ([]byte, error)

	mu      sync.Mutex
	clients map[string]int // documents that are made or waited for, by printClient
}

func newPrinter() *printer {
	return &printer{
		places:  semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0))),
		clients: map[string]int{},
		print:   func(ctx context.Context, d *ticket.Document) ([]byte, error) { return d.PDF(ctx) },
		done: otter.Must(&otter.Options[[sha256.Size]byte, []byte]{
			MaximumWeight: printsCached,
			Weigher:       func(_ [sha256.Size]byte, b []byte) uint32 { return uint32(len(b)) },
		}),
	}
}

// printClient is who the documents at once are counted for. People who have shown
// that their e-mail address is theirs are never counted by the client's address,
// which a mobile carrier shares out among thousands: they count by their account,
// or, with the signed link of an order that they made, by the order's owner. The
// two count apart, so that somebody who has a link takes no place of its owner.
func printClient(ctx context.Context, o *orderPage) string {
	switch caller := caller.From(ctx); {
	case caller.SignedIn() && caller.Verified:
		return "account " + caller.UserID
	case !o.Unproved:
		return "owner " + o.UserID
	}
	return "address " + caller.ClientFrom(ctx)
}

// pdf is a document as a file, for a client: see printClient. When too many are
// being made it is Unavailable.
func (p *printer) pdf(ctx context.Context, client string, d ticket.Document) ([]byte, error) {
	content, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("tickets: %w", err)
	}
	key := sha256.Sum256(content)
	if file, ok := p.done.GetIfPresent(key); ok {
		return file, nil
	}
	if !p.enter(client) {
		return nil, manyPrinted()
	}
	defer p.leave(client)
	waiting, cancel := context.WithTimeout(ctx, printWait)
	defer cancel()
	if err := p.places.Acquire(waiting, 1); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, manyPrinted()
	}
	defer p.places.Release(1)
	if file, ok := p.done.GetIfPresent(key); ok { // made meanwhile
		return file, nil
	}
	file, err := p.print(ctx, &d)
	if err != nil {
		return nil, err
	}
	p.done.Set(key, file)
	return file, nil
}

func manyPrinted() error {
	return errs.New(errs.Unavailable, "busy", "Too many tickets are being printed at once; please try again in a moment.").After(5 * time.Second)
}

func (p *printer) enter(client string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clients[client] >= printsEach {
		return false
	}
	p.clients[client]++
	return true
}

func (p *printer) leave(client string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clients[client]--; p.clients[client] == 0 {
		delete(p.clients, client)
	}
}
