// Package deptest holds the rule of imports: they go one way, so that a room can
// be understood, and later run, without the others.
package deptest

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// allowed says which rooms each room may import besides the standard library
// and other people's modules. A room that is not listed fails the test.
var allowed = map[string][]string{
	// leaves
	"errs": {}, "id": {}, "money": {"errs"}, "caller": {}, "ledger": {}, "seating": {"safetext"}, "safetext": {"errs"}, "route": {}, "deptest": {}, "moment": {}, "jobs": {},
	"seating/seatingtest": {"seating"}, // for tests
	// contracts: the types of a service that others may use
	"eventapi":               leaves,
	"bookingapi":             append([]string{"eventapi"}, leaves...),
	"eventapi/eventtest":     append([]string{"eventapi", "bookingapi"}, leaves...), // for tests
	"bookingapi/bookingtest": append([]string{"eventapi", "bookingapi"}, leaves...), // for tests
	"paymentapi":             append([]string{"eventapi", "bookingapi"}, leaves...),
	"paymentapi/paymenttest": append([]string{"eventapi", "bookingapi", "paymentapi"}, leaves...), // for tests
	"notifyapi":              leaves,
	"userapi":                append([]string{"eventapi", "bookingapi"}, leaves...),
	"userapi/usertest":       append([]string{"userapi"}, leaves...), // for tests
	// one interface each, with its backends
	"codec": {}, "peers": {}, "quick": {"codec", "peers"},
	"batch": {"errs", "jobs"}, "limit": {}, "sqldb": {"errs", "batch", "jobs"},
	"sqldb/sqldbtest": {"sqldb"}, // for tests
	"signing":         {"sqldb"},
	"link":            append([]string{"sqldb", "bookingapi"}, leaves...),
	// services: never each other
	"booking": append([]string{"link", "signing", "booking/live", "booking/report", "booking/tables"}, services...),
	"event":   append([]string{"event/check", "event/importer"}, services...),
	"payment": append([]string{"payment/provider"}, services...),
	"user":    append([]string{"signing", "user/session"}, services...),
	// parts of services, which never import their parent
	"booking/tables":   append([]string{"bookingapi"}, leaves...),
	"booking/audit":    append([]string{"booking/tables"}, services...),
	"booking/report":   services,
	"booking/live":     append([]string{"peers", "bookingapi"}, leaves...),
	"event/check":      append([]string{"eventapi"}, leaves...),
	"event/importer":   append([]string{"eventapi", "event/check"}, leaves...),
	"payment/provider": {},
	"user/session":     {"batch", "caller", "errs", "id", "sqldb", "userapi"},
	"payment/sandbox":  append([]string{"payment/provider"}, services...),
	// in front of the services
	"gateway":             append([]string{"batch", "codec", "limit", "peers", "quick"}, leaves...),
	"gateway/gatewaytest": {}, // for tests
	"page":                append([]string{"bookingapi", "codec"}, leaves...),
	"shop":                append([]string{"page", "poster", "ticket"}, faces...),
	// beside them: values and documents
	"ticket": {"id", "jobs", "signing", "sqldb", "ticket/letters"}, "ticket/letters": {},
	"poster":  {},
	"console": append([]string{"page"}, faces...),
	// behind them
	"notify": append([]string{"notifyapi"}, leaves...),
	// beside them: makes accounts and audits, otherwise it is only a client
	"rush": {"booking/audit", "bookingapi", "jobs", "payment", "paymentapi", "settings", "user", "sqldb"},
	// for operators
	"settings": {"id", "sqldb"},
	"admin":    {"jobs", "settings", "sqldb"},
	"ops":      {"gateway", "jobs", "peers", "settings"},
	"demo":     append([]string{"eventapi", "bookingapi", "paymentapi"}, leaves...),
	// the only place that wires
	"app": {"*"},
}

var (
	leaves    = []string{"errs", "id", "money", "moment", "jobs", "caller", "ledger", "seating", "safetext", "route"}
	contracts = []string{"eventapi", "bookingapi", "paymentapi", "userapi", "notifyapi"}
	faces     = append(append([]string{}, contracts...), leaves...)
	services  = append([]string{"codec", "peers", "quick", "batch", "sqldb"}, faces...)
)

// commands are what the program in cmd may import: app, and what its flags fill in.
var commands = []string{"app", "rush", "settings"}

// guarded modules may be imported by these rooms only: whoever wants a database
// or a broker asks for an interface.
var guarded = map[string][]string{
	"modernc.org/sqlite":                {"sqldb"},
	"github.com/jackc/pgx":              {"sqldb", "sqldb/sqldbtest", "booking", "bench"}, // booking: the hot batches; bench: the textbook server
	"github.com/nats-io":                {"bus", "app"},
	"github.com/redis/rueidis":          {"cache", "limit", "app"},
	"github.com/stripe/stripe-go":       {"payment/stripe", "app"},
	"github.com/go-chi/chi":             {"gateway", "bench"},
	"github.com/wneessen/go-mail":       {"notify"},
	"github.com/pquerna/otp":            {"user", "userapi/usertest"},
	"github.com/signintech/gopdf":       {"ticket"},
	"github.com/go-text/typesetting":    {"ticket/letters"},
	"github.com/piglig/go-qr":           {"ticket"},
	"github.com/arran4/golang-ical":     {"ticket"},
	"github.com/realclientip":           {"gateway"},
	"github.com/HdrHistogram":           {"rush"},
	"github.com/rs/cors":                {"gateway"},
	"github.com/pressly/goose":          {"sqldb"},
	"github.com/alecthomas/kong":        {"cmd"},
	"github.com/hanwen/go-fuse":         {"test"},
	"github.com/anishathalye/porcupine": {"test"},
}

