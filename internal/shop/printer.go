package shop

import (
	"context"
	"crypto/sha256"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/semaphore"

	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/ticket"
)

// Limits for printing. A page takes about ten milliseconds of CPU, and anybody with
// a link can request its tickets any number of times.
const (
	printsEach   = 2               // documents at once for one client
	printWait    = 3 * time.Second // for a place among those that are printed
	printsCached = 32 << 20        // bytes
	mailRest     = 3               // after a document for a mail: so many times as long as it took
)

// printer renders ticket documents: a few at a time, a few for each client, and each
// only once while it is cached. Each node has its own.
type printer struct {
	places *semaphore.Weighted
	mails  *semaphore.Weighted                     // one document at a time, so that readers of pages come first
	done   *otter.Cache[[sha256.Size]byte, []byte] // by content
	print  func(context.Context, *ticket.Document) ([]byte, error)

	mu      sync.Mutex
	clients map[string]int // documents being made or waited for, by printClient
}

func newPrinter() *printer {
	return &printer{
		places:  semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0))),
		mails:   semaphore.NewWeighted(1),
		clients: map[string]int{},
		print:   func(ctx context.Context, d *ticket.Document) ([]byte, error) { return d.PDF(ctx) },
		done: otter.Must(&otter.Options[[sha256.Size]byte, []byte]{
			MaximumWeight: printsCached,
			Weigher:       func(_ [sha256.Size]byte, b []byte) uint32 { return uint32(len(b)) },
		}),
	}
}

// printClient returns the key under which a client's concurrent documents are
// counted. People with a verified address are never counted by IP address, which
// mobile carriers share among thousands: they count by account, or, with the signed
// link of an order that they made, by the order's owner. These two are separate, so
// that somebody with a link takes no place from the owner.
func printClient(ctx context.Context, o *orderPage) string {
	switch caller := caller.From(ctx); {
	case caller.SignedIn() && caller.Verified:
		return "account " + caller.UserID
	case !o.Unproved:
		return "owner " + o.UserID
	}
	return "address " + caller.ClientFrom(ctx)
}

// pdf renders a document for a client (see printClient). It is Unavailable while too
// many are being rendered.
func (p *printer) pdf(ctx context.Context, client string, d ticket.Document) ([]byte, error) {
	content, err := codec.Marshal(d)
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
	if file, ok := p.done.GetIfPresent(key); ok { // made in the meantime
		return file, nil
	}
	file, err := p.print(ctx, &d)
	if err != nil {
		return nil, err
	}
	p.done.Set(key, file)
	return file, nil
}

// forMail renders a document for a mail, and waits for its turn. A ticket costs more CPU
// than its purchase, so mails of an on-sale take a quarter of one CPU at most, and less
// on a busy machine, where rendering takes longer.
func (p *printer) forMail(ctx context.Context, d ticket.Document) ([]byte, error) {
	if err := p.mails.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	began := time.Now()
	defer func() { time.AfterFunc(mailRest*time.Since(began), func() { p.mails.Release(1) }) }()
	if err := p.places.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer p.places.Release(1)
	return p.print(ctx, &d)
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
