package commands

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/money"
	"boxoffice/internal/paymentapi"
	"boxoffice/internal/settings"
)

// Reconciler compares days with the payment gateway's list.
type Reconciler interface {
	Reconcile(ctx context.Context, day time.Time) (*paymentapi.DayReport, error)
}

// Reconcile compares a day with the payment gateway's list.
type Reconcile struct {
	settings.Storage
	Day      string `help:"The day in UTC, such as 2027-05-31, today or yesterday." default:"yesterday" placeholder:"DATE"`
	Payments string `help:"Payment gateway, as serve has it. A server that has the database open uses its own." unset:"none: only the payments and the journal are compared" placeholder:"GATEWAY"`
	JSON     bool   `name:"json" help:"Print the report as one line of JSON."`
}

// Run prints what was compared and what could not be explained; then it fails.
func (r Reconcile) Run(ctx context.Context, o Office, out io.Writer) error {
	day, err := r.day(time.Now())
	if err != nil {
		return err
	}
	if err := o.used(ctx, r.Storage); err != nil {
		return err
	}
	o.Payments = r.Payments
	return o.perform(ctx, r.Storage, "reconcile", &reconciling{Day: day, JSON: r.JSON}, out, slog.Default())
}

func (r Reconcile) day(now time.Time) (time.Time, error) {
	today := now.UTC().Truncate(24 * time.Hour)
	switch r.Day {
	case "today":
		return today, nil
	case "yesterday":
		return today.AddDate(0, 0, -1), nil
	}
	day, err := time.Parse(time.DateOnly, r.Day)
	if err != nil {
		return day, settings.BadFlag("--day", "%q is not a day; give one such as 2027-05-31, today or yesterday", r.Day)
	}
	return day, nil
}

// reconciling compares a day.
type reconciling struct {
	Day  time.Time
	JSON bool
}

func (r *reconciling) Do(ctx context.Context, s *Services, out io.Writer) error {
	report, err := s.Payments.Reconcile(ctx, r.Day)
	if err != nil {
		return err
	}
	if r.JSON {
		if err := codec.Write(out, report); err != nil {
			return err
		}
	} else if err := show(out, report); err != nil {
		return err
	}
	if !report.OK() {
		return fmt.Errorf("%s of %s could not be explained", settings.Counted(report.Count(), "thing", "things"), r.Day.Format(time.DateOnly))
	}
	return nil
}

// show prints a report for people.
func show(out io.Writer, r *paymentapi.DayReport) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "compared: %s of the gateway, %s, %s\n", settings.Counted(r.Lines, "line", "lines"),
		settings.Counted(r.Payments, "payment", "payments"), settings.Counted(r.Postings, "posting of the journal", "postings of the journal"))
	if r.Unlisted {
		fmt.Fprintln(table, "the gateway has no list of what it has done: only the payments and the journal were compared")
	}
	if r.Asked > 0 {
		fmt.Fprintf(table, "the gateway was asked about %s\n", settings.Counted(r.Asked, "payment", "payments"))
	}
	var explained []string
	for _, how := range slices.Sorted(maps.Keys(r.Explained)) {
		explained = append(explained, fmt.Sprintf("%d %s", r.Explained[how], how))
	}
	if len(explained) > 0 {
		fmt.Fprintf(table, "explained: %s\n", strings.Join(explained, ", "))
	}
	for _, sum := range r.Sums {
		fmt.Fprintf(table, "%s: captured %s, refunded %s, disputed %s, won %s, fees %s, paid out %s\n", sum.Currency, decimal(sum.Captured, sum.Currency), decimal(sum.Refunded, sum.Currency),
			decimal(sum.Disputed, sum.Currency), decimal(sum.DisputeWon, sum.Currency), decimal(sum.Fees, sum.Currency), decimal(sum.Payout, sum.Currency))
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		fmt.Fprintf(table, "%s\t%s\t%s\tthere %s\there %s\t%s\n", f.At.UTC().Format(time.RFC3339), f.Kind, about(f), decimal(f.Amount, f.Currency), decimal(f.Expected, f.Currency), f.Says)
	}
	if more := r.Count() - int64(len(r.Findings)); more > 0 {
		fmt.Fprintf(table, "and %d more\n", more)
	}
	if r.OK() {
		fmt.Fprintln(table, "ok: everything is explained")
	}
	return table.Flush()
}

// about names what a finding is about.
func about(f *paymentapi.Finding) string {
	for _, name := range []string{f.PaymentID, f.Charge, f.Reference, f.Line, f.Refund} {
		if name != "" {
			return name
		}
	}
	return "-"
}

// decimal is an amount with its currency.
func decimal(minor int64, currency string) string { return money.Format(minor, currency) }
