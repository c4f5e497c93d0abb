package checkin

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"boxoffice/internal/checkinapi"
	"boxoffice/internal/codec"
	"boxoffice/internal/safetext"
)

// cases are examples of what scans amount to. The check-in app reads the same file in its
// own tests, so that a device alone decides as a node does.
type cases struct {
	Folds     []foldCase     `json:"folds"`
	Decisions []decisionCase `json:"decisions"`
	Clocks    []clockCase    `json:"clocks"`
	Texts     []textCase     `json:"texts"`
}

// textCase is a text as searches compare it.
type textCase struct {
	Text   string `json:"text"`
	Folded string `json:"folded"`
}

var texts = []string{
	"", " ", "Ada  Byron", "Zoë Dvořák", "ŁÓDŹ", "Straße", "GROSSE STRASSE", "Øyvind Ærø", "Œuvre", "İstanbul", "ısı", "Ὀδυσσεύς", "ΟΔΥΣΣΕΥΣ", "Đặng Thị", "ﬁnal", "Ｆｕｌｌ　Ｗｉｄｔｈ",
	"O’Brien", "„Ann“ — «Bob»", "a\u00adb", "a\u0301", "K7XM-2Q9D", "Łukasz\nŻółć", "ÅNGSTRÖM", "ǅ", "Ⅷ", "№ 5", "山田 太郎", "Мария Ёлкина", "ßẞ", "ĲSSEL",
}

// markCase is a scan of one seat, as devices hear of it.
type markCase struct {
	Device   string          `json:"device"`
	Counter  int64           `json:"counter"`
	At       int64           `json:"at"`
	N        int64           `json:"n"`
	Kind     checkinapi.Kind `json:"kind"`
	Of       *markRef        `json:"of,omitempty"`
	Admitted bool            `json:"admitted"`
}

type markRef struct {
	Device  string `json:"device"`
	Counter int64  `json:"counter"`
}

type foldCase struct {
	Marks   []markCase `json:"marks"` // in the order in which they arrive
	Inside  bool       `json:"inside"`
	Entered bool       `json:"entered"`
	First   *markRef   `json:"first"` // the first time in
	Since   *markRef   `json:"since"` // while inside: the scan that came in
}

// decisionCase is a good ticket at an entrance.
type decisionCase struct {
	Marks    []markCase         `json:"marks"`
	Kind     checkinapi.Kind    `json:"kind"`
	Now      int64              `json:"now"` // ms since 1970
	Reentry  checkinapi.Reentry `json:"reentry"`
	Opens    int64              `json:"opens"` // ms since 1970; 0: any time
	Closes   int64              `json:"closes"`
	Own      ownRules           `json:"own"` // of the entrance; what is absent is as above
	Alone    checkinapi.Alone   `json:"alone"`
	Section  string             `json:"section"`  // of the seat
	Sections []string           `json:"sections"` // of the entrance; none: all
	Reason   checkinapi.Reason  `json:"reason"`   // of a device alone
	First    *markRef           `json:"first"`    // of a copy: the scan that came in before
}

type ownRules struct {
	Reentry checkinapi.Reentry `json:"reentry,omitempty"`
	Opens   int64              `json:"opens,omitempty"`
	Closes  int64              `json:"closes,omitempty"`
}

type stampCase struct {
	At int64 `json:"at"` // ms
	N  int64 `json:"n"`
}

// clockCase is how a device that has seen some stamps stamps its next scan.
type clockCase struct {
	Now  int64       `json:"now"`  // ms since 1970, by the server's clock
	Seen []stampCase `json:"seen"` // in the order in which they arrive
	Next stampCase   `json:"next"`
}

func entryOf(m markCase) *entry {
	e := &entry{Ref: checkinapi.Ref{Device: m.Device, Counter: m.Counter}, Stamp: checkinapi.Stamp{At: m.At, N: m.N}, kind: m.Kind, place: place{booking, 7}, node: refuse(checkinapi.AlreadyInside)}
	if m.Admitted {
		e.node = admit()
	}
	if m.Of != nil {
		e.of = checkinapi.Ref{Device: m.Of.Device, Counter: m.Of.Counter}
	}
	if m.Device == office {
		e.how = checkinapi.ByHand
	}
	return e
}

