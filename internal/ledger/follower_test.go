package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// book is a Source in memory.
type book struct {
	mu      sync.Mutex
	entries map[string][]Entry
	fails   map[string]error // by event
	longest int              // the largest page that was asked for
}

func (b *book) add(eventID string, n int) []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	from := len(b.entries[eventID])
	for range n {
		b.entries[eventID] = append(b.entries[eventID], Entry{EventID: eventID, Seq: int64(len(b.entries[eventID]) + 1)})
	}
	return b.entries[eventID][from:]
}

func (b *book) Heads(_ context.Context, eventIDs []string) (map[string]int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	heads := map[string]int64{}
	for id, list := range b.entries {
		heads[id] = int64(len(list))
	}
	if eventIDs == nil {
		return heads, nil
	}
	some := map[string]int64{}
	for _, id := range eventIDs {
		if seq, ok := heads[id]; ok {
			some[id] = seq
		}
	}
	return some, nil
}

func (b *book) Entries(_ context.Context, eventID string, after int64, limit int) ([]Entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.longest = max(b.longest, limit)
	if err := b.fails[eventID]; err != nil {
		return nil, err
	}
	list := b.entries[eventID][after:]
	return list[:min(limit, len(list))], nil
}

// reader is a Consumer that checks what it gets.
type reader struct {
	t       *testing.T
	mu      sync.Mutex
	at      map[string]int64
	ignores string // an event
	most    int    // the largest number of entries at once
}

func (r *reader) Cursor(eventID string) (int64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at[eventID], eventID != r.ignores
}

func (r *reader) Consume(entries []Entry, _ bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most = max(r.most, len(entries))
	for i, e := range entries {
		if i > 0 && (e.Seq != entries[i-1].Seq+1 || e.EventID != entries[0].EventID) {
			r.t.Errorf("%s %d follows %d", e.EventID, e.Seq, entries[i-1].Seq)
		}
		if e.Seq > r.at[e.EventID]+1 {
			r.t.Errorf("%s: %d comes after %d", e.EventID, e.Seq, r.at[e.EventID])
		}
		r.at[e.EventID] = max(r.at[e.EventID], e.Seq)
	}
}

func follow(t *testing.T) (*book, *reader, *Follower) {
	b := &book{entries: map[string][]Entry{}, fails: map[string]error{}}
	r := &reader{t: t, at: map[string]int64{}}
	return b, r, NewFollower(b, r)
}

// Entries may be lost, repeated or late: the consumer gets each in order, and all of
// them once the follower has looked. A new follower continues from the cursors.
func TestFollowerIsGapless(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		b, r, f := follow(t)
		var late [][]Entry
		for range 60 {
			eventID := fmt.Sprint("event", random.IntN(3))
			made := b.add(eventID, 1+random.IntN(4))
			switch random.IntN(4) {
			case 0: // lost
			case 1:
				late = append(late, made)
			default:
				f.Hear(made)
			}
			switch random.IntN(6) {
			case 0:
				if len(late) > 0 {
					f.Hear(late[random.IntN(len(late))])
				}
			case 1:
				if err := f.CatchUp(t.Context(), nil, nil); err != nil {
					t.Fatal(err)
				}
			case 2:
				f = NewFollower(b, r)
			}
		}
		if err := errors.Join(f.Look(t.Context(), nil), f.CatchUp(t.Context(), nil, nil)); err != nil {
			t.Fatal(err)
		}
		for id, list := range b.entries {
			if r.at[id] != int64(len(list)) {
				t.Fatalf("seed %d: %s is at %d of %d", seed, id, r.at[id], len(list))
			}
		}
		if len(f.heads) > 0 {
			t.Fatalf("seed %d: %v are still behind", seed, f.heads)
		}
	}
}

// Of a run that begins before the cursor, the new entries are taken; a run after a
// gap has to be read later.
func TestFollowerHears(t *testing.T) {
	b, r, f := follow(t)
	all := b.add("e", 5)
	for _, c := range []struct {
		heard  []Entry
		behind bool
		at     int64
	}{{all[1:2], true, 0}, {all[:2], false, 2}, {all[:1], false, 2}, {all[1:4], false, 4}, {all[2:], false, 5}} {
		if behind := f.Hear(c.heard); behind != c.behind || r.at["e"] != c.at {
			t.Errorf("%d…: behind %v at %d", c.heard[0].Seq, behind, r.at["e"])
		}
	}
	other := b.add("other", 1)
	if f.Hear(append(b.add("e", 1), other...)); r.at["e"] != 6 || r.at["other"] != 1 {
		t.Errorf("a run of each of two events: %v", r.at)
	}
}

// CatchUp has one page in memory, lets the consumer process it, and goes on with the
// others when one event cannot be read.
func TestFollowerCatchesUpInPages(t *testing.T) {
	b, r, f := follow(t)
	b.add("long", 5*pageSize+1)
	b.add("broken", 3)
	b.add("ignored", 3)
	r.ignores = "ignored"
	broken := errors.New("no disk")
	b.fails["broken"] = broken
	if err := f.Look(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	rooms := 0
	err := f.CatchUp(t.Context(), nil, func(context.Context) error { rooms++; return nil })
	if !errors.Is(err, broken) || r.at["long"] != 5*pageSize+1 || r.at["broken"] != 0 || r.at["ignored"] != 0 {
		t.Errorf("%v %v", r.at, err)
	}
	if b.longest > pageSize || r.most > pageSize || rooms < 6 {
		t.Errorf("%d entries at once, %d pauses", max(b.longest, r.most), rooms)
	}
	delete(b.fails, "broken")
	if err := f.CatchUp(t.Context(), nil, nil); err != nil || r.at["broken"] != 3 {
		t.Errorf("the next time: %v %v", r.at, err)
	}
	b.add("long", 10)
	full := errors.New("full")
	if err := errors.Join(f.Look(t.Context(), []string{"long"}), f.CatchUp(t.Context(), nil, func(context.Context) error { return full })); !errors.Is(err, full) || r.at["long"] != 5*pageSize+1 {
		t.Errorf("a consumer without room: %v %v", r.at["long"], err)
	}
}

func TestFollowerReadsOneEvent(t *testing.T) {
	b, r, f := follow(t)
	b.add("e", 10)
	b.add("other", 10)
	if err := f.Read(t.Context(), "e", 4); err != nil || r.at["e"] != 4 || r.at["other"] != 0 {
		t.Errorf("%v %v", r.at, err)
	}
	if err := f.Read(t.Context(), "e", 12); !errors.Is(err, ErrEnd) || r.at["e"] != 10 {
		t.Errorf("beyond its end: %v %v", r.at, err)
	}
}

// The consumer stops before a gap in the ledger.
func TestFollowerStopsAtAHole(t *testing.T) {
	b, r, f := follow(t)
	b.add("e", 4)
	b.entries["e"][2].Seq = 9
	if err := f.Read(t.Context(), "e", 4); err == nil || errors.Is(err, ErrEnd) || r.at["e"] != 0 {
		t.Errorf("%v %v", r.at, err)
	}
}
