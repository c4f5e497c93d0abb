package rush

import (
	"fmt"
	"io"
	"strings"

	"boxoffice/internal/codec"
)

// DoorReport is the result of a rehearsal of the door. Names ending in _ms are in
// milliseconds.
type DoorReport struct {
	Gates   int `json:"gates"`
	Tickets int `json:"tickets"`
	Nodes   int `json:"nodes"`

	ListMs    float64 `json:"cold_list_ms"`    // a device's first request for the list, which the node then makes
	ListBytes int64   `json:"cold_list_bytes"` // on the wire, with headers
	SyncMs    float64 `json:"cold_sync_ms"`    // all that a new device reads: rules, list, plan, scans
	SyncBytes int64   `json:"cold_sync_bytes"`
	SyncAll   float64 `json:"cold_sync_all_ms"` // the longest of all gates at once

	Scans         int64   `json:"scans"`
	Refused       int64   `json:"refused"`
	Alone         int64   `json:"decided_alone"`
	AdmittedAlone int64   `json:"admitted_alone"`
	AskP50        float64 `json:"ask_p50_ms"` // from the question to the answer, of those that were answered in time
	AskP99        float64 `json:"ask_p99_ms"`
	AskMax        float64 `json:"ask_max_ms"`
	AloneP50      float64 `json:"alone_p50_ms"` // to decide alone
	AloneP99      float64 `json:"alone_p99_ms"`
	AloneMax      float64 `json:"alone_max_ms"`
	Doubles       int     `json:"doubles"` // tickets that let in two, one of them alone
	HealingP50    float64 `json:"healing_p50_ms"`
	HealingP99    float64 `json:"healing_p99_ms"` // from the healing of a partition until a double is reported
	HealingMax    float64 `json:"healing_max_ms"`
	Inside        int     `json:"inside"`
	Entered       int     `json:"entered"`
	GateRestarts  int64   `json:"gate_restarts"`
	NodeRestarts  int     `json:"node_restarts"`
	Checked       int     `json:"checked"` // scans in histories that were checked for linearizability

	FloodScans  int64   `json:"flood_scans"`
	FloodPerS   float64 `json:"flood_scans_per_s"`
	FloodP50    float64 `json:"flood_p50_ms"`
	FloodP99    float64 `json:"flood_p99_ms"`
	CPUPerScan  float64 `json:"server_cpu_us_per_scan"`
	DatabaseCPU float64 `json:"database_cpu_us_per_scan"` // of PostgreSQL; SQLite is within the server

	Audit    string `json:"audit"`
	Database string `json:"database"`
	Fsync    string `json:"fsync"`
	Go       string `json:"go"`
	CPUs     int    `json:"cpus"`

	findings findings
}

// print writes the report: as one line of JSON, or formatted for people.
func (r *DoorReport) print(out io.Writer, asJSON bool) {
	if asJSON {
		line, err := codec.Marshal(r)
		if err == nil { // numbers and strings
			fmt.Fprintf(out, "%s\n", line)
		}
		return
	}
	p := palette(out)
	rule := p.dim(strings.Repeat("─", 64))
	row := func(name, format string, args ...any) {
		fmt.Fprintf(out, "  %-22s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(out, "\n%s\n  %s\n%s\n", rule, p.bold("boxoffice rehearse-door"), rule)
	row("gates", "%d, clocks wrong by up to 5 minutes, %s restarts; %d restarts of nodes", r.Gates, thousands(r.GateRestarts), r.NodeRestarts)
	row("tickets", "%s sold, %s scans, %s refused, %s inside", thousands(int64(r.Tickets)), thousands(r.Scans), thousands(r.Refused), thousands(int64(r.Inside)))
	row("first list", "%.0f ms, %s bytes", r.ListMs, thousands(r.ListBytes))
	row("a new device", "%.0f ms, %s bytes with the plan; %d at once %.0f ms", r.SyncMs, thousands(r.SyncBytes), r.Gates, r.SyncAll)
	row("ask a node", "%s", p.bold(fmt.Sprintf("p50 %.1f ms   p99 %.1f ms", r.AskP50, r.AskP99))+p.dim(fmt.Sprintf("   max %.1f ms", r.AskMax)))
	row("decide alone", "p50 %.2f ms   p99 %.2f ms   max %.2f ms   %s times", r.AloneP50, r.AloneP99, r.AloneMax, thousands(r.Alone))
	row("let in two", "%d tickets, known after healing: p50 %.0f ms   p99 %.0f ms   max %.0f ms", r.Doubles, r.HealingP50, r.HealingP99, r.HealingMax)
	if r.FloodScans > 0 {
		row("as fast as it goes", "%s", p.bold(thousands(int64(r.FloodPerS))+" scans/s")+p.dim(fmt.Sprintf("   p50 %.1f ms, p99 %.1f ms, %d devices", r.FloodP50, r.FloodP99, turnstiles)))
		row("server", "%.0f µs of CPU per scan", r.CPUPerScan)
		if r.DatabaseCPU > 0 {
			row("PostgreSQL", "%.0f µs of CPU per scan", r.DatabaseCPU)
		}
	}
	if r.Nodes > 1 {
		row("nodes", "%d", r.Nodes)
	}
	row("database", "%s, fsync %s", r.Database, r.Fsync)
	row("machine", "%d CPUs, %s, gates beside the server", r.CPUs, r.Go)
	fmt.Fprintln(out, rule)
	for i, fault := range r.findings.first {
		text := doorPromise[i]
		if fault != "" {
			text += fmt.Sprintf(": %s (%d times)", fault, r.findings.count[i])
		}
		fmt.Fprintf(out, "  %s %s\n", p.mark(fault == ""), text)
	}
	fmt.Fprintf(out, "  %s\n", p.dim(fmt.Sprintf("%s scans were checked by porcupine", thousands(int64(r.Checked)))))
	fmt.Fprintln(out, rule)
}