func entriesOf(marks []markCase) (list []*entry) {
	for _, m := range marks {
		list = append(list, entryOf(m))
	}
	return list
}

func refOf(e *entry) *markRef {
	if e == nil {
		return nil
	}
	return &markRef{e.Device, e.Counter}
}

// The file has what the program makes and decides. With UPDATE_VECTORS=1 it is written
// anew; the app must then agree again.
func TestSharedCases(t *testing.T) {
	const name = "testdata/door-cases.json"
	want := makeCases(t)
	if os.Getenv("UPDATE_VECTORS") != "" {
		if err := os.WriteFile(name, want, 0o644); err != nil { //nolint:gosec // everybody may read it
			t.Fatal(err)
		}
	}
	is, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(is, want) {
		t.Errorf("%s is not what the program makes; set UPDATE_VECTORS=1 to write it anew", name)
	}
}

func makeCases(t *testing.T) []byte {
	t.Helper()
	chance := rand.New(rand.NewPCG(16, 47)) //nolint:gosec // the same cases each time
	var c cases
	for range 300 {
		c.Folds = append(c.Folds, foldOf(someMarks(chance, 9)))
	}
	reasons := map[checkinapi.Reason]int{}
	for range 800 {
		d := someDecision(chance)
		reasons[d.Reason]++
		c.Decisions = append(c.Decisions, d)
	}
	for _, reason := range []checkinapi.Reason{checkinapi.OK, checkinapi.AlreadyInside, checkinapi.NoReentry, checkinapi.WrongEntrance, checkinapi.TooEarly, checkinapi.TooLate, checkinapi.NotInside, checkinapi.AloneIsRefused} {
		if reasons[reason] < 5 {
			t.Errorf("only %d cases of %s", reasons[reason], reason)
		}
	}
	for range 100 {
		c.Clocks = append(c.Clocks, someClock(chance))
	}
	for _, text := range texts {
		c.Texts = append(c.Texts, textCase{text, safetext.Fold(text)})
	}
	return lines(t, &c)
}

// lines writes a case a line.
func lines(t *testing.T, c *cases) []byte {
	t.Helper()
	var out bytes.Buffer
	part := func(name string, n int, one func(i int) any, last string) {
		fmt.Fprintf(&out, "  %q: [\n", name)
		for i := range n {
			raw, err := codec.Marshal(one(i))
			if err != nil {
				t.Fatal(err)
			}
			out.WriteString("    ")
			out.Write(raw)
			if i < n-1 {
				out.WriteString(",")
			}
			out.WriteString("\n")
		}
		out.WriteString("  ]" + last + "\n")
	}
	out.WriteString("{\n")
	part("folds", len(c.Folds), func(i int) any { return c.Folds[i] }, ",")
	part("decisions", len(c.Decisions), func(i int) any { return c.Decisions[i] }, ",")
	part("clocks", len(c.Clocks), func(i int) any { return c.Clocks[i] }, ",")
	part("texts", len(c.Texts), func(i int) any { return c.Texts[i] }, "")
	out.WriteString("}\n")
	return out.Bytes()
}

// someMarks draws scans of one seat: by two devices and the office, at few times, so that
// many are at the same one; some are taken back before they are there, some by another
// device, which may not.
func someMarks(chance *rand.Rand, most int) []markCase {
	marks := []markCase{}
	counters := map[string]int64{}
	for range chance.IntN(most + 1) {
		device := []string{"a", "a", "b", "b", office}[chance.IntN(5)]
		counters[device]++
		m := markCase{Device: device, Counter: counters[device], At: evening/1000 + int64(chance.IntN(5)), N: int64(chance.IntN(2)), Admitted: chance.IntN(5) > 0}
		m.Kind = []checkinapi.Kind{checkinapi.In, checkinapi.In, checkinapi.Out, checkinapi.Undo}[chance.IntN(4)]
		if m.Kind == checkinapi.Undo {
			of := device
			if device == office || chance.IntN(5) == 0 {
				of = []string{"a", "b"}[chance.IntN(2)]
			}
			m.Of = &markRef{of, 1 + int64(chance.IntN(4))}
		}
		marks = append(marks, m)
	}
	chance.Shuffle(len(marks), func(i, j int) { marks[i], marks[j] = marks[j], marks[i] })
	return marks
}

