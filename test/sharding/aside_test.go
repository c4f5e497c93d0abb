package sharding

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// asides are statements over hot tables that no purchase waits for, by what they
// contain, and why they may look over events or are not run by this test.
var asides = []struct {
	text, why string
	used      bool
}{
	// The background jobs of a node.
	{text: "FROM lapsing WHERE (expires_at, event_id, first_seq) > ($1, $2, $3)", why: "the janitor looks for holds that have ended, in all events"},
	{text: "SELECT event_id FROM sales WHERE status = 'cancelled'", why: "the janitor looks for events that were cancelled while it was not there"},
	{text: "SELECT event_id, seq FROM sales", why: "a node that starts, and one that follows others' ledgers, asks how far each has got"},
	{text: "SELECT event_id, seq FROM refund_cursors", why: "the refunder begins where it was"},
	{text: "FROM refunds WHERE status = 'pending' AND id > $1", why: "the refunder looks for refunds that are due, in all events"},
	{text: "SELECT event_id FROM payments_refund_jobs WHERE paused", why: "the refunder passes over the events whose refunds are paused"},
	{text: "FROM payments_begun WHERE (event_id, id) > ($1, $2)", why: "recovery looks for payments under way, in all events"},
	{text: "FROM payments_unwinding WHERE (event_id, id) > ($1, $2)", why: "the same"},
	{text: "FROM payments_paid WHERE (event_id, id) > ($1, $2)", why: "whoever tells buyers looks for payments, in all events"},
	{text: "SELECT count(*) FROM payments_paid", why: "a rehearsal waits until all messages are consumed"},
	{text: "FROM payments_returned WHERE (event_id, id) > ($1, $2)", why: "the same, for money that went back"},
	{text: "FROM payments_disputes WHERE (event_id, id) > ($1, $2)", why: "whoever tells organizers looks for disputes, in all events"},
	{text: "FROM payments_refunds_failed WHERE (event_id, id) > ($1, $2)", why: "the same, for refunds that have failed"},

	{text: "SELECT event_id FROM payments_journal WHERE event_id > $1", why: "the journal of all events is read one event after another"},

	{text: "FROM payments WHERE (event_id, id) > ($1, $2) AND posted < version", why: "what an older program has left out of the journal, once after a start"},

	{text: "FROM refunds WHERE status = 'pending' AND id > $1 AND created_at < $2", why: "a day is compared with the gateway: refunds that are late"},
	{text: "AND status = 'failed' AND handled = '' AND updated_at >= $3 AND updated_at < $4", why: "the same: refunds that have failed"},
	{text: "FROM payments WHERE excess > excess_back AND ends_as = ''", why: "the refunder looks for what was taken beyond the amounts, in all events, by payments_excess"},
	{text: "FROM payments WHERE dispute = 'open' AND (event_id, id) > ($1, $2)", why: "the same: disputes that are open, by payments_disputed"},

	{text: "SELECT DISTINCT booking_id FROM booking_reasons WHERE mail_due", why: "moved bookings whose owners are to be mailed, in all events"},
	{text: "FROM booking_reasons WHERE mail_due AND booking_id = $1", why: "the same: one of them, by the index booking_reasons_due"},
	{text: "UPDATE booking_reasons SET mail_due = FALSE WHERE event_id = $1 AND booking_id = $2", why: "the same: it is mailed"},
	{text: "FROM booking_reasons WHERE booking_id = $1", why: "why an organizer has cancelled seats of an order, by the index booking_reasons_of"},

	// Lists of an account, over its events.
	{text: "AND b.user_id = $3 ORDER BY b.event_id", why: "a customer's bookings"},
	{text: "SELECT id FROM bookings WHERE user_id = $1", why: "an account's bookings: for its payments, to close it, to hand it over"},
	{text: "WHEN status = 'refunded' THEN 'done' ELSE 'pending' END, amount FROM payments", why: "an organizer's figures, by ranges of refunds_by_event and payments_given_up"},
	{text: "FROM refunds /*sqlite: INDEXED BY refunds_failed*/ WHERE status = 'failed'", why: "credit notes of refunds that have failed, by refunds_failed; the statement names the event"},
	{text: "WHEN EXISTS (SELECT 1 FROM payments p WHERE p.event_id = $1", why: "the same: refunds of the other mode are apart, by ranges of the primary key"},

	// Parts of statements that are put together, and are not run by this test.
	{text: "FROM ledger l WHERE l.event_id = $%d AND l.kind = 'sale' ORDER BY l.seq DESC", why: "who has tickets for an event, for a message to all of them; the list names the event"},
	{text: "WHERE email_key IN ($3, $4) AND event_id = $2", why: "a guest's seats, by an address that they typed; by bookings_by_email and the event"},
	{text: "JOIN ledger ON event_id = id AND seq > after AND seq <= after + $3", why: "what other nodes have written meanwhile, by the ledger's primary key"},

	// Until the next version.
	{text: "SELECT id FROM payments WHERE key_hash = $1", why: "only after a conflict, as long as PostgreSQL has payments_by_key"},
}

// aside reports whether a statement is listed, or belongs to an audit, which reads
// everything.
func aside(where, text string) bool {
	if audits.MatchString(where) {
		return true
	}
	text = flat(text)
	found := false
	for i := range asides {
		if strings.Contains(text, flat(asides[i].text)) {
			asides[i].used, found = true, true
		}
	}
	return found
}

// audits are the files of verify and of the rehearsal's audit.
var audits = regexp.MustCompile(`\b(verify|audit)\w*[./]`)

// flat is a text without the difference that spaces make.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// everyStatement sees that all texts of the sources that name a hot table were run,
// or stay with their event by their plan, or are listed; and that the list has
// nothing that is not there any more.
func everyStatement(t *testing.T, run map[string]bool, worlds []*world) {
	t.Helper()
	seen := strings.Join(slices.Sorted(maps.Keys(run)), "\n")
	found := 0
	for where, text := range literals(t) {
		if !touches(text, hot) {
			continue
		}
		found++
		stays, strays := false, false // on the databases that understand it
		for _, w := range worlds {
			text := w.db.Text(text)
			if strings.Contains(seen, flat(text)) {
				stays = true // it was looked at
			} else if why, err := w.strays(text); err == nil {
				stays, strays = true, strays || why != ""
			}
		}
		if (strays || !stays) && !aside(where, text) {
			t.Errorf("%s: this is not run here, does not stay with its event by its plan, and is not listed:\n%s", where, text)
		}
	}
	if found < 50 {
		t.Errorf("only %d texts name a hot table", found)
	}
	for _, a := range asides {
		if !a.used {
			t.Errorf("this is listed, but is not there (any more): %s", a.text)
		}
	}
}

// literals are the strings of the program's sources, by where they are.
func literals(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir("../../internal", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if text, err := strconv.Unquote(lit.Value); err == nil {
					found[strings.TrimPrefix(set.Position(lit.Pos()).String(), "../../")] = text
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
