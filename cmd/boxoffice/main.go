// Command boxoffice is a ticket office for high-demand on-sales.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata" // venues' zones, also where the system has none

	"github.com/alecthomas/kong"

	"boxoffice/internal/app"
	"boxoffice/internal/commands"
	"boxoffice/internal/payment/sandbox/server"
	"boxoffice/internal/rush"
	"boxoffice/internal/settings"
)

// cli is the command line. All flags can be given as BOXOFFICE_* variables too.
type cli struct {
	LogLevel level `help:"Least severe messages to log, on stderr: debug, info, warn or error." default:"info"`

	Serve     settings.Server    `cmd:"" help:"Run a node: the shop, the organizers' console and the API."`
	Import    commands.Import    `cmd:"" help:"Import events and seating plans."`
	Verify    commands.Verify    `cmd:"" help:"Replay the ledger against the tables."`
	Reconcile commands.Reconcile `cmd:"" help:"Compare a day with the list of the payment gateway."`
	Ledger    struct {
		Export commands.Export `cmd:"" help:"Print an event's ledger as NDJSON, one entry per line."`
	} `cmd:"" help:"Work with ledgers."`
	Admin struct {
		Create         commands.CreateAdmin    `cmd:"" help:"Create an administrator and print the password once."`
		ResetTwoFactor commands.ResetTwoFactor `cmd:"" help:"Remove the second factor of an account whose owner has lost the app and the recovery codes, and end its sessions."`
	} `cmd:"" help:"Manage accounts."`
	Ticket struct {
		Verify commands.TicketVerify `cmd:"" help:"Verify tickets offline, as at the entrance."`
		List   commands.TicketList   `cmd:"" help:"Print which tickets of an event are valid, for verify and for check-in devices without a network."`
		Keys   commands.TicketKeys   `cmd:"" help:"Print the public keys to verify tickets with."`
	} `cmd:"" help:"Work with tickets."`
	Bus struct {
		Dead struct {
			List   commands.DeadList   `cmd:"" help:"List dead letters, with their names."`
			Show   commands.DeadShow   `cmd:"" help:"Print a dead letter with its message."`
			Replay commands.DeadReplay `cmd:"" help:"Have dead letters consumed again, by the server."`
			Drop   commands.DeadDrop   `cmd:"" help:"Delete dead letters: they are never consumed."`
		} `cmd:"" help:"Messages that could not be consumed."`
	} `cmd:"" help:"Work with the message bus."`
	Mail struct {
		Bounced commands.MailBounced `cmd:"" help:"Read a mail that has arrived at the address for bounces, from standard input, and record which emails it reports as not delivered."`
	} `cmd:"" help:"Work with emails that were sent."`
	GateNode settings.GateNode `cmd:"" help:"Serve the check-in app in the house, also while its line to the box office is down."`
	OpenAPI  commands.OpenAPI  `cmd:"" name:"openapi" help:"Print the API's OpenAPI document."`
	Rush     rush.Command      `cmd:"" help:"Rehearse an on-sale with thousands of simulated fans, then audit it."`
	Door     rush.DoorCommand  `cmd:"" name:"rehearse-door" help:"Rehearse an evening at the doors with simulated gates, then audit it."`
	Sandbox  struct {
		Serve server.Command      `cmd:"" default:"withargs" help:"Run the gateway."`
		Books server.BooksCommand `cmd:"" help:"Print the gateway's own view of all money."`
	} `cmd:"" name:"sandbox-gateway" help:"Run a payment gateway for tests, which moves no money."`
	Version version `cmd:"" help:"Print the version, the commit and the Go version; --version does the same."`
	Help    struct {
		Command []string `arg:"" optional:"" help:"The command to describe, such as serve or ledger export."`
	} `cmd:"" help:"Describe a command, like COMMAND --help."`
}

// level is the least severe level of messages that are logged.
type level slog.Level

// UnmarshalText reads a level as slog does, and says which there are when it is none.
func (l *level) UnmarshalText(text []byte) error {
	if (*slog.Level)(l).UnmarshalText(text) != nil {
		return fmt.Errorf("%q is not a level; give debug, info, warn or error", text)
	}
	return nil
}

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run runs the program and returns its status: 0, 1 when it failed, 2 when it was
// called wrongly; what was wrong is one line on stderr.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second one ends the program at once
	var c cli
	parser, err := newParser(&c, stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "boxoffice:", err)
		return 1
	}
	k, err := parser.Parse(meant(args))
	switch {
	case err != nil && parser.helped:
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "boxoffice: %s; see %s --help\n", wrong(err), called(err))
		return 2
	}
	if strings.HasPrefix(k.Command(), "help") { // behind a flag: see meant
		return run(append(slices.Clone(c.Help.Command), "--help"), stdin, stdout, stderr)
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.Level(c.LogLevel)}))
	slog.SetDefault(log)
	for _, text := range strangers(parser.Model, os.Environ()) {
		log.Warn(text)
	}
	if err := c.run(ctx, k.Command(), log, stdin, stdout, stderr); err != nil {
		status := settings.ExitStatus(err)
		if status == settings.WrongUsage {
			err = ofVariable(k, err)
		}
		fmt.Fprintln(stderr, "boxoffice:", err)
		return status
	}
	return 0
}

