package system

import (
	"encoding/json"
	"strings"
	"testing"

	"boxoffice/internal/rush"
	"boxoffice/internal/sqldb/sqldbtest"
)

// A whole evening at the doors, with copies, refunds, wrong clocks, partitions and restarts:
// every promise is kept.
func TestRehearseDoor(t *testing.T) {
	out, err := run(t, on(storage(t), "rehearse-door", "--gates", "6", "--tickets", "1200", "--duration", "8s", "--pace", "60", "--flood", "500ms", "--within", "20s", "--json")...)
	if err != nil {
		t.Fatal(err, out)
	}
	var r rush.DoorReport
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &r); err != nil {
		t.Fatal(err, out)
	}
	if r.Audit != "ok" || r.Scans < 400 || r.Alone == 0 || r.Refused == 0 || r.NodeRestarts != 2 || r.Checked == 0 || r.FloodScans == 0 ||
		r.ListBytes < 4*1200 || (r.Fsync != "on") != sqldbtest.OnPostgres(t) {
		t.Errorf("%+v", r)
	}
}
