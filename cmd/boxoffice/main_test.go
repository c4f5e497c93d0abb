package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// model is the command line as kong sees it.
func model(t *testing.T) *kong.Application {
	t.Helper()
	p, err := newParser(&cli{}, os.Stdout, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	return p.Model
}

// flags are the flags of a command, help aside.
func flags(n *kong.Node) (list []*kong.Flag) {
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			if f.Name != "help" {
				list = append(list, f)
			}
		}
	}
	return list
}

// Every flag has its variable and says in the help what it is when it is left
// out, and every command prints its help.
func TestFlags(t *testing.T) {
	for _, cmd := range model(t).Leaves(true) {
		var out, errs bytes.Buffer
		if status := run(append(strings.Fields(cmd.Path()), "--help"), nil, &out, &errs); status != 0 || errs.Len() > 0 {
			t.Errorf("%s --help: status %d, %s", cmd.Path(), status, errs.String())
		}
		help := strings.Join(strings.Fields(out.String()), " ")
		for _, f := range flags(cmd) {
			name := "BOXOFFICE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
			if len(f.Envs) != 1 || f.Envs[0] != name {
				t.Errorf("%s --%s has the variables %v, not %s", cmd.Path(), f.Name, f.Envs, name)
			}
			want := "default: " + f.Default
			switch {
			case f.Required:
				want = "$" + name
			case f.Tag.Has("unset"):
				want = "default: " + f.Tag.Get("unset")
			case f.IsBool():
				want = "default: off"
			case f.Default == "":
				want = "default: none"
			}
			text := describe(f.Value)
			if !strings.Contains(text, want) || !strings.Contains(text, "$"+name) {
				t.Errorf("%s --%s does not say %q and %q: %s", cmd.Path(), f.Name, want, name, text)
			}
			if !strings.Contains(help, "$"+name) {
				t.Errorf("the help of %s has no $%s", cmd.Path(), name)
			}
		}
	}
}

// Help that was asked for is no error, however one asks: it goes to stdout, and
// the status is 0.
func TestHelp(t *testing.T) {
	for _, c := range []struct {
		args, says string
	}{
		{"help", "Commands:"}, {"--help", "Commands:"}, {"-h", "Commands:"}, {"help help", "Describe a command"},
		{"help serve", "--addr"}, {"--log-level debug help serve", "--addr"}, {"help ledger", "ledger export"}, {"ledger -h", "ledger export"}, {"help ledger export", "--event"},
		{"rush --fans 7 -h", "--fans"}, {"import x.json --help", "--shift-to"}, {"--version", "commit"},
	} {
		var out, errs bytes.Buffer
		status := run(strings.Fields(c.args), nil, &out, &errs)
		if status != 0 || errs.Len() > 0 || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: status %d, stdout %q, stderr %q", c.args, status, out.String(), errs.String())
		}
	}
}

