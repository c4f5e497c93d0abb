package webhook

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/caller"
	"boxoffice/internal/ledger"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/sqldb"
	"boxoffice/internal/webhookapi"
)

// seat is a lease that a test hands out.
type seat struct{ held bool }

func (s *seat) Held(context.Context) bool { return s.held }
func (s *seat) Release(context.Context)   {}

// node is a node whose jobs a test does step by step.
type node struct {
	*world
	seat    seat
	watches bool // so does it now: no job runs twice at the same time
	reads   bool
}

// known is an endpoint as its organizer knows it.
type known struct {
	id    string
	who   caller.Caller
	on    []onSince
	types []typesSince
}

// Times are µs since 1970.
type onSince struct {
	at, end int64 // end 0: it is still on
}

type typesSince struct {
	at    int64
	types []webhookapi.Type
}

// wants reports whether a message about what happened at a time has to be there, and whether
// it may be there.
func (k *known) wants(kind webhookapi.Type, at int64) (must, may bool) {
	must = true
	for i := range k.types {
		if i+1 < len(k.types) && k.types[i+1].at <= at {
			continue // it was over
		}
		e := webhookapi.Endpoint{Types: k.types[i].types}
		must, may = must && e.Wants(kind), may || e.Wants(kind)
	}
	was := slices.ContainsFunc(k.on, func(on onSince) bool { return on.at <= at && (on.end == 0 || at < on.end) })
	last := k.on[len(k.on)-1]
	return must && last.at <= at && last.end == 0, may && was
}

// history is a random history of endpoints, of what they are told about, of nodes and of
// their trouble.
type history struct {
	t      *testing.T
	r      *rand.Rand
	db     *sqldb.DB
	n      *neighbours
	shared bool // two nodes share the database, and hear only some of what the other one commits
	nodes  []*node
	hooks  []*known
	sold   int
	open   []func() // end payments and refunds that are under way

	fails  bool // any call may fail
	broken bool // a table is away
	depth  int
}

// moment is a time at which nothing else happens.
func (h *history) moment() int64 {
	h.n.later(time.Millisecond)
	at := h.n.now().UnixMicro()
	h.n.later(time.Millisecond)
	return at
}

func (h *history) one(of int) bool { return h.r.IntN(of) == 0 }

func (h *history) start(i int) {
	nd := &node{}
	h.n.mu.Lock()
	h.n.hears = nil
	h.n.mu.Unlock()
	for j, other := range h.nodes {
		if j != i && other != nil {
			h.n.Subscribe(other.intake.hear)
		}
	}
	m := &moody{neighbours: h.n, before: func(call string) error { return h.beside(call) }}
	nd.world = newWorldOn(h.t, h.db, h.n, around(m))
	nd.lease, nd.shared = &nd.seat, h.shared
	nd.seat.held = !h.shared
	h.nodes[i] = nd
}

// beside runs before each call of a neighbour: something else happens meanwhile, and the
// call may fail.
func (h *history) beside(call string) error {
	if h.depth == 0 && h.one(4) {
		h.depth++
		h.step()
		h.depth--
	}
	if h.fails && h.one(4) {
		return fmt.Errorf("%s: %w", call, errMood)
	}
	return nil
}

func (h *history) watch(nd *node) {
	if !nd.watches {
		nd.watches = true
		_ = nd.watchOnce(h.t.Context())
		nd.watches = false
	}
}

func (h *history) round(nd *node) {
	if !nd.reads {
		nd.reads = true
		_ = nd.intake.round(h.t.Context())
		nd.reads = false
	}
}

// step lets something happen.
func (h *history) step() {
	nd := h.nodes[h.r.IntN(len(h.nodes))]
	switch h.r.IntN(10) {
	case 0, 1:
		h.happens()
	case 2:
		if !h.broken {
			h.changes(nd)
		}
	case 3, 4:
		h.watch(nd)
	case 5, 6, 7:
		h.round(nd)
	case 8:
		h.n.later(time.Duration(h.r.IntN(5000)) * time.Millisecond)
		if len(h.open) > 0 {
			h.open[0]()
			h.open = h.open[1:]
		}
	default:
		switch {
		case h.shared && h.one(2): // the lease moves, or a node that was frozen still believes it has it
			for _, each := range h.nodes {
				each.seat.held = h.one(2)
			}
		case h.depth == 0 && h.one(2):
			h.start(slices.Index(h.nodes, nd))
		}
	}
}

// happens has something happen that is told.
func (h *history) happens() {
	at := h.n.hears
	if h.shared && h.one(2) {
		h.n.hears = nil // no node hears of it
	}
	defer func() { h.n.hears = at }()
	h.moment()
	event := []string{event1, event2}[h.r.IntN(2)]
	switch h.sold++; h.r.IntN(4) {
	case 0:
		h.n.append(event, false, ledger.Entry{Kind: ledger.Sale, Sale: `{"event_version":4,"status":"on_sale"}`})
	case 1:
		id := fmt.Sprintf("%s%020d", event, h.sold)
		seq := h.n.append(event, false, ledger.Entry{Kind: ledger.Cancelled, BookingID: id, Seats: []int32{1}, Amount: 100, Currency: "EUR"})
		if h.n.refunds[event] == nil {
			h.n.refunds[event] = map[int64]paymentapi.Refund{}
		}
		status := []string{paymentapi.RefundDone, paymentapi.RefundFailed}[h.r.IntN(2)]
		h.open = append(h.open, func() { h.n.refunds[event][seq] = paymentapi.Refund{Status: status, Amount: 100, UpdatedAt: 1} })
	default:
		id := h.n.sells(event, h.sold)
		if h.one(2) {
			paid := h.n.money[id]
			delete(h.n.money, id)
			h.open = append(h.open, func() { h.n.money[id] = paid })
		}
	}
	h.moment()
}

