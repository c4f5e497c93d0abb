package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// The operator's commands reach a server over the socket in its folder: a line of
// JSON there, lines of JSON back (docs/operations.md). Here they come over a pipe.

// command has a node carry out a command, and answers as if it were a request.
func (w *world) command(number int, name string, fields any, leave int) reply {
	n := w.nodes[number%len(w.nodes)]
	if n.app == nil {
		return reply{why: "down", sent: w.clock.now(), came: w.clock.now()}
	}
	asks, err := json.Marshal(map[string]any{"name": name, "command": fields})
	if err != nil {
		panic(err)
	}
	here, there := net.Pipe()
	defer here.Close()
	node := n.app
	var said told
	serve := func() {
		carried := make(chan struct{})
		n.ended.Go(func() {
			defer close(carried)
			_ = node.TakeCommand(context.Background(), there) // which the client sees
		})
		if _, err := here.Write(append(asks, '\n')); err == nil {
			said = listen(here)
		}
		_ = here.Close()
		<-carried
	}
	return n.await(leave, func() { _ = here.Close() }, serve, func(out *reply) {
		out.header, out.body = http.Header{}, []byte(said.text)
		switch {
		case !said.end:
			out.why = "cut off"
		case said.status == 0:
			out.status = http.StatusOK
		default:
			out.status = http.StatusConflict
		}
	})
}

// told is what a command has said.
type told struct {
	text   string
	end    bool
	status int
}

func listen(from io.Reader) (all told) {
	for lines := json.NewDecoder(from); ; {
		var line struct {
			Out    []byte `json:"out"`
			End    bool   `json:"end"`
			Status int    `json:"status"`
			Error  string `json:"error"`
		}
		if err := lines.Decode(&line); err != nil {
			return all
		}
		all.text += string(line.Out) + line.Error
		if all.end, all.status = line.End, line.Status; all.end {
			return all
		}
	}
}

func makeResetTOTP(g *gen, s *Step) bool {
	s.Of = g.person()
	for _, p := range sorted(g.w.people) {
		if p.twoFactor && g.chance(2) {
			s.Of = p.name
		}
	}
	g.trouble(s)
	return g.w.people[s.Of] != nil
}

// doResetTOTP takes somebody's second factor away, who has lost app and codes.
func doResetTOTP(w *world, s *Step) {
	p := w.people[s.Of]
	if p == nil || p.email == "" {
		return
	}
	r := w.command(s.Node, "admin reset-two-factor", map[string]any{"Email": p.email}, s.Leave)
	w.note("%s\n\tadmin reset-two-factor --email %s -> %s", s, p.email, &r)
	if strings.Contains(string(r.body), "with --user") { // several of the address have one
		r = w.command(s.Node, "admin reset-two-factor", map[string]any{"Email": p.email, "User": p.id}, s.Leave)
		w.note("\tadmin reset-two-factor --email %s --user %s -> %s", p.email, p.id, &r)
	}
	if r.status == 0 {
		for _, q := range sorted(w.people) { // whose it was is not known
			if canon(q.email) == canon(p.email) {
				q.unclear, q.token = true, ""
			}
		}
		return
	}
	if r.status != http.StatusOK {
		if known := strings.Contains(string(r.body), "--email:") || strings.Contains(string(r.body), "--user:"); !known && !w.excused() {
			w.fail("the operator is told what is wrong", "%s", &r)
		}
		if p.twoFactor && p.verified && !p.guest && !p.unclear && !p.gone && w.alone && !w.excused() {
			w.fail("the operator can take a second factor away", "%s: %s", p.name, &r)
		}
		return
	}
	var id string
	if _, err := fmt.Sscanf(string(r.body), "account %s", &id); err != nil {
		w.fail("the operator is told what was done", "%s", &r)
	}
	for _, q := range sorted(w.people) {
		if q.id != strings.TrimSuffix(id, ",") || q.guest {
			continue
		}
		if !q.twoFactor && !q.unclear && w.alone {
			w.fail("the operator is told what was done", "%s had no second factor: %s", q.name, &r)
		}
		q.ended = append(q.ended, q.token)
		q.twoFactor, q.token = false, ""
	}
}
