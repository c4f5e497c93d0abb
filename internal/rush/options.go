package rush

import (
	"fmt"
	"net"
	"net/url"
	"time"
)

// Options configure a rehearsal.
type Options struct {
	Fans     int           `help:"Number of fans, up to 200000." default:"1000"`
	Seats    int           `help:"Seats of each event, 50 to 200000." default:"5000"`
	Event    string        `help:"Sell the event with this id, which must be on sale." unset:"new events" placeholder:"ID"`
	Duration time.Duration `help:"How long to run; when an event is sold out, the next one goes on sale. Example: 20s." unset:"until the event is sold out" placeholder:"D"`
	Think    time.Duration `help:"Average pause of a fan before each click. Example: 2s." unset:"no pause" placeholder:"D"`
	Seed     uint64        `help:"A number; fans make the same choices in rehearsals with the same seed." default:"1"`
	Nodes    int           `help:"Number of servers to start on one database, up to 16; more than one needs --database-url." default:"1"`
	Viewers  int           `help:"Number of people who only watch the first event's seat map, up to 100000." default:"0" placeholder:"N"`
	Target   []string      `help:"Servers that are already running, on this machine, with --loopback-factor 1000. Example: http://127.0.0.1:8080." unset:"servers of its own" placeholder:"URL"`
	FansFile string        `help:"Accounts for --target, one JSON object per line: {\"token\": …} or {\"email\": …, \"password\": …}." placeholder:"FILE"`
	NatsURL  []string      `help:"NATS servers for the servers that it starts." unset:"none" placeholder:"URL"`
	Mails    bool          `help:"Fans have email addresses, and are mailed their tickets by a mail server that rush runs."`
	Gateway  string        `help:"Payments by a sandbox gateway in a process of its own, whose answers take 50ms to 2s: good, or bad. Of the bad one's answers 5 % are errors before it acts, 5 % errors after that, and 1 % do not come." unset:"in the servers, which need not ask it" placeholder:"KIND"`
	JSON     bool          `help:"Print the report as one JSON object on the last line."`
	Burst    bool          `help:"Every fan sends one hold request, all within one second, each on a new connection."`
	Rate     float64       `help:"Fixed rate: this many purchases begin per second, whether or not earlier ones are done; needs --duration. Example: 1500." unset:"as fast as the servers answer" placeholder:"N"`
	InFlight int           `help:"Maximum number of fans that are active at the same time, up to 15000." default:"256"`
}

// check refuses invalid options; shared tells whether several servers can use the
// database.
func (o *Options) check(shared bool) error {
	switch {
	case o.Fans < 1 || o.Fans > 200_000:
		return badOption("--fans", " must be 1 to 200000")
	case o.Seats < 50 || o.Seats > 200_000:
		return badOption("--seats", " must be 50 to 200000")
	case o.Duration < 0 || o.Duration > time.Hour:
		return badOption("--duration", " must be at most 1h")
	case o.Think < 0 || o.Think > time.Minute:
		return badOption("--think", " must be at most 1m")
	case o.Nodes < 1 || o.Nodes > 16:
		return badOption("--nodes", " must be 1 to 16")
	case o.Nodes > 1 && !shared:
		return badOption("--nodes", ": the embedded database serves one node; give --database-url for more")
	case o.Nodes > 1 && len(o.Target) > 0:
		return badOption("--nodes", " starts servers, --target uses those that run already: give one of them")
	case o.Viewers < 0 || o.Viewers > 100_000:
		return badOption("--viewers", " must be at most 100000")
	case o.InFlight < 1 || o.InFlight > 15_000:
		return badOption("--in-flight", " must be 1 to 15000")
	case o.Burst && o.Fans > 15_000:
		return badOption("--burst", ": each fan has a connection, so at most 15000 fans")
	case o.Rate < 0 || o.Rate > 100_000:
		return badOption("--rate", " must be at most 100000")
	case o.Rate > 0 && o.Duration == 0:
		return badOption("--rate", " needs --duration")
	case o.Gateway != "" && o.Gateway != goodGateway && o.Gateway != badGateway:
		return badOption("--gateway", ": %q is neither good nor bad", o.Gateway)
	case o.Gateway != "" && len(o.Target) > 0:
		return badOption("--gateway", " is for servers that rush starts, so it does not go with --target")
	case o.Mails && len(o.Target) > 0:
		return badOption("--mails", " is for servers that rush starts, so it does not go with --target")
	case len(o.NatsURL) > 0 && len(o.Target) > 0:
		return badOption("--nats-url", " is for servers that rush starts, so it does not go with --target")
	case o.FansFile != "" && len(o.Target) == 0:
		return badOption("--fans-file", " goes with --target")
	case o.Event != "" && len(o.Target) == 0 && o.Duration > 0:
		return badOption("--event", " sells one event, so it does not go with --duration")
	}
	if limit := openFiles(); limit > 0 && o.Viewers > 0 && o.Viewers+o.connections()+spareFiles > limit {
		return badOption("--viewers", ": %d viewers and %d fans need a connection each, and a process may open %d files here (ulimit -n)", o.Viewers, o.connections(), limit)
	}
	for _, target := range o.Target {
		u, err := url.Parse(target)
		if err != nil || u.Scheme != "http" || u.Port() == "" {
			return badOption("--target", ": %q is not a URL such as http://127.0.0.1:8080", target)
		}
		if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return badOption("--target", ": a rush is a flood, so it only goes to a loopback address")
		}
	}
	return nil
}

// OptionError means that an option is invalid.
type OptionError struct {
	Flag string // such as --fans
	error
}

func badOption(flag, format string, args ...any) error {
	return OptionError{flag, fmt.Errorf(flag+format, args...)}
}

// spareFiles allows for files that a process has open besides its connections.
const spareFiles = 100

// connections returns how many fans are connected at the same time.
func (o *Options) connections() int {
	if o.Burst {
		return o.Fans
	}
	return min(o.InFlight, o.Fans)
}