// Who calls the program wrongly is told so in one line on stderr, and by status 2.
func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{nil, "expected one of"},
		{[]string{"nothing"}, "unknown command nothing; see boxoffice --help"},
		{[]string{"sevre"}, "did you mean \"serve\"?"},
		{[]string{"help", "nothing"}, "unknown command nothing; see boxoffice --help"},
		{[]string{"ledger", "nothing"}, "see boxoffice ledger --help"},
		{[]string{"serve", "--nothing"}, "unknown flag --nothing; see boxoffice serve --help"},
		{[]string{"ledger", "export"}, "--event"},
		{[]string{"import"}, "file"},
		{[]string{"import", "--default-price", "a lot", "x.json"}, "--default-price"},
		{[]string{"import", "--shift-to", "May", "x.json"}, "2027-05-31"},
		{[]string{"rush", "--fans", "0"}, "--fans must be"},
		{[]string{"verify", "--database-url", "mysql://x"}, "only postgres"},
		{[]string{"verify", "--database-url", "postgres://ann:s3cret@h:99999/shop"}, "invalid port; it is postgres://USER:PASSWORD@HOST:PORT/DATABASE"},
		{[]string{"verify", "--database-url", "postgres://ann:s3%cret@h/shop"}, "in a password %25 for %"},
		{[]string{"verify", "--database-url", "postgres://ann@h/shop?pool_max_conns=abc"}, "?pool_max_conns=20"},
		{[]string{"verify", "--data", "d", "--event", "nope"}, "--event: \"nope\" is not an id, which has 16"},
		{[]string{"ledger", "export", "--data", "d", "--event", "nope"}, "--event: \"nope\" is not an id"},
		{[]string{"rush", "--event", "nope"}, "--event: \"nope\" is not an id"},
		{[]string{"admin", "reset-two-factor", "--data", "d", "--user", "nope"}, "--user: \"nope\" is not an id"},
		{[]string{"admin", "reset-two-factor", "--data", "d", "--email", "nope"}, "--email: \"nope\" is not"},
		{[]string{"admin", "create", "--data", "d", "--email", "nope"}, "--email: \"nope\" is not"},
		{[]string{"bus", "dead", "drop", "--data", "d"}, "give the names of dead letters, or --all"},
		{[]string{"bus", "dead", "show", "--data", "d", "nope"}, "\"nope\" is not the name of a dead letter"},
		{[]string{"serve", "--nats-url", "http://x"}, "--nats-url: an address is not one of a NATS server"},
		{[]string{"serve", "--rate-limit", "-1"}, "--rate-limit: -1 is less than 0"},
		{[]string{"serve", "--log-level", "loud"}, "--log-level: \"loud\" is not a level; give debug, info, warn or error"},
		{[]string{"serve", "--public-url", "tickets.example"}, "did you mean https://tickets.example?"},
	} {
		var out, errs bytes.Buffer
		status := run(c.args, nil, &out, &errs)
		if status != 2 || out.Len() > 0 || strings.Count(errs.String(), "\n") != 1 || !strings.Contains(errs.String(), c.says) {
			t.Errorf("%v: status %d, stdout %q, stderr %q", c.args, status, out.String(), errs.String())
		}
	}
	t.Setenv("BOXOFFICE_RATE_LIMIT", "many")
	var errs bytes.Buffer
	if status := run([]string{"serve"}, nil, &errs, &errs); status != 2 || !strings.Contains(errs.String(), "BOXOFFICE_RATE_LIMIT") {
		t.Errorf("a wrong variable: status %d, %s", status, errs.String())
	}
	t.Setenv("BOXOFFICE_RATE_LIMIT", "7")
	t.Setenv("BOXOFFICE_PUBLIC_URL", "tickets.example")
	errs.Reset()
	if status := run([]string{"serve"}, nil, &errs, &errs); status != 2 || !strings.Contains(errs.String(), "BOXOFFICE_PUBLIC_URL") {
		t.Errorf("a wrong variable: status %d, %s", status, errs.String())
	}
}

// A command has one database: a flag counts for more than a variable, PostgreSQL for
// more than a folder, and two flags are refused to all commands but serve.
func TestOneDatabase(t *testing.T) {
	const here, there = "here-folder", "postgres://ann@h/shop"
	for _, cmd := range model(t).Leaves(true) {
		var data, url *kong.Flag
		for _, f := range flags(cmd) {
			switch f.Name {
			case "data":
				data = f
			case "database-url":
				url = f
			}
		}
		if data == nil || url == nil {
			continue
		}
		name := strings.Fields(cmd.Path())
		for _, f := range flags(cmd) {
			if f.Required {
				name = append(name, "--"+f.Name, "x")
			}
		}
		switch cmd.Path() {
		case "import":
			name = append(name, "x.json")
		case "bus dead show":
			name = append(name, "notify/payments/key/id")
		}
		for _, c := range []struct {
			data, url bool // by flag
			variables map[string]string
			want      string // folder and server; "": refused
		}{
			{true, false, map[string]string{url.Envs[0]: there}, here + " "},
			{false, true, map[string]string{data.Envs[0]: here}, here + " " + there},
			{true, false, map[string]string{url.Envs[0]: there, data.Envs[0]: "other"}, here + " "},
			{true, true, nil, map[bool]string{true: here + " " + there}[cmd.Path() == "serve"]},
			{false, false, map[string]string{url.Envs[0]: there, data.Envs[0]: here}, here + " " + there},
		} {
			t.Run("", func(t *testing.T) {
				args := slices.Clone(name)
				if c.data {
					args = append(args, "--data", here)
				}
				if c.url {
					args = append(args, "--database-url", there)
				}
				for name, value := range c.variables {
					t.Setenv(name, value)
				}
				p, err := newParser(&cli{}, os.Stdout, os.Stderr)
				if err != nil {
					t.Fatal(err)
				}
				k, err := p.Parse(args)
				if c.want == "" {
					if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "two databases") {
						t.Errorf("%v %v: %v", args, c.variables, err)
					}
					return
				}
				if err != nil {
					t.Fatalf("%v: %v", args, err)
				}
				value := map[string]string{}
				for _, f := range k.Flags() {
					value[f.Name] = f.Target.String()
				}
				got := value["data"] + " " + value["database-url"]
				if got != c.want {
					t.Errorf("%v %v: the database is %q, not %q", args, c.variables, got, c.want)
				}
			})
		}
	}
}

