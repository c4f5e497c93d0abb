package payment

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// matrix is the whole state machine: for each state a line for each event, with
// what comes of it. "=" stays, "!" cannot be, "late" is the owner's bad luck.
const matrix = `
pending      begin      = authorize
pending      resume     = ask
pending      unknown    = authorize
pending      approved   authorized confirm
pending      declined   failed
pending      waiting    = extend,wait
pending      gone       voided
pending      booked     !
pending      refused    !
pending      captured   !
pending      uncaptured !
pending      takenback  !
pending      voided     voided
pending      wished     =void void
pending      amended    =try authorize
pending      refunded   !

pending+void begin      = void
pending+void resume     = ask
pending+void unknown    = void
pending+void approved   = void
pending+void declined   failed
pending+void waiting    = void
pending+void gone       voided
pending+void booked     !
pending+void refused    !
pending+void captured   !
pending+void uncaptured !
pending+void takenback  !
pending+void voided     voided
pending+void wished     = void
pending+void amended    late
pending+void refunded   !

authorized   begin      = confirm
authorized   resume     = ask
authorized   unknown    = confirm
authorized   approved   = confirm
authorized   declined   =lost takeback
authorized   waiting    = wait
authorized   gone       =lost takeback
authorized   booked     = capture
authorized   refused    = void
authorized   captured   captured
authorized   uncaptured =lost takeback
authorized   takenback  = void
authorized   voided     voided
authorized   wished     =void confirm
authorized   amended    late
authorized   refunded   !

authorized+void begin      = confirm
authorized+void resume     = ask
authorized+void unknown    = confirm
authorized+void approved   = confirm
authorized+void declined   =lost takeback
authorized+void waiting    = wait
authorized+void gone       =lost takeback
authorized+void booked     = takeback
authorized+void refused    = void
authorized+void captured   captured
authorized+void uncaptured =lost takeback
authorized+void takenback  = void
authorized+void voided     voided
authorized+void wished     = confirm
authorized+void amended    late
authorized+void refunded   !

authorized+lost begin      = takeback
authorized+lost resume     = ask
authorized+lost unknown    = takeback
authorized+lost approved   = takeback
authorized+lost declined   = takeback
authorized+lost waiting    = wait
authorized+lost gone       =lost takeback
authorized+lost booked     = capture
authorized+lost refused    = void
authorized+lost captured   captured
authorized+lost uncaptured = takeback
authorized+lost takenback  failed
authorized+lost voided     voided
authorized+lost wished     =void confirm
authorized+lost amended    late
authorized+lost refunded   !

captured     begin      =
captured     resume     =
captured     unknown    =
captured     approved   =
captured     declined   !
captured     waiting    =
captured     gone       !
captured     booked     =
captured     refused    =
captured     captured   =
captured     uncaptured !
captured     takenback  =
captured     voided     !
captured     wished     late
captured     amended    late
captured     refunded   =part

refunded     begin      =
refunded     resume     =
refunded     unknown    =
refunded     approved   =
refunded     declined   !
refunded     waiting    =
refunded     gone       !
refunded     booked     =
refunded     refused    =
refunded     captured   =
refunded     uncaptured !
refunded     takenback  =
refunded     voided     !
refunded     wished     late
refunded     amended    late
refunded     refunded   !

failed       begin      =
failed       resume     =
failed       unknown    =
failed       approved   = void
failed       declined   =
failed       waiting    =
failed       gone       =
failed       booked     =
failed       refused    =
failed       captured   !
failed       uncaptured =
failed       takenback  =
failed       voided     =
failed       wished     late
failed       amended    late
failed       refunded   !

voided       begin      =
voided       resume     =
voided       unknown    =
voided       approved   = void
voided       declined   =
voided       waiting    =
voided       gone       =
voided       booked     =
voided       refused    =
voided       captured   !
voided       uncaptured =
voided       takenback  =
voided       voided     =
voided       wished     late
voided       amended    late
voided       refunded   !
`

func compact(s string) string { return strings.ReplaceAll(s, " ", "") }

func TestNextMatrix(t *testing.T) {
	seen := map[string]bool{}
	for line := range strings.Lines(matrix) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		name, flag, _ := strings.Cut(f[0], "+")
		s := state{status: Status(name), amount: 100, try: 2, void: flag == "void"}
		if flag == "lost" {
			s.lost = Failed
		}
		if s.status == Refunded {
			s.refunded = 100
		}
		e := event{kind: 0xff, try: 2, amount: 40}
		for i, n := range eventNames {
			if compact(n) == f[1] {
				e.kind = eventKind(i)
			}
		}
		seen[f[0]+" "+f[1]] = true
		to, acts, err := next(s, e)
		var got []string
		for _, a := range acts {
			got = append(got, compact(a.String()))
		}
		want := ""
		if len(f) > 3 {
			want = f[3]
		}
		if actions := strings.Join(got, ","); actions != want {
			t.Errorf("%s: actions %q, want %q", strings.TrimSpace(line), actions, want)
		}
		if outcome := describe(s, to, err); outcome != f[2] {
			t.Errorf("%s: outcome %q", strings.TrimSpace(line), outcome)
		}
	}
	if want := 9 * len(eventNames); len(seen) != want {
		t.Errorf("the matrix has %d lines, want %d", len(seen), want)
	}
}

