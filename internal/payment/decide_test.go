package payment

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"boxoffice/internal/paymentapi"
)

// matrix is the whole state machine: for each state a line for each event, with
// what comes of it. "=" stays, "!" cannot be, "late" is the owner's bad luck. What
// is given up ends as voided unless it says +failed; +up: it was given up.
const matrix = `
pending         begin      = authorize
pending         resume     = ask
pending         unknown    = authorize
pending         approved   authorized confirm
pending         declined   failed
pending         waiting    = extend,wait
pending         expiring   voiding void
pending         gone       voided
pending         booked     !
pending         refused    !
pending         barred     !
pending         captured   returning return
pending         uncaptured !
pending         takenback  !
pending         voided     !
pending         returned   !
pending         costs      !
pending         wished     voiding void
pending         amended    =try authorize
pending         refunded   !
pending         refund_failed !
pending         taken_otherwise !
pending         excess_returned !
pending         refunded_elsewhere !
pending         disputed   !
pending         dispute_won !
pending         dispute_lost !

pending+void    begin      voiding void
pending+void    resume     voiding void
pending+void    unknown    voiding void
pending+void    approved   voiding void
pending+void    declined   failed
pending+void    waiting    voiding void
pending+void    expiring   voiding void
pending+void    gone       voided
pending+void    booked     voiding void
pending+void    refused    voiding void
pending+void    barred     voiding void
pending+void    captured   returning return
pending+void    uncaptured voiding void
pending+void    takenback  voiding void
pending+void    voided     voiding void
pending+void    returned   voiding void
pending+void    costs      voiding void
pending+void    wished     voiding void
pending+void    amended    late
pending+void    refunded   !
pending+void    refund_failed !
pending+void    taken_otherwise !
pending+void    excess_returned !
pending+void    refunded_elsewhere !
pending+void    disputed   !
pending+void    dispute_won !
pending+void    dispute_lost !

authorized      begin      = confirm
authorized      resume     = ask
authorized      unknown    = confirm
authorized      approved   = confirm
authorized      declined   taking_back+failed takeback
authorized      waiting    = wait
authorized      expiring   taking_back takeback
authorized      gone       taking_back takeback
authorized      booked     = capture
authorized      refused    taking_back takeback
authorized      barred     voiding void
authorized      captured   captured
authorized      uncaptured taking_back+failed takeback
authorized      takenback  !
authorized      voided     taking_back takeback
authorized      returned   !
authorized      costs      =costs confirm
authorized      wished     taking_back takeback
authorized      amended    late
authorized      refunded   !
authorized      refund_failed !
authorized      taken_otherwise !
authorized      excess_returned !
authorized      refunded_elsewhere !
authorized      disputed   !
authorized      dispute_won !
authorized      dispute_lost !

authorized+void begin      taking_back takeback
authorized+void resume     taking_back takeback
authorized+void unknown    taking_back takeback
authorized+void approved   taking_back takeback
authorized+void declined   taking_back takeback
authorized+void waiting    taking_back takeback
authorized+void expiring   taking_back takeback
authorized+void gone       taking_back takeback
authorized+void booked     taking_back takeback
authorized+void refused    taking_back takeback
authorized+void barred     taking_back takeback
authorized+void captured   captured
authorized+void uncaptured taking_back takeback
authorized+void takenback  taking_back takeback
authorized+void voided     taking_back takeback
authorized+void returned   taking_back takeback
authorized+void costs      taking_back takeback
authorized+void wished     taking_back takeback
authorized+void amended    late
authorized+void refunded   !
authorized+void refund_failed !
authorized+void taken_otherwise !
authorized+void excess_returned !
authorized+void refunded_elsewhere !
authorized+void disputed   !
authorized+void dispute_won !
authorized+void dispute_lost !

taking_back     begin      = takeback
taking_back     resume     = takeback
taking_back     unknown    = takeback
taking_back     approved   = takeback
taking_back     declined   = takeback
taking_back     waiting    = takeback
taking_back     expiring   = takeback
taking_back     gone       = takeback
taking_back     booked     = takeback
taking_back     refused    = takeback
taking_back     barred     = takeback
taking_back     captured   = takeback
taking_back     uncaptured = takeback
taking_back     takenback  voiding void
taking_back     voided     = takeback
taking_back     returned   = takeback
taking_back     costs      = takeback
taking_back     wished     = takeback
taking_back     amended    late
taking_back     refunded   !
taking_back     refund_failed !
taking_back     taken_otherwise !
taking_back     excess_returned !
taking_back     refunded_elsewhere !
taking_back     disputed   !
taking_back     dispute_won !
taking_back     dispute_lost !

voiding         begin      = void
voiding         resume     = void
voiding         unknown    = void
voiding         approved   = void
voiding         declined   = void
voiding         waiting    = void
voiding         expiring   = void
voiding         gone       = void
voiding         booked     taking_back takeback
voiding         refused    = void
voiding         barred     = void
voiding         captured   returning return
voiding         uncaptured = void
voiding         takenback  = void
voiding         voided     voided
voiding         returned   = void
voiding         costs      = void
voiding         wished     = void
voiding         amended    late
voiding         refunded   !
voiding         refund_failed !
voiding         taken_otherwise !
voiding         excess_returned !
voiding         refunded_elsewhere !
voiding         disputed   !
voiding         dispute_won !
voiding         dispute_lost !

voiding+failed  begin      = void
voiding+failed  resume     = void
voiding+failed  unknown    = void
voiding+failed  approved   = void
voiding+failed  declined   = void
voiding+failed  waiting    = void
voiding+failed  expiring   = void
voiding+failed  gone       = void
voiding+failed  booked     taking_back takeback
voiding+failed  refused    = void
voiding+failed  barred     = void
voiding+failed  captured   returning return
voiding+failed  uncaptured = void
voiding+failed  takenback  = void
voiding+failed  voided     failed
voiding+failed  returned   = void
voiding+failed  costs      = void
voiding+failed  wished     = void
voiding+failed  amended    late
voiding+failed  refunded   !
voiding+failed  refund_failed !
voiding+failed  taken_otherwise !
voiding+failed  excess_returned !
voiding+failed  refunded_elsewhere !
voiding+failed  disputed   !
voiding+failed  dispute_won !
voiding+failed  dispute_lost !

returning       begin      = return
returning       resume     = return
returning       unknown    = return
returning       approved   = return
returning       declined   = return
returning       waiting    = return
returning       expiring   = return
returning       gone       = return
returning       booked     taking_back takeback
returning       refused    = return
returning       barred     = return
returning       captured   = return
returning       uncaptured = return
returning       takenback  = return
returning       voided     voided
returning       returned   refunded
returning       costs      = return
returning       wished     = return
returning       amended    late
returning       refunded   !
returning       refund_failed !
returning       taken_otherwise !
returning       excess_returned !
returning       refunded_elsewhere !
returning       disputed   !
returning       dispute_won !
returning       dispute_lost !

captured        begin      =
captured        resume     =
captured        unknown    =
captured        approved   =
captured        declined   !
captured        waiting    =
captured        expiring   =
captured        gone       !
captured        booked     =
captured        refused    =
captured        barred     =
captured        captured   =
captured        uncaptured !
captured        takenback  =
captured        voided     !
captured        returned   !
captured        costs      =
captured        wished     late
captured        amended    late
captured        refunded   =part
captured        refund_failed !
captured        taken_otherwise =taken
captured        excess_returned !
captured        refunded_elsewhere =part
captured        disputed   =open
captured        dispute_won =won
captured        dispute_lost =lost

refunded        begin      =
refunded        resume     =
refunded        unknown    =
refunded        approved   =
refunded        declined   !
refunded        waiting    =
refunded        expiring   =
refunded        gone       !
refunded        booked     =
refunded        refused    =
refunded        barred     =
refunded        captured   =
refunded        uncaptured !
refunded        takenback  =
refunded        voided     !
refunded        returned   !
refunded        costs      =
refunded        wished     late
refunded        amended    late
refunded        refunded   !
refunded        refund_failed captured
refunded        taken_otherwise =taken
refunded        excess_returned !
refunded        refunded_elsewhere !
refunded        disputed   =open
refunded        dispute_won =won
refunded        dispute_lost =lost

refunded+up     begin      =
refunded+up     resume     =
refunded+up     unknown    =
refunded+up     approved   =
refunded+up     declined   =
refunded+up     waiting    =
refunded+up     expiring   =
refunded+up     gone       =
refunded+up     booked     taking_back takeback
refunded+up     refused    =
refunded+up     barred     =
refunded+up     captured   =
refunded+up     uncaptured =
refunded+up     takenback  =
refunded+up     voided     =
refunded+up     returned   =
refunded+up     costs      =
refunded+up     wished     late
refunded+up     amended    late
refunded+up     refunded   !
refunded+up     refund_failed returning return
refunded+up     taken_otherwise !
refunded+up     excess_returned !
refunded+up     refunded_elsewhere !
refunded+up     disputed   =open
refunded+up     dispute_won =won
refunded+up     dispute_lost =lost

failed          begin      =
failed          resume     =
failed          unknown    =
failed          approved   voiding+failed void
failed          declined   =
failed          waiting    =
failed          expiring   voiding+failed void
failed          gone       =
failed          booked     taking_back+failed takeback
failed          refused    =
failed          barred     =
failed          captured   returning+failed return
failed          uncaptured =
failed          takenback  =
failed          voided     =
failed          returned   =
failed          costs      =
failed          wished     late
failed          amended    late
failed          refunded   !
failed          refund_failed !
failed          taken_otherwise !
failed          excess_returned !
failed          refunded_elsewhere !
failed          disputed   !
failed          dispute_won !
failed          dispute_lost !

voided          begin      =
voided          resume     =
voided          unknown    =
voided          approved   voiding void
voided          declined   =
voided          waiting    =
voided          expiring   voiding void
voided          gone       =
voided          booked     taking_back takeback
voided          refused    =
voided          barred     =
voided          captured   returning return
voided          uncaptured =
voided          takenback  =
voided          voided     =
voided          returned   =
voided          costs      =
voided          wished     late
voided          amended    late
voided          refunded   !
voided          refund_failed !
voided          taken_otherwise !
voided          excess_returned !
voided          refunded_elsewhere !
voided          disputed   !
voided          dispute_won !
voided          dispute_lost !
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
		s := state{status: paymentapi.Status(name), amount: 100, try: 2, void: flag == "void"}
		switch {
		case flag == "failed":
			s.end = paymentapi.Failed
		case flag == "up" || s.status.Unwinding():
			s.end = paymentapi.Voided
		}
		if s.status == paymentapi.Refunded {
			s.refunded = 100
		}
		e := event{kind: 0xff, try: 2, amount: 40, excess: 40}
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
	if want := 13 * len(eventNames); len(seen) != want {
		t.Errorf("the matrix has %d lines, want %d", len(seen), want)
	}
}

func describe(from, to state, err error) string {
	switch {
	case (errors.Is(err, errTooLate) || errors.Is(err, errTooMany)) && from == to:
		return "late"
	case err != nil && from == to:
		return "!"
	case err != nil:
		return "changed although it failed"
	case from == to:
		return "="
	case to.status.Unwinding() && to.end == paymentapi.Failed && from.end != paymentapi.Failed:
		return string(to.status) + "+failed"
	case to.status != from.status:
		return string(to.status)
	case to.try == from.try+1:
		return "=try"
	case to.dispute != from.dispute:
		return "=" + to.dispute
	case to.amount == 40:
		return "=costs"
	case to.refunded == from.refunded+40:
		return "=part"
	case to.excess == from.excess+40:
		return "=taken"
	}
	return fmt.Sprintf("%+v", to)
}

// The diagram in the documentation has all ways from one state to another, and no others.
func TestDiagram(t *testing.T) {
	text, err := os.ReadFile("../../docs/payments.md")
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^    (\w+) --> (\w+):`).FindAllStringSubmatch(string(text), -1) {
		drawn[m[1]+" --> "+m[2]] = true
	}
	const failed, voided = paymentapi.Failed, paymentapi.Voided
	ends := map[paymentapi.Status][]paymentapi.Status{
		paymentapi.Pending: {""}, paymentapi.Authorized: {""}, paymentapi.Captured: {""},
		paymentapi.TakingBack: {failed, voided}, paymentapi.Voiding: {failed, voided}, paymentapi.Returning: {failed, voided},
		paymentapi.Refunded: {"", failed, voided}, failed: {"", failed}, voided: {"", voided},
	}
	ways := map[string]bool{}
	for status, list := range ends {
		for _, end := range list {
			s := state{status: status, end: end, amount: 100, try: 1}
			if status == paymentapi.Refunded {
				s.refunded = s.amount
			}
			for k := range eventNames {
				if to, _, err := next(s, event{kind: eventKind(k), try: 1, amount: 100}); err == nil && to.status != status {
					ways[string(status)+" --> "+string(to.status)] = true
				}
			}
		}
	}
	for way := range ways {
		if !drawn[way] {
			t.Errorf("docs/payments.md does not draw %s", way)
		}
	}
	for way := range drawn {
		if !ways[way] {
			t.Errorf("docs/payments.md draws %s, which cannot be", way)
		}
	}
}