// A replica of a variable is that of the database beside it, and of no other.
func TestOneReplica(t *testing.T) {
	const here, there, replica = "postgres://ann@h/shop", "postgres://ann@h/restored", "postgres://ann@r/shop"
	for _, c := range []struct {
		flags []string
		url   string // variable
		want  string
	}{
		{[]string{"--database-url", there}, here, ""},
		{[]string{"--database-url", here}, here, replica},
		{[]string{"--database-url", there}, "", replica},
		{[]string{"--database-url", there, "--replica-url", "postgres://r"}, here, "postgres://r"},
		{nil, here, replica},
		{[]string{"--data", "d"}, here, ""},
	} {
		t.Run("", func(t *testing.T) {
			t.Setenv("BOXOFFICE_REPLICA_URL", replica)
			if c.url != "" {
				t.Setenv("BOXOFFICE_DATABASE_URL", c.url)
			}
			var got cli
			p, err := newParser(&got, os.Stdout, os.Stderr)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Parse(append([]string{"serve"}, c.flags...)); err != nil {
				t.Fatal(err)
			}
			if got.Serve.ReplicaURL != c.want {
				t.Errorf("%v beside %q: the replica is %q, not %q", c.flags, c.url, got.Serve.ReplicaURL, c.want)
			}
		})
	}
}

// A PostgreSQL that cannot be reached, or has nothing to read, is told in one line
// that says which and why.
func TestUnreachable(t *testing.T) {
	for url, says := range map[string]string{
		"postgres://ann:s3cret@127.0.0.1:1/shop":             "as user ann to database shop: 127.0.0.1:1: connection refused\n",
		"postgres://ann@127.0.0.1:1,127.0.0.1:2/shop":        "shop: 127.0.0.1:1: connection refused; 127.0.0.1:2: connection refused\n",
		"postgres://ann@/shop?host=/nowhere":                 "shop: /nowhere/.s.PGSQL.5432: no such file or directory\n",
		"postgres://ann:s3cret@127.0.0.1:1/shop?sslmode=off": "--database-url: ",
	} {
		for _, args := range [][]string{{"verify"}, {"serve", "--addr", "127.0.0.1:0"}, {"admin", "create", "--email", "a@example.org"}, {"rush"}} {
			var out, errs bytes.Buffer
			want := 1
			if strings.HasPrefix(says, "--") {
				want = 2
			}
			status := run(append(args, "--database-url", url), nil, &out, &errs)
			if status != want || strings.Count(errs.String(), "\n") != 1 || !strings.Contains(errs.String(), says) || strings.Contains(errs.String(), "s3cret") {
				t.Errorf("%v %s: status %d, %s", args, url, status, errs.String())
			}
		}
	}
}

