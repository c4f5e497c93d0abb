package main

import (
	"runtime/debug"
	"testing"
)

// The version says what was recorded, and of what was not, why.
func TestBuilt(t *testing.T) {
	set := func(kv ...string) (list []debug.BuildSetting) {
		for i := 0; i < len(kv); i += 2 {
			list = append(list, debug.BuildSetting{Key: kv[i], Value: kv[i+1]})
		}
		return list
	}
	for _, c := range []struct {
		version  string
		settings []debug.BuildSetting
		want     string
	}{
		{"(devel)", nil, "boxoffice without a version, commit not recorded (go build in a clone records it, go run does not), go1.26.8"},
		{"", nil, "boxoffice without a version, commit not recorded (go build in a clone records it, go run does not), go1.26.8"},
		{"v1.2.0", set("vcs", "git", "vcs.revision", "f00d", "vcs.time", "2026-11-28T04:00:00Z", "vcs.modified", "false"), "boxoffice v1.2.0, commit f00d of 2026-11-28T04:00:00Z, go1.26.8"},
		{"v1.2.0+dirty", set("vcs.revision", "f00d", "vcs.modified", "true"), "boxoffice v1.2.0+dirty, commit f00d and changes, go1.26.8"},
	} {
		if got := built(&debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: c.version}, Settings: c.settings}); got != c.want {
			t.Errorf("%q\nwant %q", got, c.want)
		}
	}
}