// What is heard of an earlier method decides nothing.
func TestNextIgnoresEarlierTries(t *testing.T) {
	for k := evUnknown; k <= evGone; k++ {
		s := state{status: paymentapi.Pending, amount: 100, try: 2}
		to, acts, err := next(s, event{kind: k, try: 1})
		if err != nil || to != s || len(acts) != 1 || acts[0] != toAuthorize {
			t.Errorf("%v of try 1: %+v %v %v", k, to, acts, err)
		}
	}
}

func TestNextProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64Range(1, 500).Draw(t, "amount")
		s := state{status: paymentapi.Pending, amount: amount, try: 1}
		captures, back, given := 0, int64(0), false // up
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			e := event{
				kind:   eventKind(rapid.IntRange(0, len(eventNames)-1).Draw(t, "event")),
				try:    rapid.Int64Range(1, s.try).Draw(t, "try"),
				amount: rapid.Int64Range(-1, amount+1).Draw(t, "back"),
				excess: rapid.Int64Range(1-amount, 100).Draw(t, "excess"),
				short:  max(rapid.Int64Range(-amount, amount).Draw(t, "short"), 0),
			}
			e.excess = max(e.excess, min(1-s.amount, 0)) // something is taken, whatever it costs by now
			to, acts, err := next(s, e)
			if err != nil {
				if to != s || acts != nil {
					t.Fatalf("%+v %v failed and changed something", s, e.kind)
				}
				continue
			}
			if to.status == paymentapi.Captured && s.status != paymentapi.Captured && s.status != paymentapi.Refunded {
				captures++
			}
			back += to.refunded - s.refunded
			cameBack := e.kind == evRefundFailed || e.kind == evElsewhere
			if to.refunded < s.refunded && !cameBack || back > to.amount || back < 0 || to.elsewhere > to.refunded {
				t.Fatalf("%d of %d given back", back, to.amount)
			}
			if to.end == "" && to.held() < 0 || to.excessBack < min(to.excess, 0) || to.excessBack > max(to.excess, 0) {
				t.Fatalf("%v: %d are held, %d of an excess of %d are settled", e.kind, to.held(), to.excessBack, to.excess)
			}
			if s.end != "" && (to.status == paymentapi.Captured || to.status == paymentapi.Pending || to.status == paymentapi.Authorized) {
				t.Fatalf("it was given up, and %v made it %s", e.kind, to.status)
			}
			if s.end != "" && to.end != s.end {
				t.Fatalf("it was to end as %s, and %v made that %q", s.end, e.kind, to.end)
			}
			if s.status.Final() && to.status != s.status && (s.status != paymentapi.Captured || to.status != paymentapi.Refunded) && (s.status != paymentapi.Refunded || !cameBack) && !to.status.Unwinding() {
				t.Fatalf("%s is final and became %s", s.status, to.status)
			}
			if (s.status == paymentapi.Captured || s.status == paymentapi.Refunded && s.end == "") && to.status != paymentapi.Captured && to.status != paymentapi.Refunded {
				t.Fatalf("%s became %s", s.status, to.status)
			}
			if to.status.Final() != (len(acts) == 0) {
				t.Fatalf("%s after %v, and to do is %v", to.status, e.kind, acts)
			}
			given = given || to.status.Unwinding()
			if given != (to.end != "") {
				t.Fatalf("given up: %t, and it ends as %q", given, to.end)
			}
			for _, a := range acts {
				if a == toCapture && (s.status != paymentapi.Authorized || e.kind != evBooked || s.void) {
					t.Fatalf("%+v captures after %v", s, e.kind)
				}
				if (a == toTakeBack || a == toVoid || a == toReturn) && !to.status.Unwinding() {
					t.Fatalf("%v before it is persisted that it is given up: %+v after %v", a, to, e.kind)
				}
			}
			if to.status != paymentapi.Pending && s.status == paymentapi.Pending && to.status == paymentapi.Captured {
				t.Fatal("captured what was not authorized")
			}
			// The same again changes nothing more, except what is counted by its own row.
			if e.kind != evRefunded && e.kind != evRefundFailed && e.kind != evAmended && e.kind != evReturned {
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
		var want []paymentapi.Step
		p := record{}
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			s := step{
				Status: rapid.SampledFrom([]paymentapi.Status{paymentapi.Pending, paymentapi.Authorized, paymentapi.Captured, paymentapi.Failed, paymentapi.PartlyRefunded}).Draw(t, "status"),
				At:     rapid.Int64Range(0, 1e17).Draw(t, "at"), Amount: rapid.Int64Range(0, 3).Draw(t, "amount"),
			}
			want = append(want, s.shown())
			p.History = appendStep(p.History, s)
		}
		got, ok := quickSteps(p.History)
		if !ok || !slices.Equal(got, want) {
			t.Fatalf("%s was read as %v", p.History, got)
		}
		b := []byte(p.History)
		b[rapid.IntRange(0, len(b)-1).Draw(t, "where")] = rapid.Byte().Draw(t, "what")
		var stored []step
		err := json.Unmarshal(b, &stored)
		var same []paymentapi.Step
		for _, s := range stored {
			same = append(same, s.shown())
		}
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