// What is wrong with flags, arguments and files is found before anything is made: a
// folder that was not there is not there afterwards.
func TestNothingIsTouched(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	data := filepath.Join(dir, "data")
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"admin", "create", "--email", "nobody"}, 2, `--email: "nobody" is not an e-mail address`},
		{[]string{"admin", "reset-two-factor", "--email", "nobody"}, 2, `--email: "nobody" is not an e-mail address`},
		{[]string{"admin", "reset-two-factor", "--email", "ann@example.org"}, 1, "--data"},
		{[]string{"ticket", "keys"}, 1, "--data"},
		{[]string{"bus", "dead", "list"}, 1, "--data"},
		{[]string{"bus", "dead", "replay", "--all"}, 1, "--data"},
		{[]string{"ticket", "keys", "--new"}, 1, "--data"},
		{[]string{"verify"}, 1, "--data"},
		{[]string{"ledger", "export", "--event", "0000000000000001"}, 1, "--data"},
		{[]string{"import", filepath.Join(dir, "missing.json")}, 1, "missing.json"},
		{[]string{"import", file("text.json", "events")}, 1, "is not JSON"},
		{[]string{"import", file("none.json", `{"_embedded":{"events":[{}]}}`)}, 1, "none.json"},
		{[]string{"import", "--default-price", "much", file("no.json", `{}`)}, 2, "--default-price"},
		{[]string{"serve", "--addr", "nowhere"}, 2, "--addr"},
		{[]string{"serve", "--replica-url", "postgres:///x"}, 2, "--replica-url"},
		{[]string{"rush", "--fans", "0"}, 2, "--fans"},
		{[]string{"rush", "--fans", "10", "--event", "0000000000000001"}, 1, "--data"},
	} {
		var out, errs bytes.Buffer
		status := run(append(c.args, "--data", data), nil, &out, &errs)
		if status != c.status || !strings.Contains(errs.String(), c.says) || strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%v: status %d, %s", c.args, status, errs.String())
		}
		if _, err := os.Stat(data); err == nil {
			t.Errorf("%v has made the folder", c.args)
			if err := os.RemoveAll(data); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A flag, an argument or a variable without a value is none that was left out:
// it is refused, for every command.
func TestEmptyValues(t *testing.T) {
	refused := func(says string, args ...string) {
		t.Helper()
		p, err := newParser(&cli{}, os.Stdout, os.Stderr) // what is not refused must not run
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Parse(args); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", args, err)
		}
	}
	for _, cmd := range model(t).Leaves(true) {
		name := strings.Fields(cmd.Path())
		for _, f := range flags(cmd) {
			if f.IsBool() || cmd.Path() == "help" {
				continue
			}
			refused("--"+f.Name, append(slices.Clone(name), "--"+f.Name+"=")...)
			t.Run(f.Envs[0], func(t *testing.T) {
				t.Setenv(f.Envs[0], "")
				args := slices.Clone(name)
				if cmd.Path() == "import" {
					args = append(args, "x.json")
				}
				refused(f.Envs[0], args...)
			})
		}
	}
	refused("file", "import", "")
	refused("--trusted-proxies", "serve", "--trusted-proxies", "10.0.0.0/8,,")
	t.Setenv("BOXOFFICE_DATABASE_URL", "") // a flag beside it counts
	var out, errs bytes.Buffer
	if status := run([]string{"verify", "--database-url", "mysql://x"}, nil, &out, &errs); status != 2 || !strings.Contains(errs.String(), "only postgres") {
		t.Errorf("status %d, %s", status, errs.String())
	}
	errs.Reset()
	if status := run([]string{"serve", "--help"}, nil, &out, &errs); status != 0 || errs.Len() > 0 {
		t.Errorf("help: status %d, %s", status, errs.String())
	}
}

