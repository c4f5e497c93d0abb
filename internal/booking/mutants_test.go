package booking

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"boxoffice/internal/sqldb/sqldbtest"
)

// mutants are planted bugs: one small change each to the decisions, to how they
// are applied, or to the store's guards. The tests must catch every one.
var mutants = []struct{ name, file, old, new string }{
	{"taking a seat does not look who has it", "decide.go", `case !s.expired(c):`, `case !s.expired(c) && c.until == 0:`},
	{"a hold expires one microsecond late", "state.go", `c.until != 0 && c.until <= s.now }`, `c.until != 0 && c.until < s.now }`},
	{"an expired hold's booking does not expire when a seat is taken", "decide.go", `effects = append(effects, expire(s.bookings[c.booking]))`, `_ = effects`},
	{"a late payer gets seats that are gone", "decide.go", `	if err != nil {
		return nil, errs.New(errs.Conflict, "seats-gone"`, `	if err != nil && false {
		return nil, errs.New(errs.Conflict, "seats-gone"`},
	{"money may come as late as it likes", "decide.go", `case c.started == 0 || c.started > b.ExpiresAt+bookingapi.LateStart || s.now > b.ExpiresAt+bookingapi.LateConfirm:`, `case false:`},
	{"late money is taken under any plan and prices", "decide.go", `case bookingKey(&b.Booking) != saleKey(s.eventID, &s.sale):`, `case false:`},
	{"what was looked up elsewhere is taken", "decide.go", `if c.at != saleKey(s.eventID, &s.sale) {`, `if false {`},
	{"addresses do not count", "people.go", `h.user != p.user && h.address == a {`, `false {`},
	{"giving back costs nothing", "people.go", `case h.released != 0:`, `case false:`},
	{"a promise is forgotten", "decide_sale.go", `sale.ChangedAt, sale.ChangeRefundsEnd = max(s.now, sale.ChangedAt), promised`, `_ = promised`},
	{"the plan may change under taken seats", "decide_sale.go", `sale.PlanVersion != s.sale.PlanVersion) && s.inUse:`, `sale.PlanVersion != s.sale.PlanVersion) && false:`},
	{"a payment that was given up may book", "cancel.go", `case bookingapi.Expired:
		return s.cancelEnded(c, b)`, `case bookingapi.Expired:
		return nil, answer{booking: b.ID}`},
	{"the limit is one seat too high", "people.go", `if live+more <= limit {`, `if live+more <= limit+1 {`},
	{"held seats do not count towards the limit", "people.go", `(h.status == bookingapi.Booked || h.status == bookingapi.Pending && h.until > s.now)`, `h.status == bookingapi.Booked`},
	{"an early expiry", "decide.go", `if b.Status != bookingapi.Pending || b.ExpiresAt > s.now {
		return nil, answer{booking: b.ID}
	}
	return []effect{expire(b)}`, `if b.Status != bookingapi.Pending {
		return nil, answer{booking: b.ID}
	}
	return []effect{expire(b)}`},
	{"another payment may confirm again", "decide.go", `case b.Status == bookingapi.Booked && b.PaymentID == c.payment:`, `case b.Status == bookingapi.Booked:`},
	{"the amount is not compared", "decide.go", `c.amount != b.Amount || c.currency`, `c.currency`},
	{"a stranger's booking can be changed", "decide.go", `if b == nil || !mayTouch(b, c.caller) {`, `if b == nil {`},
	{"a swap forgets to free the old seats", "state.go", `		s.freeAll(old, without(old.Seats, e.seats))
`, ``},
	{"anybody may move a booking", "reseat.go", `if !c.caller.MayOrganize(s.sale.OrganizerID) {`, `if false {`},
	{"a booking moves to dearer seats", "reseat.go", `if !p.sameCosts(seats, b.Seats) {`, `if false {`},
	{"a booking moves to fewer seats", "reseat.go", `if len(seats) != len(b.Seats) {`, `if false {`},
	{"a moved booking takes seats of others", "reseat.go", `effects, err := s.take(seats, b.ID)`, `effects, err := s.take(nil, b.ID)`},
	{"a hold moves as if it were sold", "reseat.go", `case b.Status != bookingapi.Booked:`, `case false:`},
	{"a seat that a swap brings counts as the booking's already", "state.go", `if old.has(seat) {`, `if old != nil {`},
	{"a claim that seems to stay is left unwritten", "claims.go", `case t.read && t.is == t.was:`, `case t.is.booking == t.was.booking && t.is.until != 0:`},
	{"what contradicts a claim is overlooked", "claims.go", `t.is.booking != from && c.err == nil`, `false`},
	{"seats given up again are not looked at", "claims.go", `if !t.read && t.was.booking == "" && t.is.booking == "" {`, `if t.read && false {`},
	{"a seat is freed whoever has it", "claims.go", `w := claimWrite{seat, t.was.booking, t.is}`, `w := claimWrite{seat, t.was.booking, t.is}
		if t.is.booking == "" {
			continue
		}`},
	{"the sale need not be open", "decide.go", `	if err := s.selling(); err != nil {
		return nil, answer{err: err}
	}
	p := s.buying(`, `	p := s.buying(`},
	{"a replay holds again", "decide.go", `if b := s.bookings[c.bookingID]; b != nil { // the key`, `if b := s.bookings[c.bookingID]; b != nil && false { // the key`},
	{"chosen seats may be taken ones", "choose.go", `if !s.taken.has(seat) {`, `if true {`},
	{"a second extension", "decide.go", `if b.Extended {`, `if false {`},
	{"a cancelled seat is not refunded at its price", "cancel.go", `		amount += price
`, `		amount += b.Amount
`},
	{"claims are freed whoever has them", "store_sqlite.go", `AND seat = $2 AND booking_id = $3`, `AND seat = $2 AND $3 = $3`},
	{"claims are moved whoever has them", "store_sqlite.go", `AND seat = $4 AND booking_id = $5`, `AND seat = $4 AND $5 = $5`},
	{"a booking is written whatever its version", "store_sqlite.go", `AND id = $16 AND seq = $17`, `AND id = $16 AND $17 = $17`},
	{"row counts are not looked at", "store.go", `if got != want {`, `if false {`},
	{"a claim replaces the one that is there", "store_sqlite.go", `INSERT INTO claims`, `INSERT OR REPLACE INTO claims`},
	{"the chain forgets the hash before", "state.go", `entry.Chain(s.hash, s.scratch)`, `entry.Chain([32]byte{}, s.scratch)`},
	{"anybody may block seats", "decide.go", `if !c.caller.MayOrganize(s.sale.OrganizerID) {
		return nil, answer{err: errs.Missing("event")}
	}`, ``},
	{"an adopted hold is not counted", "adopt.go", `if err := s.overLimit(p, b.ID, len(b.Seats)); err != nil {`, `if err := s.overLimit(p, b.ID, 0); err != nil {`},
	{"what adopting left over a limit can be paid", "decide.go", `	if b.standing == waiting {
		if err`, `	if false {
		if err`},
	{"strangers use up an owner's limit", "people.go", `return []address{p.address}
}`, `return []address{p.address, {p.key, typed}}
}`},
	{"a second limit for people who hide", "people.go", `return []address{p.address, {p.key, proved}}`, `return []address{p.address}`},
	{"adopting is not bounded", "adopt.go", `if n < most {`, `if true {`},
	{"what was adopted counts twice", "state.go", `if to != nil && !slices.ContainsFunc(to.bookings, func(h held) bool { return h.id == b.ID }) {`, `if to != nil {`},
	{"refunds never end", "cancel.go", `b.Amount == 0, terms.Open(s.now):`, `b.Amount == 0, true:`},
	{"nothing is kept", "cancel.go", `amount -= terms.Kept(price, s.now)`, `_ = terms.Kept(price, s.now)`},
	{"more goes back than is left", "cancel.go", `return min(amount, b.Left)`, `return amount`},
	{"earlier terms are forgotten", "decide_sale.go", `sale.Terms.Earlier = append(sale.Terms.Earlier, replaced)`, `_ = replaced`},
	{"memory is not checked", "writer.go", `if len(effects) == 0 && known[c.bookingID] != nil {`, `if false {`},
	{"an extended hold is not noted", "expiries.go", `e.Kind != ledger.Held && e.Kind != ledger.Extended`, `e.Kind != ledger.Held`},
	{"of a batch only the first hold is noted", "expiries.go", `list[i].last = e.Seq`, `_ = i`},
	{"what could not be ended is forgotten", "janitor.go", `} else if len(pending) == 0 {`, `} else if len(pending) >= 0 {`},
	{"time goes back with the clock", "writer.go", `s.now = max(now, s.at)`, `s.now = now`},
}