func describe(from, to state, err error) string {
	switch {
	case errors.Is(err, errTooLate) && from == to:
		return "late"
	case err != nil && from == to:
		return "!"
	case err != nil:
		return "changed although it failed"
	case from == to:
		return "="
	case to.status != from.status:
		return string(to.status)
	case to.void != from.void:
		return "=void"
	case to.try == from.try+1:
		return "=try"
	case to.lost != from.lost:
		return "=lost"
	case to.refunded == from.refunded+40:
		return "=part"
	}
	return fmt.Sprintf("%+v", to)
}

// What is heard of an earlier method decides nothing.
func TestNextIgnoresEarlierTries(t *testing.T) {
	for k := evUnknown; k <= evGone; k++ {
		s := state{status: Pending, amount: 100, try: 2}
		to, acts, err := next(s, event{kind: k, try: 1})
		if err != nil || to != s || len(acts) != 1 || acts[0] != toAuthorize {
			t.Errorf("%v of try 1: %+v %v %v", k, to, acts, err)
		}
	}
}

func TestNextProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64Range(1, 500).Draw(t, "amount")
		s := state{status: Pending, amount: amount, try: 1}
		captures, back := 0, int64(0)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			e := event{
				kind:   eventKind(rapid.IntRange(0, len(eventNames)-1).Draw(t, "event")),
				try:    rapid.Int64Range(1, s.try).Draw(t, "try"),
				amount: rapid.Int64Range(-1, amount+1).Draw(t, "back"),
			}
			to, acts, err := next(s, e)
			if err != nil {
				if to != s || acts != nil {
					t.Fatalf("%+v %v failed and changed something", s, e.kind)
				}
				continue
			}
			if to.status == Captured && s.status != Captured {
				captures++
			}
			back += to.refunded - s.refunded
			if to.refunded < s.refunded || back > amount {
				t.Fatalf("%d of %d given back", back, amount)
			}
			if s.status.Final() && to.status != s.status && (s.status != Captured || to.status != Refunded) {
				t.Fatalf("%s is final and became %s", s.status, to.status)
			}
			if to.status.Final() && len(acts) > 0 && (len(acts) != 1 || acts[0] != toVoid || to.status == Captured || to.status == Refunded) {
				t.Fatalf("%s is final and has %v to do", to.status, acts)
			}
			if !to.status.Final() && len(acts) == 0 {
				t.Fatalf("%s is not final and nobody goes on after %v", to.status, e.kind)
			}
			for _, a := range acts {
				if a == toCapture && (s.status != Authorized || e.kind != evBooked || s.void) {
					t.Fatalf("%+v captures after %v", s, e.kind)
				}
			}
			if to.status != Pending && s.status == Pending && to.status == Captured {
				t.Fatal("captured what was not authorized")
			}
			// The same again changes nothing more, except what is counted by its own row.
			if e.kind != evRefunded && e.kind != evAmended && e.kind != evTakenBack {
				if again, _, err := next(to, e); err == nil && again != to {
					t.Fatalf("%v twice: %+v, then %+v", e.kind, to, again)
				}
			}
			s = to
		}
		if captures > 1 {
			t.Fatalf("captured %d times", captures)
		}
	})
}

// A history is read as it was written, quickly or not.
func TestSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []Step
		p := Payment{}
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			s := Step{
				Status: rapid.SampledFrom([]Status{Pending, Authorized, Captured, Failed, partlyRefunded}).Draw(t, "status"),
				At:     rapid.Int64Range(0, 1e17).Draw(t, "at"), Amount: rapid.Int64Range(0, 3).Draw(t, "amount"),
			}
			want = append(want, s)
			p.History = appendStep(p.History, s)
		}
		got, ok := quickSteps(p.History)
		if !ok || !slices.Equal(got, want) {
			t.Fatalf("%s was read as %v", p.History, got)
		}
		b := []byte(p.History)
		b[rapid.IntRange(0, len(b)-1).Draw(t, "where")] = rapid.Byte().Draw(t, "what")
		var same []Step
		err := json.Unmarshal(b, &same)
		if got, ok := quickSteps(string(b)); ok && (err != nil || !slices.Equal(got, same)) {
			t.Fatalf("%s was read as %v, not %v, %v", b, got, same, err)
		}
	})
}

// What is not written by appendStep is left to encoding/json.
func TestOddSteps(t *testing.T) {
	for _, odd := range []string{
		``, `[]`, `[{"status":"a","at":01}]`, `[{"status":"a","at":}]`, `[{"status":"a","at":-1}]`, `[{"status":"a","at":1.5}]`,
		`[{"status":"a","at":1234567890123456789}]`, `[{"status":"\u0061","at":1}]`, `[{"status":"A","at":1}]`, `[{"status":"a","at":1,"amount":02}]`,
		`[{"status":"a","at":1}`, `[{"status":"a","at":1}],`, `[{"status":"a","at":1},]`, ` [{"status":"a","at":1}]`,
	} {
		if steps, ok := quickSteps(odd); ok {
			t.Errorf("%s was read as %v", odd, steps)
		}
	}
}