// A variable that looks like ours and that no command knows is told at the start,
// with the nearest one and without its value; what platforms set is not.
func TestUnknownVariables(t *testing.T) {
	for name, value := range map[string]string{
		"BOXOFFICE_SERVICE_HOST": "10.0.0.1", "BOXOFFICE_SERVICE_PORT": "80", "BOXOFFICE_SERVICE_PORT_HTTP": "80",
		"BOXOFFICE_PORT": "tcp://10.0.0.1:80", "BOXOFFICE_PORT_80_TCP": "tcp://10.0.0.1:80", "BOXOFFICE_PORT_80_TCP_PROTO": "tcp",
		"BOXOFFICE_PORT_80_TCP_PORT": "80", "BOXOFFICE_PORT_80_TCP_ADDR": "10.0.0.1",
		"BOXOFFICE_OPS_SERVICE_HOST": "10.0.0.2", "BOXOFFICE_OPS_PORT": "tcp://10.0.0.2:90",
		"BOXOFFICE_SEATS": "7", // of another command
		"BOXOFFICE_DATA":  "x", "BOXOFFICE_LOG_LEVEL": "warn", "BOXOFFICE_TEST_DATABASE": "sqlite", "MY_BOXOFFICE_DATA": "x",
	} {
		t.Setenv(name, value)
	}
	told := func() string {
		t.Helper()
		var out, errs bytes.Buffer
		if status := run([]string{"version"}, nil, &out, &errs); status != 0 {
			t.Fatalf("status %d, %s", status, errs.String())
		}
		return errs.String()
	}
	if text := told(); text != "" {
		t.Errorf("told %q", text)
	}
	for name, nearest := range map[string]string{
		"BOXOFFICE_PUBLC_URL":       "BOXOFFICE_PUBLIC_URL",
		"BOXOFFICE_TRUSTED_PROXIE":  "BOXOFFICE_TRUSTED_PROXIES",
		"BOXOFFICE_DATABASE":        "BOXOFFICE_DATABASE_URL",
		"BOXOFFICE_PORT":            "BOXOFFICE_",
		"BOXOFFICE_REQUIRE_2FACTOR": "BOXOFFICE_REQUIRE_TWO_FACTOR",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "s3cret")
			text := told()
			if strings.Count(text, "\n") != 1 || !strings.Contains(text, "WARN") || !strings.Contains(text, name+" is ignored") ||
				!strings.Contains(text, "is "+nearest) || strings.Contains(text, "s3cret") {
				t.Errorf("told %q, want %s and the nearest, %s", text, name, nearest)
			}
		})
	}
}

func TestVersion(t *testing.T) {
	var out bytes.Buffer
	if status := run([]string{"version"}, nil, &out, &out); status != 0 || !regexp.MustCompile(`^boxoffice .+, commit .+, go1\..+\n$`).MatchString(out.String()) {
		t.Errorf("%d %q", status, out.String())
	}
}

// foreign are flags of other programs that the documentation shows.
var foreign = []string{"arg", "dbname", "exit-on-error", "file", "format"}

// The documentation speaks of no flag that there is not, and has a row for each
// of serve's and the rehearsals', with its default.
func TestDocumentedFlags(t *testing.T) {
	known := map[string]bool{"help": true}
	for _, f := range foreign {
		known[f] = true
	}
	rows := map[string]string{"serve": "operations.md", "rush": "rehearsal.md", "rehearse-door": "rehearse-door.md"}
	for _, cmd := range model(t).Leaves(true) {
		var text string
		if page := rows[cmd.Path()]; page != "" {
			text = read(t, filepath.Join("../../docs", page))
		}
		for _, f := range flags(cmd) {
			known[f.Name] = true
			row := regexp.MustCompile("(?m)^\\| `--" + f.Name + "[ `].*$").FindString(text)
			if rows[cmd.Path()] == "" || f.Name == "log-level" {
				continue
			}
			if row == "" {
				t.Errorf("docs/%s has no row for --%s of %s", rows[cmd.Path()], f.Name, cmd.Path())
			} else if f.Default != "" && !f.IsBool() && !strings.Contains(row, "`"+f.Default+"`") {
				t.Errorf("docs/%s does not say that --%s is %s when it is left out: %s", rows[cmd.Path()], f.Name, f.Default, row)
			}
		}
	}
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) < 5 {
		t.Fatal(pages, err)
	}
	for _, page := range append(pages, "../../README.md") {
		for _, m := range regexp.MustCompile("(?:^|[\\s`(|])--([a-z][a-z-]+)").FindAllStringSubmatch(read(t, page), -1) {
			if !known[m[1]] {
				t.Errorf("%s speaks of --%s, which there is not", page, m[1])
			}
		}
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