// TestMutants builds the package with one bug at a time and expects its own
// tests to fail.
func TestMutants(t *testing.T) {
	if testing.Short() || os.Getenv("BOXOFFICE_MUTANT") != "" {
		t.Skip("builds the package many times over")
	}
	if sqldbtest.OnPostgres(t) {
		t.Skip("the bugs are planted in what both databases share, and SQLite finds them sooner")
	}
	for _, m := range mutants {
		t.Run(strings.ReplaceAll(m.name, " ", "_"), func(t *testing.T) {
			t.Parallel() // most of it is building
			raw, err := os.ReadFile(m.file)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(raw), m.old); n != 1 {
				t.Fatalf("%s has the text to change %d times: %s", m.file, n, m.old)
			}
			dir := t.TempDir()
			mutated := filepath.Join(dir, m.file)
			if err := os.WriteFile(mutated, []byte(strings.Replace(string(raw), m.old, m.new, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			here, err := filepath.Abs(m.file)
			if err != nil {
				t.Fatal(err)
			}
			overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{here: mutated}})
			if err != nil {
				t.Fatal(err)
			}
			list := filepath.Join(dir, "overlay.json")
			if err := os.WriteFile(list, overlay, 0o600); err != nil {
				t.Fatal(err)
			}
			// Without optimizations it builds sooner, and one test that fails is enough.
			// The skipped tests wait for time to pass and cover none of the bugs.
			cmd := exec.Command("go", "test", "-short", "-count=1", "-vet=off", "-failfast", "-overlay", list, "-gcflags=boxoffice/internal/booking=-N -l",
				"-skip", "Nodes|JanitorMoves|HotStatements|TestLive|SlowViewer", "-rapid.checks=600", "-rapid.seed=1", "-rapid.nofailfile", "-rapid.shrinktime=0s", ".")
			cmd.Env = append(os.Environ(), "BOXOFFICE_MUTANT=1")
			out, err := cmd.CombinedOutput()
			switch {
			case err == nil:
				t.Fatalf("the bug was not caught")
			case strings.Contains(string(out), "build failed"):
				t.Fatalf("the mutant does not build:\n%s", out)
			}
		})
	}
}
