// Command boxoffice is a ticket office for high-demand on-sales.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // venues' zones, also where the system has none

	"github.com/alecthomas/kong"

	"boxoffice/internal/app"
)

// cli is the command line. All flags can be given as BOXOFFICE_* variables too.
type cli struct {
	LogLevel slog.Level `help:"Least severe messages to log: debug, info, warn or error." default:"info" env:"BOXOFFICE_LOG_LEVEL"`

	Serve  app.Serve  `cmd:"" help:"Run a node."`
	Import app.Import `cmd:"" help:"Import events and seating plans."`
	Verify app.Verify `cmd:"" help:"Replay the ledger against the tables."`
	Ledger struct {
		Export app.Export `cmd:"" help:"Write an event's ledger as NDJSON, one entry a line."`
	} `cmd:"" help:"Work with ledgers."`
	Admin struct {
		Create app.CreateAdmin `cmd:"" help:"Create an administrator; prints the password once."`
	} `cmd:"" help:"Administrate accounts."`
	Ticket struct {
		Verify app.TicketVerify `cmd:"" help:"Check tickets as a gate does, without a network."`
		Keys   app.TicketKeys   `cmd:"" help:"Print the public keys that tickets are checked with."`
	} `cmd:"" help:"Work with tickets."`
	OpenAPI app.OpenAPI `cmd:"" name:"openapi" help:"Print the API's OpenAPI document."`
	Rush    app.Rush    `cmd:"" help:"Rehearse an on-sale with thousands of simulated fans, then audit it."`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "boxoffice:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var c cli
	parser, err := kong.New(&c, kong.Name("boxoffice"),
		kong.Description("A ticket office for high-demand on-sales: every seat is sold at most once."),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		return err
	}
	k, err := parser.Parse(args)
	parser.FatalIfErrorf(err)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: c.LogLevel}))
	switch k.Command() {
	case "serve":
		return c.Serve.Run(ctx, os.Stdout, log)
	case "verify":
		return c.Verify.Run(ctx, os.Stdout)
	case "ledger export":
		return c.Ledger.Export.Run(ctx, os.Stdout)
	case "admin create":
		return c.Admin.Create.Run(ctx, os.Stdout)
	case "ticket verify", "ticket verify <token>":
		return c.Ticket.Verify.Run(os.Stdin, os.Stdout)
	case "ticket keys":
		return c.Ticket.Keys.Run(ctx, os.Stdout)
	case "openapi":
		return c.OpenAPI.Run(ctx, os.Stdout)
	case "rush":
		return c.Rush.Run(ctx, os.Stdout, os.Stderr)
	default: // import <file>…
		return c.Import.Run(ctx, os.Stdout, log)
	}
}