// imports is one package and what it imports.
type imports struct {
	ImportPath string
	Imports    []string
}

const module = "boxoffice/"

// faults lists the imports of a package that break the rule. Tests may wire up
// neighbours to test with; the code itself may not.
func faults(p imports) []string {
	var out []string
	room, inside := strings.CutPrefix(p.ImportPath, module+"internal/")
	rule, known := allowed[room]
	if inside && !known {
		out = append(out, fmt.Sprintf("%s is not in the rule of imports: add it", p.ImportPath))
	}
	for _, imp := range p.Imports {
		target, internal := strings.CutPrefix(imp, module+"internal/")
		if internal {
			switch {
			case !inside && slices.Contains(commands, target), !inside && strings.HasPrefix(p.ImportPath, module+"test"), !inside && strings.HasPrefix(p.ImportPath, module+"bench"):
			case !inside:
				out = append(out, fmt.Sprintf("%s imports %s: commands import only %v", p.ImportPath, imp, commands))
			case strings.HasPrefix(room, target+"/") && !strings.HasSuffix(room, "test"):
				out = append(out, fmt.Sprintf("%s imports %s, its parent: only suites and helpers for tests may", p.ImportPath, imp))
			case strings.HasPrefix(room, target+"/") && !strings.HasSuffix(room, "test"): // a suite imports what it tests
				out = append(out, fmt.Sprintf("%s imports its parent", p.ImportPath))
			case !slices.Contains(rule, target) && !slices.Contains(rule, "*"):
				out = append(out, fmt.Sprintf("%s imports %s", p.ImportPath, imp))
			}
		}
		for guard, rooms := range guarded {
			if strings.HasPrefix(imp, guard) && !slices.ContainsFunc(rooms, func(r string) bool { return place(p.ImportPath, r) }) {
				out = append(out, fmt.Sprintf("%s imports %s, which is for %v only", p.ImportPath, imp, rooms))
			}
		}
	}
	return out
}

// place reports whether a package lies in a room, or under cmd or test.
func place(path, room string) bool {
	return path == module+"internal/"+room || strings.HasPrefix(path, module+room)
}

func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "boxoffice/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := 0
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); packages++ {
		var p imports
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		for _, f := range faults(p) {
			t.Error(f)
		}
	}
	if packages < 10 {
		t.Fatalf("only %d packages were looked at", packages)
	}
}

// The rule finds what it is there to find.
func TestFaults(t *testing.T) {
	for _, p := range []imports{
		{ImportPath: "boxoffice/internal/booking", Imports: []string{"boxoffice/internal/event"}},
		{ImportPath: "boxoffice/internal/payment", Imports: []string{"boxoffice/internal/app"}},
		{ImportPath: "boxoffice/internal/payment/sandbox", Imports: []string{"boxoffice/internal/payment"}},
		{ImportPath: "boxoffice/internal/caller", Imports: []string{"boxoffice/internal/sqldb"}},
		{ImportPath: "boxoffice/internal/gateway", Imports: []string{"boxoffice/internal/booking"}},
		{ImportPath: "boxoffice/internal/event", Imports: []string{"modernc.org/sqlite"}},
		{ImportPath: "boxoffice/internal/booking/live", Imports: []string{"boxoffice/internal/booking"}},
		{ImportPath: "boxoffice/internal/util", Imports: []string{"fmt"}},
		{ImportPath: "boxoffice/cmd/boxoffice", Imports: []string{"boxoffice/internal/booking"}},
	} {
		if len(faults(p)) == 0 {
			t.Errorf("%s may import %v", p.ImportPath, p.Imports)
		}
	}
	for _, p := range []imports{
		{ImportPath: "boxoffice/internal/booking", Imports: []string{"boxoffice/internal/batch", "context"}},
		{ImportPath: "boxoffice/internal/app", Imports: []string{"boxoffice/internal/booking"}},
		{ImportPath: "boxoffice/cmd/boxoffice", Imports: []string{"boxoffice/internal/app", "github.com/alecthomas/kong"}},
		{ImportPath: "boxoffice/internal/sqldb/sqldbtest", Imports: []string{"boxoffice/internal/sqldb"}},
		{ImportPath: "boxoffice/internal/sqldb", Imports: []string{"modernc.org/sqlite/lib"}},
	} {
		if f := faults(p); len(f) > 0 {
			t.Error(f)
		}
	}
}
