package booking

import (
	"bytes"
	"context"
	"crypto/sha256"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/bookingapi"
	"boxoffice/internal/bus"
	"boxoffice/internal/ledger"
	"boxoffice/internal/patience"
)

// air carries runs of entries between some nodes, at once.
type air struct {
	mu    sync.Mutex
	nodes []*station
	calm  bool      // runs are lost
	away  bool      // nobody is connected
	kept  []bus.Run // for those who receive
}

// station is a node's part in it.
type station struct {
	*air
	wants func(string, int64) bool
	take  func(bus.Run)
}

func (a *air) station() *station {
	s := &station{air: a}
	a.nodes = append(a.nodes, s)
	return s
}

func (s *station) Connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.away
}

func (s *station) Subscribe(wants func(string, int64) bool, fn func(bus.Run)) error {
	s.wants, s.take = wants, fn
	return nil
}

func (s *station) Publish(r bus.Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calm || s.away {
		return
	}
	s.kept = append(s.kept, r)
	for _, other := range s.nodes {
		if other != s && other.wants(r.EventID, r.Last) {
			other.take(r)
		}
	}
}

// Receive repeats, and begins with what there was.
func (s *station) Receive(ctx context.Context, wants func(string, int64) bool, fn func(bus.Run)) {
	for n := 0; ctx.Err() == nil; time.Sleep(time.Millisecond) {
		s.mu.Lock()
		list := s.kept[n:]
		n = len(s.kept)
		s.mu.Unlock()
		for _, r := range list {
			for range 2 {
				if wants(r.EventID, r.Last) {
					fn(r)
				}
			}
		}
	}
}

func (a *air) set(calm, away bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calm, a.away = calm, away
}

// What a node commits, the others see without a look at the database; what the bus has
// not brought, they read as soon as the next run shows that it is missing.
func TestViewsHearRuns(t *testing.T) {
	var sky air
	list := nodesWith(t, func(int) bus.Runs { return sky.station() }, 0, 0)
	a, b := list[0], list[1]
	ev := a.event()
	if _, err := bookingapi.One(t.Context(), b.s.Counts, "event", ev); err != nil {
		t.Fatal(err)
	}
	v := b.s.views.peek(ev)
	var told []ledger.Entry
	b.s.Subscribe(func(entries []ledger.Entry) { told = append(told, entries...) })
	held := a.hold(ev, "ann", a.plan.Seats[0].Label)
	if v.version() != held.Seq || len(told) != 1 || told[0].BookingID != held.ID {
		t.Errorf("the other node is at version %d of %d, and told %+v", v.version(), held.Seq, told)
	}
	if whole, err := b.s.Entries(t.Context(), ev, held.Seq-1, 1); err != nil || told[0].Hash != whole[0].Hash || !slices.Equal(told[0].Seats, whole[0].Seats) ||
		told[0].Until != whole[0].Until || told[0].At != whole[0].At {
		t.Errorf("%v: %+v is not %+v", err, told, whole)
	}
	sky.set(true, false)
	a.hold(ev, "bob", a.plan.Seats[1].Label)
	sky.set(false, false)
	last := a.hold(ev, "cleo", a.plan.Seats[2].Label)
	if at := v.version(); at != held.Seq {
		t.Errorf("it is at version %d, over a gap", at)
	}
	v.checked.Store(time.Now().Add(time.Hour).UnixMicro()) // so that nobody compares heads
	b.run()
	until(t, func() bool { return v.version() == last.Seq })
	for _, r := range sky.kept { // repeated
		sky.nodes[1].take(r)
	}
	for _, body := range []string{"nonsense\n", "", string(sky.kept[0].Body)} {
		sky.nodes[1].take(bus.Run{EventID: ev, First: last.Seq + 1, Last: last.Seq + 1, Body: []byte(body)})
	}
	if at := v.version(); at != last.Seq {
		t.Errorf("it is at version %d after nonsense", at)
	}
	if err := a.s.views.catchUp(t.Context(), []*view{a.s.views.peek(ev)}); err != nil {
		t.Error(err)
	}
}

