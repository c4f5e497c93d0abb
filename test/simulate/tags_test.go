package simulate

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// Readers keep what they were answered, and ask for it again by its ETag (RFC 9110,
// section 13.1.2): every other time, so that each history asks both ways. What is not
// sent again, since it has not changed, must be what they have.

// kept is what a reader was answered last at an address.
type kept struct {
	tag  string
	body []byte
	told bool // it was answered anew since it was asked for by its tag
}

// reader is who asks for what.
func reader(q *request) string { return q.token + " " + q.path }

// condition makes a read conditional, if its answer is kept.
func (w *world) condition(q *request) {
	if k := w.kept[reader(q)]; q.method == http.MethodGet && k != nil && k.told {
		q.headers = map[string]string{"If-None-Match": k.tag}
	}
}

// reuse takes what was kept for an answer that says that it is still right.
func (w *world) reuse(q *request, r *reply) {
	tag := r.header.Get("ETag")
	k := w.kept[reader(q)]
	switch {
	case q.method != http.MethodGet:
	case r.status == http.StatusNotModified && (k == nil || k.tag != tag):
		w.fail("who is told that nothing has changed has it", "%s: 304 for %s", q.path, tag)
	case r.status == http.StatusNotModified:
		k.told = false
		again := *q
		again.headers = nil
		if now := w.ask(again); now.status == http.StatusOK && now.header.Get("ETag") == tag {
			w.unchanged(q, k, now.body)
		}
		r.status, r.body, r.doc = http.StatusOK, k.body, nil
		_ = json.Unmarshal(k.body, &r.doc)
	case r.status == http.StatusOK && tag != "":
		if k != nil && k.tag == tag {
			w.unchanged(q, k, r.body)
		}
		w.kept[reader(q)] = &kept{tag: tag, body: r.body, told: true}
	}
}

// unchanged holds two answers with one tag against each other.
func (w *world) unchanged(q *request, k *kept, body []byte) {
	if !bytes.Equal(k.body, body) {
		w.fail("a tag is of one answer", "%s: %s is of\n%s\nand of\n%s", q.path, k.tag, k.body, strings.TrimSpace(string(body)))
	}
}
