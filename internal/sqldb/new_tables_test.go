package sqldb

import "testing"

// Parts of migrations for new tables are carried out there only.
func TestNewTables(t *testing.T) {
	const text = "A;\n/*postgres new: B;\nC;*/\n/*postgres: D;*/"
	if got := newTables(text, true); got != "A;\n/*postgres: B;\nC;*/\n/*postgres: D;*/" {
		t.Error(got)
	}
	if got := newTables(text, false); got != "A;\n\n/*postgres: D;*/" {
		t.Error(got)
	}
}