// meant spells the two questions about the program itself as flag and command:
// "help X" is "X --help", "--version" is "version". A negative number is the value of
// the flag before it: there are no short flags that it could be.
func meant(args []string) []string {
	for i := len(args) - 1; i > 0; i-- {
		if negative.MatchString(args[i]) && strings.HasPrefix(args[i-1], "--") && !strings.Contains(args[i-1], "=") {
			args = slices.Concat(args[:i-1], []string{args[i-1] + "=" + args[i]}, args[i+1:])
		}
	}
	switch {
	case len(args) > 0 && args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case len(args) > 0 && args[0] == "--version":
		return append([]string{"version"}, args[1:]...)
	}
	return args
}

var negative = regexp.MustCompile(`^-[0-9]+$`)

// run runs a command.
func (c *cli) run(ctx context.Context, command string, log *slog.Logger, stdin io.Reader, stdout, stderr io.Writer) error {
	switch command {
	case "serve":
		return app.Serve(ctx, c.Serve, stdout, log)
	case "gate-node":
		return app.ServeGateNode(ctx, c.GateNode, stdout, log)
	case "verify":
		return c.Verify.Run(ctx, app.Office, stdout)
	case "reconcile":
		return c.Reconcile.Run(ctx, app.Office, stdout)
	case "ledger export":
		return c.Ledger.Export.Run(ctx, app.Office, stdout)
	case "admin create":
		return c.Admin.Create.Run(ctx, app.Office, stdout)
	case "admin reset-two-factor":
		return c.Admin.ResetTwoFactor.Run(ctx, app.Office, stdout)
	case "ticket verify", "ticket verify <token>":
		return c.Ticket.Verify.Run(ctx, app.Office, stdin, stdout)
	case "ticket list":
		return c.Ticket.List.Run(ctx, app.Office, stdout)
	case "ticket keys":
		return c.Ticket.Keys.Run(ctx, app.Office, stdout)
	case "bus dead list":
		return c.Bus.Dead.List.Run(ctx, app.Office, stdout)
	case "bus dead show <name>":
		return c.Bus.Dead.Show.Run(ctx, app.Office, stdout)
	case "bus dead replay", "bus dead replay <name>":
		return c.Bus.Dead.Replay.Run(ctx, app.Office, stdout)
	case "bus dead drop", "bus dead drop <name>":
		return c.Bus.Dead.Drop.Run(ctx, app.Office, stdout)
	case "mail bounced":
		return c.Mail.Bounced.Run(ctx, app.Office, stdin, stdout)
	case "openapi":
		return c.OpenAPI.Run(ctx, app.Office, stdout)
	case "rush":
		return c.Rush.Run(ctx, app.Rehearsal, stdout, stderr)
	case "rehearse-door":
		return c.Door.Run(ctx, app.Rehearsal, stdout, stderr)
	case "sandbox-gateway serve", "sandbox-gateway":
		return c.Sandbox.Serve.Run(ctx, stdout, log)
	case "sandbox-gateway books":
		return c.Sandbox.Books.Run(stdout)
	case "version":
		return c.Version.Run(stdout)
	case "import <file>":
		return c.Import.Run(ctx, app.Office, stdout, log)
	}
	return fmt.Errorf("the command %q does nothing", command)
}

// parser reads the command line.
type parser struct {
	*kong.Kong
	helped bool // it has printed help, and that is all
}

var errHelped = errors.New("help was asked for")

func newParser(c *cli, stdout, stderr io.Writer) (*parser, error) {
	p := &parser{}
	var err error
	p.Kong, err = kong.New(c, kong.Name("boxoffice"),
		kong.Description("A ticket office for high-demand on-sales: every seat is sold at most once."),
		kong.DefaultEnvars("BOXOFFICE"), kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.ValueFormatter(describe), kong.WithBeforeResolve(refuseEmpty), kong.WithAfterApply(oneDatabase),
		kong.Exit(func(int) { p.helped = true; panic(errHelped) })) // kong calls it after help only
	return p, err
}

// Parse is kong's, but it returns after it has printed help.
func (p *parser) Parse(args []string) (k *kong.Context, err error) {
	defer func() {
		if v := recover(); v != nil {
			if v != errHelped { //nolint:errorlint // the value itself
				panic(v)
			}
			err = errHelped
		}
	}()
	return p.Kong.Parse(args)
}

// describe adds to a flag's help its default and its variable.
func describe(v *kong.Value) string {
	var notes []string
	switch {
	case v.Flag == nil || v.Name == "help":
		return v.Help
	case v.Tag.Get("unset") != "": // what happens without the flag is not a value of it
		notes = append(notes, "default: "+v.Tag.Get("unset"))
	case v.HasDefault && v.Default != "":
		notes = append(notes, "default: "+v.Default)
	case v.IsBool():
		notes = append(notes, "default: off")
	case !v.Required:
		notes = append(notes, "default: none")
	}
	for _, name := range v.Tag.Envs {
		notes = append(notes, "$"+name)
	}
	return v.Help + " (" + strings.Join(notes, ", ") + ")"
}

// wrong says on one line what was wrong.
func wrong(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if name, ok := strings.CutPrefix(text, "unexpected argument "); ok && called(err) == "boxoffice" {
		return "unknown command " + name
	}
	return text
}

// called is the command that was called wrongly, as far as it was understood.
func called(err error) string {
	var e *kong.ParseError
	if errors.As(err, &e) && e.Context != nil {
		if n := e.Context.Selected(); n != nil {
			return "boxoffice " + n.Path()
		}
	}
	return "boxoffice"
}
