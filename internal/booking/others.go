package booking

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"boxoffice/internal/bus"
	"boxoffice/internal/codec"
	"boxoffice/internal/ledger"
)

const (
	// maxRun is about how large a run of entries is at most; more entries are several runs.
	maxRun = 256 << 10
	// listensEvery is how often listeners are asked whether they listen.
	listensEvery = time.Second
)

// publishRuns tells other nodes what this one has committed: entries of one event. What
// is lost on the way is read from the database by those who miss it.
func (s *Service) publishRuns(entries []ledger.Entry) {
	if s.runs == nil || !s.runs.Connected() {
		return
	}
	var lines []byte
	first := 0
	for i := range entries {
		e := &entries[i]
		lines = ledger.AppendExport(lines, e)
		if len(lines) >= maxRun || i == len(entries)-1 {
			s.runs.Publish(bus.Run{EventID: e.EventID, First: entries[first].Seq, Last: e.Seq, Body: lines})
			lines, first = nil, i+1
		}
	}
}

// readRun reads the entries of a run.
func readRun(r *bus.Run) ([]ledger.Entry, error) {
	var entries []ledger.Entry
	for line := range bytes.Lines(r.Body) {
		e, err := readEntry(line)
		if err == nil && (e.EventID != r.EventID || e.Seq != r.First+int64(len(entries))) {
			err = fmt.Errorf("it has entry %d of event %s", e.Seq, e.EventID)
		}
		if err != nil {
			return nil, fmt.Errorf("read run %s: %w", r.ID(), err)
		}
		entries = append(entries, e)
	}
	if n := int64(len(entries)); n != r.Last-r.First+1 {
		return nil, fmt.Errorf("read run %s: it has %d entries", r.ID(), n)
	}
	return entries, nil
}

// hearRun takes a run that another node has just committed to an event whose view is in
// use here. If earlier entries are missing, followOthers reads them at once.
func (s *Service) hearRun(r bus.Run) {
	s.takeRun(&r, func(entries []ledger.Entry) {
		if s.views.hearOthers(entries) {
			select {
			case s.followNow <- struct{}{}:
			default:
			}
		}
	})
}

func (s *Service) takeRun(r *bus.Run, take func([]ledger.Entry)) {
	entries, err := readRun(r)
	if err == nil {
		err = s.metrics.catch(s.log, "follow", func() error { take(entries); return nil })
	}
	if err != nil {
		s.log.Warn("entries of another node could not be taken, and are read from the database", "error", err)
	}
}

// Overhears implements ledger.Others.
func (s *Service) Overhears() bool { return s.runs != nil && s.runs.Connected() }

// Overhear implements ledger.Others. Without a bus nothing is heard.
func (s *Service) Overhear(ctx context.Context, l ledger.Listener) {
	if s.runs == nil {
		return
	}
	for tick := time.Tick(listensEvery); ; {
		if l.Listens() {
			s.overhear(ctx, l, tick)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
	}
}

// overhear hands runs to a listener while it listens.
func (s *Service) overhear(ctx context.Context, l ledger.Listener, tick <-chan time.Time) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer cancel()
		s.runs.Receive(ctx, l.Wants, func(r bus.Run) { s.takeRun(&r, l.Hear) })
	}()
	defer func() { <-done }()
	defer cancel()
	for l.Listens() {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
	}
}

// hearOthers applies entries of one event that another node has committed to its view,
// if there is one, and tells them on. It reports whether earlier ones have to be read.
func (vs *views) hearOthers(entries []ledger.Entry) (behind bool) {
	v := vs.peek(entries[0].EventID)
	if v == nil {
		return false
	}
	seq := v.version()
	if vs.ledger.Hear(entries) {
		return true
	}
	for len(entries) > 0 && entries[0].Seq <= seq {
		entries = entries[1:]
	}
	if len(entries) > 0 && !v.filling.Load() {
		vs.heard(entries)
	}
	return false
}

// exported is a line of a ledger's export.
type exported struct {
	EventID   string  `json:"event_id"`
	Seq       int64   `json:"seq"`
	At        int64   `json:"at"`
	Kind      string  `json:"kind"`
	BookingID string  `json:"booking_id"`
	Seats     []int32 `json:"seats"`
	Until     int64   `json:"until"`
	Amount    int64   `json:"amount"`
	Currency  string  `json:"currency"`
	Sale      string  `json:"sale"`
	Hash      string  `json:"hash"`
}

// readEntry reads a line that ledger.AppendExport wrote.
func readEntry(line []byte) (ledger.Entry, error) {
	var x exported
	if err := codec.ReadKnown(line, &x); err != nil {
		return ledger.Entry{}, fmt.Errorf("read entry: %w", err)
	}
	e := ledger.Entry{EventID: x.EventID, Seq: x.Seq, At: x.At, Kind: ledger.Kind(x.Kind), BookingID: x.BookingID,
		Seats: x.Seats, Until: x.Until, Amount: x.Amount, Currency: x.Currency, Sale: x.Sale}
	if hash, err := hex.DecodeString(x.Hash); err != nil || copy(e.Hash[:], hash) != len(e.Hash) || e.EventID == "" {
		return ledger.Entry{}, fmt.Errorf("read entry: %s %d has no hash, or no event", x.EventID, x.Seq)
	}
	return e, nil
}
