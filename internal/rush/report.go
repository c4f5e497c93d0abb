package rush

import (
	"fmt"
	"io"
	"math"
	"sort"
	"strings"

	"boxoffice/internal/codec"
)

// Report is the result of a rehearsal. Names ending in _ms are in milliseconds; hold
// requests are timed from when a fan meant to send them.
type Report struct {
	Fans             int     `json:"fans"`
	Seats            int     `json:"seats"`
	Sold             int64   `json:"sold"`
	Purchases        int64   `json:"purchases"`
	PurchasesPerS    float64 `json:"purchases_per_s"`
	HoldsPerS        float64 `json:"holds_per_s"`
	RejectsPerS      float64 `json:"rejects_per_s"`
	Seconds          float64 `json:"seconds"`
	SecondsToSellOut float64 `json:"seconds_to_sell_out"`
	P50              float64 `json:"p50_ms"`
	P95              float64 `json:"p95_ms"`
	P99              float64 `json:"p99_ms"`
	PurchaseP99      float64 `json:"purchase_p99_ms"`  // the whole purchase: from the first hold sent to the answer to the payment
	PaymentP99       float64 `json:"payment_p99_ms"`   // its payment alone, until it is answered
	CapturedMean     float64 `json:"captured_mean_ms"` // its payment until the money is taken, whether the answer waits for that or not
	CapturedP99      float64 `json:"captured_p99_ms"`
	CPUPerPurchase   float64 `json:"server_cpu_us_per_purchase"`
	DatabaseCPU      float64 `json:"database_cpu_us_per_purchase"` // of PostgreSQL; SQLite is within the server
	RushCPU          float64 `json:"rush_cpu_us_per_purchase"`     // of the load generator itself
	Nodes            int     `json:"nodes"`
	Requests         int64   `json:"requests"`
	Unavailable      int64   `json:"unavailable"` // answers of 503
	SentAgain        int64   `json:"sent_again"`  // requests that were repeated after a 503 or no answer
	Errors           int64   `json:"errors"`
	Messages         uint64  `json:"messages"`       // that services have sent each other
	MessageP99       float64 `json:"message_p99_ms"` // from a message's commit to that of what its consumer made of it, rounded up to a limit of the histogram; -1: longer than all of these
	Mails            int64   `json:"mails"`          // that the mail server had taken when the on-sale ended
	Viewers          int     `json:"viewers"`
	ViewerKiB        float64 `json:"viewer_kib"`   // server memory for each: resident set with all of them there, less that before they came
	DeltaP50         float64 `json:"delta_p50_ms"` // from the answer to a hold to the frame that tells of it, per frame and viewer
	DeltaP99         float64 `json:"delta_p99_ms"`
	DeltaMax         float64 `json:"delta_max_ms"`
	ViewerResumes    int64   `json:"viewer_resumes"` // connections that broke, on purpose or not, and were taken up again
	ViewerErrors     int64   `json:"viewer_errors"`
	DoubleSold       int     `json:"double_sold"`
	LostBookings     int     `json:"lost_bookings"`
	OrphanPayments   int     `json:"orphan_payments"`
	Charges          int     `json:"gateway_charges,omitempty"` // in the books of --gateway, which are part of the audit
	ChainOK          bool    `json:"chain_ok"`
	Interrupted      bool    `json:"interrupted"` // stopped early: the figures cover a part
	Audit            string  `json:"audit"`
	Scope            string  `json:"audit_scope"`
	Database         string  `json:"database"`
	Fsync            string  `json:"fsync"`
	Go               string  `json:"go"`
	CPUs             int     `json:"cpus"`

	events  []string
	faults  map[string]int
	checked *Audit
	watched *audience // nil: by nobody
}

func round1(v float64) float64 { return math.Round(v*10) / 10 }