var someTypes = []webhookapi.Type{webhookapi.BookingBooked, webhookapi.BookingCancelled, webhookapi.PaymentCaptured, webhookapi.PaymentRefunded, webhookapi.RefundFailed, webhookapi.EventChanged}

// changes makes or changes an endpoint.
func (h *history) changes(nd *node) {
	ctx, at := h.t.Context(), h.moment()
	var types []webhookapi.Type // none: all
	for range h.r.IntN(3) {
		types = append(types, someTypes[h.r.IntN(len(someTypes))])
	}
	if len(h.hooks) < 2 || len(h.hooks) < 8 && h.one(4) {
		k := &known{who: []caller.Caller{ann, bob}[h.r.IntN(2)], on: []onSince{{at: at}}, types: []typesSince{{at, types}}}
		e, _ := nd.creates(k.who, fmt.Sprintf("https://example.org/%d", len(h.hooks)), types...)
		k.id = e.ID
		h.hooks = append(h.hooks, k)
		h.moment()
		return
	}
	k := h.hooks[h.r.IntN(len(h.hooks))]
	var c webhookapi.Change
	last := &k.on[len(k.on)-1]
	if on := last.end > 0; on || h.one(4) {
		c.Enabled = &on
		if on {
			k.on = append(k.on, onSince{at: at})
		} else {
			last.end = at
		}
	}
	if c.Enabled == nil || h.one(2) {
		c.Types = &types
		k.types = append(k.types, typesSince{at, types})
	}
	if _, err := nd.Change(ctx, k.who, k.id, c); err != nil {
		h.t.Fatal(err)
	}
	h.moment()
}

// without does something while a table is away.
func (h *history) without(table string, do func()) {
	rename := func(from, to string) {
		err := h.db.Write(h.t.Context(), func(tx *sql.Tx) error {
			_, err := tx.ExecContext(h.t.Context(), `ALTER TABLE `+from+` RENAME TO `+to)
			return err
		})
		if err != nil {
			h.t.Fatal(err)
		}
	}
	rename(table, "away")
	h.broken = true
	do()
	h.broken = false
	rename("away", table)
}

// settle lets one node finish its work, without any trouble.
func (h *history) settle() {
	last := h.r.IntN(len(h.nodes))
	for i, nd := range h.nodes {
		nd.seat.held = i == last
		h.watch(nd)
	}
	for _, end := range h.open {
		end()
	}
	for range 3 {
		h.n.later(time.Hour)
		mustRefresh(h.nodes[last].world)
		mustRound(h.nodes[last].world)
	}
}

// check compares what endpoints were told with what has happened.
func (h *history) check() {
	for _, k := range h.hooks {
		got := h.nodes[0].messagesTo(k.id)
		is := func(e *ledger.Entry, what string, kind webhookapi.Type) {
			must, may := k.wants(kind, e.At)
			id := messageID(e.EventID, e.Seq, what)
			if must && !got[id] || !may && got[id] {
				h.t.Errorf("%s (%s) for %+v: it must %v, may %v, and is %v", id, kind, *k, must, may, got[id])
			}
			delete(got, id)
		}
		event := map[string]string{ann.UserID: event1, bob.UserID: event2}[k.who.UserID]
		for i := range h.n.ledgers[event] {
			switch e := &h.n.ledgers[event][i]; e.Kind {
			case ledger.Sale:
				is(e, "", webhookapi.EventChanged)
			case ledger.Booked:
				is(e, "", webhookapi.BookingBooked)
				is(e, "-paid", webhookapi.PaymentCaptured)
			case ledger.Cancelled:
				is(e, "", webhookapi.BookingCancelled)
				kind, what := webhookapi.PaymentRefunded, "-refund"
				if h.n.refunds[event][e.Seq].Status == paymentapi.RefundFailed {
					kind, what = webhookapi.RefundFailed, "-refund-failed"
				}
				is(e, what, kind)
			}
		}
		if len(got) > 0 {
			h.t.Errorf("%+v has also %v", *k, got)
		}
	}
}

// Whatever fails, however the lease moves and whenever endpoints are made, changed or
// switched, each endpoint is told everything that it wanted when it happened and since, and
// nothing that it never wanted.
func TestHistories(t *testing.T) {
	db := openDB(t)
	for _, shared := range []bool{false, true} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("shared=%v/%d", shared, seed), func(t *testing.T) {
				h := &history{t: t, r: rand.New(rand.NewPCG(seed, 14)), db: db, n: newNeighbours(), shared: shared, nodes: make([]*node, 1)}
				h.n.orders = map[string]bookingapi.Booking{}
				if shared {
					h.nodes = make([]*node, 2)
				}
				for i := range h.nodes {
					h.start(i)
				}
				tables := []string{"webhook_cursors", "webhook_messages", "webhook_deliveries", "webhook_awaited", "webhook_endpoints"}
				for _, table := range tables {
					if err := db.Write(t.Context(), func(tx *sql.Tx) error { _, err := tx.ExecContext(t.Context(), `DELETE FROM `+table); return err }); err != nil {
						t.Fatal(err)
					}
				}
				h.changes(h.nodes[0])
				for range 100 {
					switch h.fails = h.one(2); {
					case h.one(40):
						h.without(tables[h.r.IntN(len(tables))], h.step)
					default:
						h.step()
					}
				}
				h.fails = false
				h.depth = 1 // nothing happens beside
				h.settle()
				h.check()
			})
			if t.Failed() {
				return
			}
		}
	}
}
