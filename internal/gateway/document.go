package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"sync"

	"github.com/go-chi/chi/v5"
	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"

	"boxoffice/internal/codec"
	"boxoffice/internal/route"
)

// document is an answer that is the same for everybody, so it is rendered,
// compressed and tagged once.
type document struct {
	contentType, policy string
	render              func() ([]byte, error)

	once          sync.Once
	plain, zipped []byte
	tag           string
	err           error
}

// documentCaching lets clients keep the API's documents, which change only with the
// program.
const documentCaching = "public, max-age=300"

func (d *document) make() {
	if d.plain, d.err = d.render(); d.err != nil {
		return
	}
	sum := sha256.Sum256(d.plain)
	d.tag = hex.EncodeToString(sum[:9])
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err == nil {
		_, err = z.Write(d.plain)
	}
	if err == nil {
		err = z.Close()
	}
	d.zipped, d.err = buf.Bytes(), err
}

func (d *document) serve(w http.ResponseWriter, r *http.Request) {
	if d.once.Do(d.make); d.err != nil {
		refuse(w, r, d.err)
		return
	}
	h, body, tag := w.Header(), d.plain, d.tag
	h.Set("Vary", "Accept-Encoding")
	if codec.TakesGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body, tag = d.zipped, tag+"-gzip" // different bytes need a different strong tag (RFC 9110, section 8.8.3.3)
	}
	h.Set("ETag", `"`+tag+`"`)
	h.Set("Content-Type", d.contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if d.policy != "" {
		h.Set("Content-Security-Policy", d.policy)
	}
	_, _ = w.Write(body) // fails when the client has gone
}

// documents mounts the documents that describe the API.
func (g *Gateway) documents() {
	doc := g.api.OpenAPI()
	const asJSON, asYAML = "application/openapi+json", "application/openapi+yaml"
	for path, d := range map[string]*document{
		"/docs":             {contentType: "text/html; charset=utf-8", policy: "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'", render: g.docs},
		"/openapi.json":     {contentType: asJSON, render: func() ([]byte, error) { return codec.Marshal(doc) }},
		"/openapi.yaml":     {contentType: asYAML, render: doc.YAML},
		"/openapi-3.0.json": {contentType: asJSON, render: doc.Downgrade},
		"/openapi-3.0.yaml": {contentType: asYAML, render: doc.DowngradeYAML},
	} {
		g.handle(http.MethodGet, path, route.Shared|route.Probe, keep(documentCaching, d.serve))
	}
}

// smallest is the size in bytes from which answers are compressed. Below it,
// compression would not save a packet.
const smallest = 1400

// compress compresses the answers of list operations.
func (g *Gateway) compress(next http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(smallest), gzhttp.CompressionLevel(gzip.BestSpeed), gzhttp.ContentTypes([]string{"application/json"}))
	if err != nil {
		panic(err) // of constants
	}
	zipped := wrap(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && g.zips[chi.RouteContext(r.Context()).RoutePattern()] {
			zipped.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}