// print writes the report: as one line of JSON, or formatted for people.
func (r *Report) print(out io.Writer, asJSON bool) {
	if asJSON {
		line, err := codec.Marshal(r)
		if err == nil { // numbers and strings
			fmt.Fprintf(out, "%s\n", line)
		}
		return
	}
	p := palette(out)
	rule := p.dim(strings.Repeat("─", 64))
	row := func(name, value string) { fmt.Fprintf(out, "  %-22s %s\n", name, value) }
	fmt.Fprintf(out, "\n%s\n  %s\n%s\n", rule, p.bold("boxoffice rush"), rule)
	if r.Interrupted {
		row("interrupted", "the figures are about the part before")
	}
	row("fans", thousands(int64(r.Fans)))
	if events := max(1, len(r.events)); events == 1 {
		row("seats", thousands(int64(r.Seats))+" in one event")
	} else {
		row("seats", fmt.Sprintf("%s each, %d events", thousands(int64(r.Seats)), events))
	}
	if r.Purchases > 0 {
		row("purchases", fmt.Sprintf("%s, %s seats, in %.1f s", p.bold(thousands(r.Purchases)), thousands(r.Sold), r.Seconds))
		row("rate", p.bold(thousands(int64(r.PurchasesPerS))+" purchases/s")+p.dim(fmt.Sprintf("   %s holds/s, %s refusals/s", thousands(int64(r.HoldsPerS)), thousands(int64(r.RejectsPerS)))))
	} else {
		row("rate", fmt.Sprintf("%s holds/s, %s refusals/s", thousands(int64(r.HoldsPerS)), thousands(int64(r.RejectsPerS))))
	}
	r.printTimes(row)
	r.printCosts(row)
	if r.SentAgain > 0 {
		row("sent again", fmt.Sprintf("%s, after %s answers of 503", thousands(r.SentAgain), thousands(r.Unavailable)))
	}
	if r.Viewers > 0 {
		row("viewers", fmt.Sprintf("%s, %.1f KiB of server memory each, %s came back, %s errors", thousands(int64(r.Viewers)), r.ViewerKiB, thousands(r.ViewerResumes), thousands(r.ViewerErrors)))
		row("seen after", fmt.Sprintf("p50 %.0f ms   p99 %.0f ms   max %.0f ms", r.DeltaP50, r.DeltaP99, r.DeltaMax))
	}
	if r.Messages > 0 {
		within := fmt.Sprintf("99 %% consumed within %.0f ms", r.MessageP99)
		if r.MessageP99 < 0 {
			within = "some took an hour or more"
		}
		row("messages", fmt.Sprintf("%s, %s", thousands(int64(r.Messages)), within))
	}
	if r.Mails > 0 {
		row("emails", thousands(r.Mails)+" taken by the mail server so far")
	}
	row("errors", thousands(r.Errors))
	r.printFaults(out)
	if r.Database != "" {
		row("database", fmt.Sprintf("%s, fsync %s", r.Database, r.Fsync))
	}
	row("machine", fmt.Sprintf("%d CPUs, %s, load generator beside the server", r.CPUs, r.Go))
	fmt.Fprintln(out, rule)
	r.printAudit(out, p)
	fmt.Fprintln(out, rule)
}

func (r *Report) printTimes(row func(name, value string)) {
	if r.SecondsToSellOut > 0 {
		row("sold out after", fmt.Sprintf("%.1f s", r.SecondsToSellOut))
	}
	row("hold", fmt.Sprintf("p50 %.1f ms   p95 %.1f ms   p99 %.1f ms", r.P50, r.P95, r.P99))
	if r.Purchases > 0 {
		row("pay", fmt.Sprintf("p99 %.1f ms   money taken after %.1f ms, p99 %.1f ms", r.PaymentP99, r.CapturedMean, r.CapturedP99))
		row("whole purchase", fmt.Sprintf("p99 %.1f ms", r.PurchaseP99))
	}
}

func (r *Report) printCosts(row func(name, value string)) {
	if r.CPUPerPurchase > 0 {
		row("server", fmt.Sprintf("%.0f µs of CPU per purchase", r.CPUPerPurchase))
	}
	if r.DatabaseCPU > 0 {
		row("PostgreSQL", fmt.Sprintf("%.0f µs of CPU per purchase", r.DatabaseCPU))
	}
	if r.RushCPU > 0 {
		row("load generator", fmt.Sprintf("%.0f µs of CPU per purchase", r.RushCPU))
	}
	if r.Nodes > 1 {
		row("nodes", fmt.Sprint(r.Nodes))
	}
}

func (r *Report) printFaults(out io.Writer) {
	texts := make([]string, 0, len(r.faults))
	for t := range r.faults {
		texts = append(texts, t)
	}
	sort.Slice(texts, func(i, j int) bool { return r.faults[texts[i]] > r.faults[texts[j]] })
	for _, t := range texts[:min(5, len(texts))] {
		fmt.Fprintf(out, "    %6d × %s\n", r.faults[t], t)
	}
}

func (r *Report) printAudit(out io.Writer, p colours) {
	if r.watched != nil {
		text := "every viewer saw the same, and in the end the seats as they are"
		if fault := r.watched.fault; fault != "" {
			text += ": " + fault
		}
		defer func() { fmt.Fprintf(out, "  %s %s\n", p.mark(r.watched.fault == ""), text) }()
	}
	if r.checked == nil {
		fmt.Fprintf(out, "  %s audit over HTTP: %s\n", p.mark(r.Audit == "ok"), r.Audit)
		return
	}
	if r.Charges > 0 {
		defer func() { fmt.Fprintf(out, "  the books of the gateway were compared, too: %d charges\n", r.Charges) }()
	}
	for _, f := range r.checked.Findings() {
		text := f.Promise
		if f.Fault != "" {
			text += ": " + f.Fault
		}
		fmt.Fprintf(out, "  %s %s\n", p.mark(f.Fault == ""), text)
	}
}

// thousands formats 12345 as 12,345.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
