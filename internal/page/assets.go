package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"boxoffice/internal/codec"
)

//go:embed dist static
var assetFiles embed.FS

// asset is one file that pages load.
type asset struct {
	path        string // where it is served: with a piece of its hash in its name
	contentType string
	plain, gzip []byte // gzip: nil where it would not be smaller
}

// assets are the embedded files, by name and by the path at which they are served.
type assets struct{ byName, byPath map[string]*asset }

var contentTypes = map[string]string{
	".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
	".png": "image/png", ".webmanifest": "application/manifest+json",
}

func loadAssets() (*assets, error) {
	a := &assets{map[string]*asset{}, map[string]*asset{}}
	for _, dir := range []string{"dist", "static"} {
		files, err := fs.ReadDir(assetFiles, dir)
		if err != nil {
			return nil, fmt.Errorf("assets: %w", err)
		}
		for _, f := range files {
			if f.IsDir() {
				continue
			}
			raw, err := assetFiles.ReadFile(dir + "/" + f.Name())
			if err != nil {
				return nil, fmt.Errorf("assets: %w", err)
			}
			if err := a.add(f.Name(), raw); err != nil {
				return nil, err
			}
		}
	}
	return a, a.addWorkers()
}

// workers are the service workers, each with the assets that its pages need without a
// network: sw.js those of all pages, gate-sw.js those of the check-in app.
var workers = map[string][]string{
	"sw.js":      {"app.js", "style.css", "icon.svg", "icon-192.png"},
	"gate-sw.js": {"gate.js", "gate-decoder.js", "gate.css", "gate.svg", "gate-192.png", "gate.webmanifest"},
}

// addWorkers prepends to the service workers the paths of their assets, and a hash of all
// assets and words. Browsers install a new worker when its bytes change.
func (a *assets) addWorkers() error {
	sum := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(a.byPath)) {
		sum.Write([]byte(path))
	}
	err := fs.WalkDir(wordFiles, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := wordFiles.ReadFile(name)
		sum.Write(raw)
		return err
	})
	if err != nil {
		return fmt.Errorf("assets: %w", err)
	}
	version := hex.EncodeToString(sum.Sum(nil)[:5])
	for worker, offline := range workers {
		if err := a.addWorker(worker, version, offline); err != nil {
			return err
		}
	}
	return nil
}

func (a *assets) addWorker(worker, version string, offline []string) error {
	build := struct {
		Version string   `json:"version"`
		Assets  []string `json:"assets"`
	}{Version: version}
	for _, name := range offline {
		build.Assets = append(build.Assets, a.byName[name].path)
	}
	raw, err := codec.Marshal(build)
	if err != nil {
		return fmt.Errorf("assets: %w", err)
	}
	return a.add(worker, fmt.Appendf(nil, "self.boxoffice=%s;\n%s", raw, a.byName[worker].plain))
}

func (a *assets) add(name string, raw []byte) error {
	sum := sha256.Sum256(raw)
	ext := path.Ext(name)
	one := &asset{plain: raw, contentType: contentTypes[ext],
		path: "/assets/" + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:5]) + ext}
	if one.contentType == "" {
		return fmt.Errorf("assets: %s has no content type", name)
	}
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(raw); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if buf.Len() < len(raw) {
		one.gzip = buf.Bytes()
	}
	a.byName[name], a.byPath[one.path] = one, one
	a.byPath["/assets/"+name] = one // for the manifest, which is a file too
	return nil
}

// send serves an asset. Assets with a hash in their path never change.
func (one *asset) send(w http.ResponseWriter, r *http.Request, caching string) {
	h := w.Header()
	h.Set("Content-Type", one.contentType)
	h.Set("Cache-Control", caching)
	h.Set("Vary", "Accept-Encoding")
	body := one.plain
	if one.gzip != nil && codec.TakesGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = one.gzip
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}