// What was taken otherwise changes nothing about a booking's refunds, but that no more goes
// back than was taken.
func TestNextExcess(t *testing.T) {
	captured := state{status: paymentapi.Captured, amount: 100, try: 1}
	more, less := captured, captured
	more.excess, less.excess = 10, -60
	done := more
	done.excessBack = 10
	for name, c := range map[string]struct {
		from state
		e    event
		want state // the zero value: it cannot be
	}{
		"captured with more":        {state{status: paymentapi.Authorized, amount: 100, try: 1}, event{kind: evCaptured, try: 1, excess: 10}, more},
		"more, heard of later":      {captured, event{kind: evTakenOtherwise, excess: 10}, more},
		"heard of once":             {more, event{kind: evTakenOtherwise, excess: 20}, more},
		"less, heard of later":      {captured, event{kind: evTakenOtherwise, excess: -60}, less},
		"less than is back":         {state{status: paymentapi.Captured, amount: 100, refunded: 50, try: 1}, event{kind: evTakenOtherwise, excess: -60}, state{}},
		"the excess is back":        {more, event{kind: evExcessBack, amount: 10}, done},
		"more than the excess":      {more, event{kind: evExcessBack, amount: 11}, state{}},
		"the excess came back":      {done, event{kind: evExcessBack}, more},
		"no excess":                 {less, event{kind: evExcessBack, amount: 1}, state{}},
		"all is refunded":           {more, event{kind: evRefunded, amount: 100}, state{status: paymentapi.Refunded, amount: 100, refunded: 100, excess: 10, try: 1}},
		"the excess is no refund":   {more, event{kind: evRefunded, amount: 101}, state{}},
		"all that was taken":        {less, event{kind: evRefunded, amount: 100, short: 60}, state{status: paymentapi.Refunded, amount: 100, refunded: 100, excess: -60, excessBack: -60, try: 1}},
		"a part that is there":      {less, event{kind: evRefunded, amount: 40}, state{status: paymentapi.Captured, amount: 100, refunded: 40, excess: -60, try: 1}},
		"more than was taken":       {less, event{kind: evRefunded, amount: 100, short: 59}, state{}},
		"short of more than that":   {less, event{kind: evRefunded, amount: 100, short: 61}, state{}},
		"short of nothing":          {more, event{kind: evRefunded, amount: 100, short: 1}, state{}},
		"by hand more than taken":   {less, event{kind: evElsewhere, amount: 41}, state{}},
		"a dispute over the excess": {more, event{kind: evDisputed, amount: 110}, state{status: paymentapi.Captured, amount: 100, excess: 10, disputed: 110, dispute: disputeOpen, disputes: `[{"state":"open","amount":110}]`, try: 1}},
		"a dispute over more":       {more, event{kind: evDisputed, amount: 111}, state{}},
	} {
		to, _, err := next(c.from, c.e)
		if (err != nil) != (c.want == state{}) || err == nil && to != c.want || err != nil && to != c.from {
			t.Errorf("%s: %+v, %v", name, to, err)
		}
	}
}
