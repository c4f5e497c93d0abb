package system

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"boxoffice/internal/caller"
	"boxoffice/internal/payment/sandbox/wire"
)

// generator makes a client of an OpenAPI document.
const generator = "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2"

// TestGeneratedClient walks through the whole API with a client that is made of
// /openapi.json there and then.
func TestGeneratedClient(t *testing.T) {
	if testing.Short() {
		t.Skip("generates and builds a client")
	}
	data := storage(t)
	root := accounts(t, data, 1, caller.Admin)[0]
	g := launch(t, program(t), "sandbox-gateway", "--addr", "127.0.0.1:0", "--data", t.TempDir(), "--latency", "0ms-5ms")
	s := serve(t, data, "--payments", "sandbox="+g.url) // the one in process sends no messages
	dir := t.TempDir()
	files, err := filepath.Glob("testdata/walk/*")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(f), ".txt") // a go.mod would hide the folder from this module's tools
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	res, err := http.Get(s.url + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	doc, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "openapi.json"), doc, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"run", generator, "-generate", "types,client", "-package", "main", "-o", filepath.Join(dir, "client.go"), filepath.Join(dir, "openapi.json")},
		{"run", ".", "-url", s.url, "-admin", root.Token, "-mails", filepath.Join(data.Data, "mail"), "-gateway-secret", wire.Secret},
	} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s\n%s", strings.Join(args, " "), err, out, s.log.String())
		}
		t.Logf("%s", out)
	}
	// Every operation of the document is walked through.
	walk, err := os.ReadFile("testdata/walk/main.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`"operationId":\s*"([a-z-]+)"`).FindAllStringSubmatch(string(doc), -1) {
		if strings.HasPrefix(m[1], "on-") {
			continue // the server sends it: see webhooks in the document
		}
		name := ""
		for _, part := range strings.Split(m[1], "-") {
			name += strings.ToUpper(part[:1]) + part[1:]
		}
		if !slices.ContainsFunc([]string{"WithResponse(", "WithBodyWithResponse(", "("}, func(end string) bool { return strings.Contains(string(walk), "."+name+end) }) {
			t.Errorf("operation %s is not walked through", m[1])
		}
	}
}