// A listener hears what other nodes commit, of all events, while it listens. Those who
// follow ledgers find gaps and repetitions in it, and read what is missing.
func TestListenersOverhear(t *testing.T) {
	var sky air
	list := nodesWith(t, func(int) bus.Runs { return sky.station() }, 0, 0)
	a, b := list[0], list[1]
	f := &follows{read: map[int64]bool{}}
	f.Follower = ledger.NewFollower(b.s, f)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.s.Overhear(ctx, ledger.Listener{Listens: f.listening, Wants: f.Wants, Hear: func(entries []ledger.Entry) { f.Hear(entries) }})
	}()
	ev := a.event()
	held := a.hold(ev, "ann", a.plan.Seats[0].Label)
	until(t, func() bool { seq, _ := f.Cursor(ev); return seq == held.Seq })
	if !b.s.Overhears() || ledger.LookPause(b.s) != 2*time.Second {
		t.Error("heads are looked at as often as without a bus")
	}
	sky.set(true, false)
	lost := a.hold(ev, "bob", a.plan.Seats[1].Label)
	sky.set(false, false)
	last := a.hold(ev, "cleo", a.plan.Seats[2].Label)
	until(t, func() bool { return f.CatchUp(t.Context(), nil, nil) == nil && f.at() == last.Seq })
	f.mu.Lock()
	if f.read[held.Seq] || !f.read[lost.Seq] {
		t.Errorf("read from the database: %v", f.read)
	}
	f.mu.Unlock()
	f.set(true)
	time.Sleep(2 * listensEvery)
	a.hold(ev, "dora", a.plan.Seats[3].Label)
	time.Sleep(50 * time.Millisecond)
	if f.at() != last.Seq {
		t.Error("it hears without listening")
	}
	f.set(false)
	until(t, func() bool { return f.at() == last.Seq+1 })
	cancel()
	<-ended
	sky.set(false, true)
	if b.s.Overhears() || ledger.LookPause(b.s) != 0 {
		t.Error("heads are looked at seldom while the bus is away")
	}
	alone := nodes(t, 0)[0]
	alone.s.Overhear(t.Context(), ledger.Listener{}) // returns
}

// follows follows one ledger.
type follows struct {
	*ledger.Follower
	mu   sync.Mutex
	seq  int64
	deaf bool
	read map[int64]bool
}

func (f *follows) Cursor(string) (int64, bool) { return f.at(), true }

func (f *follows) Consume(entries []ledger.Entry, read bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range entries {
		if entries[i].Seq == f.seq+1 {
			f.seq++
			f.read[f.seq] = read
		}
	}
}

func (f *follows) at() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seq
}

func (f *follows) set(deaf bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deaf = deaf
}

func (f *follows) listening() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.deaf
}

// Heads are asked for every two seconds while the bus brings entries, and ten times a
// second while it does not.
func TestHeadsAreAskedForMoreOftenWithoutBus(t *testing.T) {
	var sky air
	b := nodesWith(t, func(int) bus.Runs { return sky.station() }, 0)[0]
	ev := b.event()
	if _, err := bookingapi.One(t.Context(), b.s.Counts, "event", ev); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	v := b.s.views.peek(ev)
	v.used.Store(now.UnixMicro())
	for _, c := range []struct {
		away  bool
		since time.Duration
		asked bool
	}{{false, 200 * time.Millisecond, false}, {false, 2100 * time.Millisecond, true}, {true, 200 * time.Millisecond, true}, {true, 10 * time.Millisecond, false}} {
		sky.set(false, c.away)
		v.checked.Store(now.Add(-c.since).UnixMicro())
		if asked := len(b.s.views.unsure(now)) == 1; asked != c.asked {
			t.Errorf("away %v, %v after the last look: asked %v", c.away, c.since, asked)
		}
	}
}

// until waits for something.
func until(t *testing.T, done func() bool) {
	t.Helper()
	patience.Until(t, "what the test waits for", done)
}

// The bytes of a run are those of a ledger's export, which never change, since hashes
// depend on them. They are read as they are, also with fields of a later version.
func TestRunBytes(t *testing.T) {
	const eventID = "06a1b2c3d4e5f601"
	entries := []ledger.Entry{
		{Kind: ledger.Held, BookingID: eventID + "00000000000000000001", Seats: []int32{3, 4}, Until: 1767225900000000, Amount: 9000, Currency: "EUR"},
		{Kind: ledger.Booked, BookingID: eventID + "00000000000000000001", Seats: []int32{3, 4}, Amount: 9000, Currency: "EUR"},
		{Kind: ledger.Cancelled, BookingID: eventID + "00000000000000000001", Seats: []int32{3}, Amount: 4500, Currency: "EUR"},
	}
	var lines []byte
	for i := range entries {
		e := &entries[i]
		e.EventID, e.Seq, e.At = eventID, int64(7+i), 1767225600000000+int64(i)
		e.Hash = sha256.Sum256([]byte{byte(i)})
		lines = ledger.AppendExport(lines, e)
	}
	golden, err := os.ReadFile("testdata/run.ndjson")
	if err != nil || !bytes.Equal(lines, golden) {
		t.Fatalf("%v: a run is\n%s", err, lines)
	}
	for _, body := range []string{string(golden), strings.ReplaceAll(string(golden), `{"`, `{"a_later_field":{"a":[1]},"`)} {
		got, err := readRun(&bus.Run{EventID: eventID, First: 7, Last: 9, Body: []byte(body)})
		if err != nil || len(got) != len(entries) {
			t.Fatalf("%v: %+v", err, got)
		}
		for i := range got {
			if !reflect.DeepEqual(got[i], entries[i]) {
				t.Errorf("%+v is not %+v", got[i], entries[i])
			}
		}
	}
}
