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
	"errs": {}, "id": {}, "money": {"errs"}, "caller": {}, "ledger": {}, "seating": {"codec", "safetext"}, "safetext": {"errs"}, "route": {}, "cards": {}, "deptest": {}, "moment": {}, "jobs": {}, "locale": {"codec", "money"},
	"seating/seatingtest": {"seating"}, "patience": {}, // for tests
	// contracts: the types of a service that others may use
	"eventapi":               leaves,
	"bookingapi":             append([]string{"eventapi"}, leaves...),
	"eventapi/eventtest":     append([]string{"eventapi", "bookingapi"}, leaves...), // for tests
	"bookingapi/bookingtest": append([]string{"eventapi", "bookingapi"}, leaves...), // for tests
	"paymentapi":             append([]string{"eventapi", "bookingapi"}, leaves...),
	"paymentapi/paymenttest": append([]string{"eventapi", "bookingapi", "paymentapi", "patience"}, leaves...), // for tests
	"notifyapi":              leaves,
	"notifyapi/notifytest":   append([]string{"notifyapi"}, leaves...), // for tests
	"webhookapi":             leaves,
	"invoiceapi":             append([]string{"paymentapi"}, leaves...),
	"checkinapi":             append([]string{"bookingapi"}, leaves...),
	"walletapi":              {},
	"userapi":                append([]string{"eventapi", "bookingapi"}, leaves...),
	"userapi/usertest":       append([]string{"userapi"}, leaves...), // for tests
	// one interface each, with its backends
	"codec": {}, "peers": {}, "quick": {"codec", "peers"},
	"batch": {"errs", "jobs"}, "limit": {}, "sqldb": {"errs", "batch", "codec", "jobs"},
	"sqldb/sqldbtest":      {"brokertest", "patience", "sqldb"}, // for tests
	"signing":              {"sqldb"},
	"phone":                {"errs"},
	"vat":                  {"errs"},
	"bus":                  {"codec", "id", "jobs", "sqldb"},
	"bus/natsbus":          {"bus", "jobs"},
	"bus/bustest":          {"bus", "id", "patience", "sqldb", "sqldb/sqldbtest"}, // for tests
	"bus/natsbus/natstest": {"brokertest", "patience"},                            // for tests
	"link":                 append([]string{"sqldb", "bookingapi"}, leaves...),
	// services: never each other
	"booking": append([]string{"link", "signing", "booking/live", "booking/report", "booking/tables"}, services...),
	"event":   append([]string{"event/check", "event/importer"}, services...),
	"payment": append([]string{"payment/provider", "payment/notices", "payment/reconcile"}, services...),
	"user":    append([]string{"phone", "signing", "user/session"}, services...),
	"webhook": services,
	"checkin": append([]string{"checkin/list", "limit", "ticket"}, services...),
	"invoice": append([]string{"invoice/paper", "vat"}, services...), "invoice/paper": append([]string{"invoiceapi", "ticket/sheet"}, leaves...),
	"wallet": append([]string{"settings", "signing", "wallet/apple", "wallet/google"}, services...),
	// parts of services, which never import their parent
	"wallet/apple":             {"codec", "id", "walletapi"},
	"wallet/apple/appletest":   {}, // for tests
	"wallet/google":            {"codec", "id", "walletapi"},
	"wallet/google/googletest": {"codec"}, // for tests
	"checkin/issue":            append([]string{"ticket"}, services...),
	"checkin/list":             append([]string{"ticket", "bookingapi", "checkinapi"}, leaves...),
	"checkin/gatenode":         append([]string{"checkin", "ticket"}, services...), // instead of the box office, which its parent asks for
	"booking/tables":           append([]string{"bookingapi"}, leaves...),
	"booking/audit":            append([]string{"booking/tables"}, services...),
	"booking/report":           services,
	"booking/intake":           append([]string{"eventapi", "bookingapi", "userapi", "bus", "sqldb"}, leaves...),
	"booking/live":             append([]string{"peers", "bookingapi"}, leaves...),
	"event/check":              append([]string{"eventapi"}, leaves...),
	"event/importer":           append([]string{"eventapi", "event/check"}, leaves...),
	"payment/provider":         {"paymentapi", "sqldb"}, "payment/provider/providertest": {"payment/provider"}, // the latter for tests
	"payment/providers":         {"payment/provider", "payment/sandbox", "payment/stripe", "settings"}, // the list of all gateways
	"user/session":              {"batch", "bus", "caller", "errs", "id", "sqldb", "userapi"},
	"payment/sandbox":           append([]string{"payment/provider", "payment/sandbox/client", "payment/sandbox/wire"}, services...),
	"payment/sandbox/wire":      {},
	"payment/sandbox/client":    {"codec", "payment/provider", "payment/sandbox/wire", "paymentapi"},
	"payment/sandbox/server":    {"batch", "codec", "locale", "payment/sandbox/wire", "settings"},
	"payment/stripe":            {"codec", "money", "payment/provider", "paymentapi"},
	"payment/stripe/stripetest": {"codec"}, // for tests
	"payment/notices":           append([]string{"payment/provider"}, services...),
	"payment/reconcile":         append([]string{"payment/provider", "paymentapi"}, leaves...),
	// in front of the services
	"gateway":             append([]string{"batch", "limit", "peers", "quick"}, leaves...),
	"gateway/gatewaytest": {"codec"}, // for tests
	"page":                append([]string{"bookingapi"}, leaves...),
	"shop":                append([]string{"page", "phone", "poster", "ticket"}, faces...),
	// beside them: values and documents
	"ticket": {"codec", "id", "jobs", "signing", "sqldb", "ticket/sheet"}, "ticket/sheet": {"ticket/letters"}, "ticket/letters": {},
	"poster":  {},
	"console": append([]string{"page", "ticket"}, faces...),
	"gate":    {"locale", "page"}, // its data comes over the API
	// behind them
	"notify":        append([]string{"notify/letter", "notify/mail", "notify/sms", "signing"}, services...),
	"notify/letter": append([]string{"notifyapi"}, leaves...), "notify/mail": {},
	"notify/sms": {"codec", "safetext"}, "notify/sms/smstest": {"codec", "notify/sms"}, // the latter for tests
	"notify/prefs":    append([]string{"notify/mail", "signing"}, services...),
	"notify/dsn":      {"notifyapi", "safetext"},
	"notify/desk":     services,
	"notify/occasion": services,
	"notify/smtp":     {"notify/mail", "safetext"}, "notify/folder": {"id", "notify/mail"},
	"notify/announce":          append([]string{"notify/letter"}, services...),
	"brokertest":               {"patience"},                   // for tests
	"notify/letter/lettertest": {"notify/letter", "notifyapi"}, // for tests
	// beside them: makes accounts and audits, otherwise it is only a client
	"rush": {"booking/audit", "bookingapi", "checkin", "checkinapi", "codec", "eventapi", "jobs", "payment", "paymentapi", "settings", "sqldb", "ticket", "userapi"},
	// for operators
	"settings": {"id", "phone", "sqldb"},
	"admin":    {"codec", "jobs", "settings", "sqldb"},
	"commands": append([]string{"admin", "booking/audit", "bus", "event/importer", "notify/dsn", "settings", "sqldb", "ticket"}, faces...),
	"ops":      {"gateway", "jobs", "peers", "settings"},
	"demo":     append([]string{"event/importer", "settings", "sqldb"}, faces...),
	// the only place that wires
	"app": {"*"},
}