func foldOf(marks []markCase) foldCase {
	v := fold(entriesOf(marks), &checkinapi.Settings{Reentry: checkinapi.ReentryAfterExit})
	return foldCase{marks, v.inside, v.entered, refOf(v.first), refOf(v.since)}
}

func someDecision(chance *rand.Rand) decisionCase {
	now := evening / 1000
	d := decisionCase{
		Marks: someMarks(chance, 4), Now: now, Kind: checkinapi.In, Alone: checkinapi.AloneAdmit, Section: []string{"S", "B"}[chance.IntN(2)], Sections: []string{},
		Reentry: reentries[chance.IntN(3)],
	}
	if chance.IntN(4) == 0 {
		d.Kind = checkinapi.Out
	}
	if chance.IntN(4) == 0 {
		d.Alone = checkinapi.AloneRefuse
	}
	if chance.IntN(4) == 0 {
		d.Sections = []string{"S"}
	}
	if chance.IntN(4) == 0 {
		d.Opens = now - 1 + int64(chance.IntN(3))
	}
	if chance.IntN(4) == 0 {
		d.Closes = now - 1 + int64(chance.IntN(3))
	}
	if chance.IntN(3) == 0 {
		d.Own.Reentry = reentries[chance.IntN(3)]
	}
	if chance.IntN(4) == 0 {
		d.Own.Opens = now - 1 + int64(chance.IntN(3))
	}
	if chance.IntN(4) == 0 {
		d.Own.Closes = now - 1 + int64(chance.IntN(3))
	}
	s := checkinapi.Scan{Ref: checkinapi.Ref{Device: "z", Counter: 1}, Stamp: checkinapi.Stamp{At: now}, Kind: d.Kind, Entrance: "main"}
	settings := checkinapi.Settings{Entrances: []checkinapi.Entrance{{ID: "main", Sections: d.Sections, Reentry: d.Own.Reentry, OpensAt: d.Own.Opens * 1000, ClosesAt: d.Own.Closes * 1000}}, Reentry: d.Reentry, Alone: d.Alone, OpensAt: d.Opens * 1000, ClosesAt: d.Closes * 1000}
	f := facts{now: evening, settings: &settings, device: gate("z"), place: place{booking, 7}, holder: booking, section: d.Section, visit: fold(entriesOf(d.Marks), &settings)}
	d.Reason = decide(&s, &f).reason
	switch d.Reason {
	case checkinapi.OK: // a device alone asks itself last whether it may let anybody in
		if d.Kind == checkinapi.In && d.Alone == checkinapi.AloneRefuse {
			d.Reason = checkinapi.AloneIsRefused
		}
	case checkinapi.AlreadyInside:
		d.First = refOf(f.visit.since)
	case checkinapi.NoReentry:
		d.First = refOf(f.visit.first)
	}
	return d
}

func someClock(chance *rand.Rand) clockCase {
	c := clockCase{Now: evening / 1000, Seen: []stampCase{}}
	var seen []*entry
	for range chance.IntN(5) {
		s := checkinapi.Stamp{At: c.Now - 2 + int64(chance.IntN(5)), N: int64(chance.IntN(3))}
		if chance.IntN(4) == 0 {
			s.At += int64(chance.IntN(50_000)) // another device's clock is ahead
		}
		c.Seen = append(c.Seen, stampCase{s.At, s.N})
		seen = append(seen, &entry{Stamp: s})
	}
	next := after(checkinapi.Stamp{At: c.Now}, seen)
	c.Next = stampCase{next.At, next.N}
	return c
}
