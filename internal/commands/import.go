package commands

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"boxoffice/internal/event/importer"
	"boxoffice/internal/money"
	"boxoffice/internal/settings"
)

// Import reads events and seating plans out of files.
type Import struct {
	settings.Storage
	ShiftTo      string   `help:"Move the dates of events and sales together, so that the first event is on this date. Example: 2027-05-31." placeholder:"DATE"`
	DefaultPrice string   `help:"Price of events without one. Example: 50.00USD." placeholder:"AMOUNT"`
	Strict       bool     `help:"Refuse a Discovery page if any of its events, or part of one, cannot be imported. Without this flag, the rest is imported, and everything that is left out is printed."`
	Files        []string `arg:"" name:"file" help:"Ticketmaster Discovery pages, pretix seating plans, or boxoffice's own JSON; the content decides which."`
}

// Run imports the files, all or none.
func (i Import) Run(ctx context.Context, o Office, out io.Writer, log *slog.Logger) (err error) {
	opts := importer.Options{ShiftTo: i.ShiftTo, Strict: i.Strict}
	if _, err := time.Parse(time.DateOnly, i.ShiftTo); i.ShiftTo != "" && err != nil {
		return settings.BadFlag("--shift-to", "%q is not a date such as 2027-05-31", i.ShiftTo)
	}
	if i.DefaultPrice != "" {
		if opts.DefaultPrice, opts.Currency, err = money.Parse(i.DefaultPrice); err != nil {
			return settings.BadFlag("--default-price", "%w", err)
		}
	}
	files := make([]importer.File, len(i.Files))
	for n, name := range i.Files {
		if files[n], err = readFile(name); err != nil {
			return err
		}
	}
	if _, err := importer.Read(files, opts); err != nil {
		return err
	}
	return o.perform(ctx, i.Storage, "import", &importing{files, opts}, out, log)
}

func readFile(name string) (importer.File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return importer.File{}, err
	}
	if info.Size() > importer.MaxFile {
		return importer.File{}, importer.FileError{File: name, Reason: fmt.Sprintf("is larger than %d MiB", importer.MaxFile>>20)}
	}
	data, err := os.ReadFile(name)
	return importer.File{Name: name, Data: data}, err
}

// importing is the import of files, which are read where it was asked for.
type importing struct {
	Files   []importer.File
	Options importer.Options
}

func (i *importing) Do(ctx context.Context, s *Services, out io.Writer) error {
	sum, err := s.Events.Import(ctx, i.Files, i.Options)
	if err != nil {
		return err
	}
	for _, note := range sum.Notes {
		fmt.Fprintln(out, note)
	}
	fmt.Fprintf(out, "%s: %d new, %d updated, %d unchanged\n", settings.Counted(sum.New+sum.Updated+sum.Unchanged, "event", "events"), sum.New, sum.Updated, sum.Unchanged)
	if sum.Plans > 0 {
		fmt.Fprintf(out, "%s with %s: %d new, %d unchanged\n", settings.Counted(sum.Plans, "seating plan", "seating plans"), settings.Counted(sum.Seats, "seat", "seats"), sum.Plans-sum.KnownPlans, sum.KnownPlans)
	}
	for _, ref := range sum.Refs {
		fmt.Fprintf(out, "  %s: {\"id\": %q, \"version\": %d}, %s\n", ref.Name, ref.ID, ref.Version, settings.Counted(ref.Seats, "seat", "seats"))
	}
	return nil
}