var (
	leaves    = []string{"codec", "errs", "id", "money", "moment", "jobs", "caller", "ledger", "seating", "safetext", "route", "cards", "locale"}
	contracts = []string{"eventapi", "bookingapi", "paymentapi", "userapi", "notifyapi", "webhookapi", "invoiceapi", "checkinapi", "walletapi"}
	faces     = append(append([]string{}, contracts...), leaves...)
	services  = append([]string{"bus", "peers", "quick", "batch", "sqldb"}, faces...)
)

// commands are what the program in cmd may import: app, and what its flags fill in.
var commands = []string{"app", "commands", "payment/providers", "payment/sandbox/server", "rush", "settings"}

// guarded modules may be imported by these rooms only: whoever wants a database
// or a broker asks for an interface, and JSON is read in one way.
var guarded = map[string][]string{
	"encoding/json":                     {"eventapi", "brokertest", "bench", "test"}, // eventapi: huma knows the schema of json.RawMessage; the others: clients
	"github.com/go-json-experiment":     {"codec"},
	"modernc.org/sqlite":                {"sqldb"},
	"github.com/jackc/pgx":              {"sqldb", "sqldb/sqldbtest", "booking", "bench"}, // booking: the hot batches; bench: the textbook server
	"github.com/nats-io":                {"bus/natsbus"},
	"github.com/redis/rueidis":          {"cache", "limit", "app"},
	"github.com/stripe/stripe-go":       {"payment/stripe"},
	"github.com/go-chi/chi":             {"gateway", "bench"},
	"github.com/wneessen/go-mail":       {"notify/mail", "notify/smtp"}, // the mail, and the way to send it
	"github.com/nyaruka/phonenumbers":   {"phone"},
	"github.com/pquerna/otp":            {"user", "userapi/usertest", "ticket"},
	"github.com/smallstep/pkcs7":        {"wallet/apple"},
	"github.com/golang-jwt/jwt":         {"wallet/google"},
	"github.com/signintech/gopdf":       {"ticket/sheet"},
	"github.com/go-text/typesetting":    {"ticket/letters"},
	"github.com/piglig/go-qr":           {"ticket"},
	"github.com/arran4/golang-ical":     {"ticket"},
	"github.com/realclientip":           {"gateway"},
	"github.com/HdrHistogram":           {"rush"},
	"github.com/rs/cors":                {"gateway"},
	"github.com/pressly/goose":          {"sqldb"},
	"github.com/alecthomas/kong":        {"cmd"},
	"github.com/hanwen/go-fuse":         {"test"},
	"github.com/anishathalye/porcupine": {"rush", "test"},
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
			case strings.HasPrefix(room, target+"/") && !strings.HasSuffix(room, "test") && !slices.Contains(rule, target):
				out = append(out, fmt.Sprintf("%s imports %s, its parent: only suites, helpers for tests and backends that say so may", p.ImportPath, imp))
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
		{ImportPath: "boxoffice/internal/event", Imports: []string{"encoding/json"}},
		{ImportPath: "boxoffice/cmd/boxoffice", Imports: []string{"encoding/json"}},
		{ImportPath: "boxoffice/internal/event", Imports: []string{"github.com/go-json-experiment/json/v1"}},
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
