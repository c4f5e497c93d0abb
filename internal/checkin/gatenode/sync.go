package gatenode

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"boxoffice/internal/checkin"
	"boxoffice/internal/ticket"
)

const (
	againFrom  = time.Second // between two tries to reach the box office
	againMost  = 5 * time.Second
	probeEvery = 5 * time.Second  // while it answers
	silence    = 45 * time.Second // after which the feed is broken: it says something every 15 s
	seenMost   = 200              // devices that are said to be there, in one request; others by chance in the next
)

// Run follows the box office for as long as ctx lasts.
func (n *Node) Run(ctx context.Context) error {
	pause := againFrom
	for ctx.Err() == nil {
		begun := time.Now()
		err := n.round(ctx)
		if ctx.Err() != nil {
			break
		}
		n.syncTrouble.Log(ctx, n.cfg.Log, slog.LevelDebug, "the box office does not answer", err)
		if revoked(err) {
			if err := n.revoke(ctx); err != nil {
				return err
			}
			return nil
		}
		n.down(ctx)
		if time.Since(begun) > againMost {
			pause = againFrom
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, againMost)
	}
	return nil
}

// revoke notes that this gate node was revoked.
func (n *Node) revoke(ctx context.Context) error {
	n.mu.Lock()
	first := n.self.RevokedAt == 0
	if first {
		n.self.RevokedAt = n.clock.Now().UnixMicro()
		for i := range n.state.Devices {
			if n.state.Devices[i].ID == n.self.ID {
				n.state.Devices[i].RevokedAt = n.self.RevokedAt
			}
		}
	}
	n.up = false
	k := keptNode{n.state, n.seenAt}
	n.mu.Unlock()
	if !first {
		return nil
	}
	if err := n.kept.put(ctx, keptState, k); err != nil {
		return err
	}
	return n.rules(ctx)
}

// down notes that the box office does not answer, and has the devices told.
func (n *Node) down(ctx context.Context) {
	n.office.client.CloseIdleConnections()
	n.mu.Lock()
	n.there, n.up, n.slow = false, false, 0
	n.mu.Unlock()
	n.said(ctx)
}

// said has the devices told how the line is.
func (n *Node) said(ctx context.Context) {
	n.mu.Lock()
	same := n.shown == n.up
	n.shown = n.up
	n.mu.Unlock()
	if same {
		return
	}
	if err := n.door.Changed(ctx, n.paired.Event); err != nil {
		n.cfg.Log.WarnContext(ctx, "devices are not told how the line is", "error", err)
	}
}

// first fetches all that is needed before anything can be served.
func (n *Node) first(ctx context.Context) error {
	if _, err := n.fetchState(ctx); err != nil {
		return err
	}
	if err := n.fetchList(ctx); err != nil {
		return err
	}
	n.mu.Lock()
	n.seenAt = n.clock.Now().UnixMicro()
	n.mu.Unlock()
	return nil
}

// round brings the gate node in step, and follows the box office until it does not answer.
func (n *Node) round(ctx context.Context) error {
	for len(n.suspect) > 0 {
		<-n.suspect
	}
	took, err := n.fetch(ctx)
	if err != nil {
		return err
	}
	if err := n.pull(ctx); err != nil {
		return err
	}
	n.reached(ctx, took)
	return n.follow(ctx)
}

// fetch fetches rules, devices and the list, and says how long the box office took to answer.
func (n *Node) fetch(ctx context.Context) (took time.Duration, err error) {
	if took, err = n.fetchState(ctx); err != nil {
		return 0, err
	}
	if err := n.rules(ctx); err != nil {
		return 0, err
	}
	return took, n.fetchList(ctx)
}

// reached notes that the box office has answered, and in what time: one that takes longer
// than devices wait is not asked, but followed.
func (n *Node) reached(ctx context.Context, took time.Duration) {
	n.mu.Lock()
	n.seenAt = n.clock.Now().UnixMicro()
	n.there, n.up, n.slow = true, took < askWithin, 0
	if !n.up {
		n.slow = took
	}
	k := keptNode{n.state, n.seenAt}
	n.mu.Unlock()
	if err := n.kept.put(ctx, keptState, k); err != nil {
		n.cfg.Log.WarnContext(ctx, "what the box office has sent is not kept", "error", err)
	}
	n.said(ctx)
}

// fetchState fetches rules, devices, keys and the time, and says how long that took. It tells
// which devices have asked here.
func (n *Node) fetchState(ctx context.Context) (took time.Duration, err error) {
	var s checkin.NodeState
	path := "/door/node"
	if n.door != nil {
		if ids := n.door.Asked(); len(ids) > 0 {
			path += "?seen=" + strings.Join(ids[:min(len(ids), seenMost)], ",")
		}
	}
	sent := n.cfg.Wall()
	if err := n.office.json(ctx, http.MethodGet, path, nil, &s); err != nil {
		return 0, err
	}
	got := n.cfg.Wall()
	took = got.Sub(sent)
	clock := n.clock.learn(time.UnixMicro(s.State.Now), sent, got)
	n.mu.Lock()
	err = n.take(s)
	n.mu.Unlock()
	if err != nil {
		return took, err
	}
	return took, n.kept.put(ctx, keptTime, clock)
}

// fetchList fetches what has changed of the list, and the plan if it is another one.
func (n *Node) fetchList(ctx context.Context) error {
	before := n.List()
	path := "/door/list"
	if before != nil {
		path += fmt.Sprintf("?since=%d.%d", before.LedgerSeq, before.IssueRev)
	}
	raw, err := n.office.bytes(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	list, err := listOf(raw, before)
	if err != nil {
		return err
	}
	if list.EventID != n.paired.Event {
		return fmt.Errorf("the list is of the event %s", list.EventID)
	}
	if before != nil && before.LedgerSeq == list.LedgerSeq && before.IssueRev == list.IssueRev {
		return n.fetchPlan(ctx, list)
	}
	if err := n.fetchPlan(ctx, list); err != nil {
		return err
	}
	whole, err := list.Encode()
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.list = list
	n.mu.Unlock()
	return n.kept.put(ctx, keptList, whole)
}

// listOf reads a list, or the changes of the one before.
func listOf(raw []byte, before *ticket.List) (*ticket.List, error) {
	if before == nil || strings.HasPrefix(string(raw), "BXDL") {
		return ticket.DecodeList(raw)
	}
	changes, err := ticket.DecodeChanges(raw)
	if err != nil {
		return nil, err
	}
	next := &ticket.List{ListHead: before.ListHead, Seats: append([]ticket.Digest(nil), before.Seats...)}
	return next, next.Apply(changes)
}

// fetchPlan fetches the plan that a list is of, unless it is here.
func (n *Node) fetchPlan(ctx context.Context, list *ticket.List) error {
	n.mu.Lock()
	path, here := n.state.State.Plan, n.plan != nil && n.plan.Version == list.PlanVersion && len(n.plan.Seats) == len(list.Seats)
	n.mu.Unlock()
	if here {
		return nil
	}
	raw, err := n.office.bytes(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	plan, err := readPlan(raw)
	if err != nil {
		return err
	}
	if plan.Version != list.PlanVersion || len(plan.Seats) != len(list.Seats) {
		return errors.New("the seating plan is changing")
	}
	n.mu.Lock()
	n.plan, n.rawPlan = plan, raw
	n.mu.Unlock()
	return n.kept.put(ctx, keptPlan, string(raw))
}

// pull fetches the scans that are new at the box office.
func (n *Node) pull(ctx context.Context) error {
	for {
		n.mu.Lock()
		cursor := n.cursor
		n.mu.Unlock()
		var page checkin.RecordPage
		if err := n.office.json(ctx, http.MethodGet, "/door/node/scans?after="+cursor, nil, &page); err != nil {
			return err
		}
		if err := n.door.Merge(ctx, n.paired.Event, page.Items); err != nil {
			return err
		}
		if page.Cursor != cursor {
			if err := n.kept.put(ctx, keptCursor, page.Cursor); err != nil {
				return err
			}
			n.mu.Lock()
			n.cursor = page.Cursor
			n.mu.Unlock()
		}
		if !page.More {
			return nil
		}
	}
}

// follow reads the live feed of the box office, and fetches what it tells of, until it
// breaks. Every few seconds it tries the line.
func (n *Node) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	n.mu.Lock()
	cursor := n.cursor
	n.mu.Unlock()
	res, err := n.office.ask(ctx, http.MethodGet, "/door/live?after="+cursor, nil)
	if err != nil {
		return err
	}
	told, over := make(chan string, 64), make(chan error, 1)
	go func() {
		defer res.Body.Close()
		over <- listen(ctx, bufio.NewReader(res.Body), told)
	}()
	defer func() { cancel(nil); <-over }()
	probe, quiet := time.NewTicker(probeEvery), time.NewTimer(silence)
	defer probe.Stop()
	defer quiet.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-over:
			over <- err
			return err
		case <-quiet.C:
			return errors.New("the live feed is silent")
		case event := <-told:
			quiet.Reset(silence)
			err = n.heard(ctx, event)
		case <-n.suspect:
			err = n.probe(ctx)
		case <-probe.C:
			err = n.probe(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// heard fetches what an event of the live feed is about.
func (n *Node) heard(ctx context.Context, event string) error {
	switch event {
	case "scans":
		return n.pull(ctx)
	case "list":
		return n.fetchList(ctx)
	case "state":
		return n.probe(ctx)
	case "revoked":
		return &Refused{Status: http.StatusUnauthorized, Slug: "device-revoked", Detail: "This gate node was revoked."}
	}
	return nil
}

// probe fetches the state, and the list with it, which tells whether the line is good.
func (n *Node) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	took, err := n.fetch(ctx)
	if err != nil {
		return err
	}
	n.reached(ctx, took)
	return nil
}

// listen reads the names of events (HTML standard, "Server-sent events"); "": a sign of
// life.
func listen(ctx context.Context, from *bufio.Reader, told chan<- string) error {
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			return fmt.Errorf("the live feed ends: %w", err)
		}
		line = strings.TrimRight(line, "\r\n")
		name, isEvent := strings.CutPrefix(line, "event: ")
		if !isEvent && !strings.HasPrefix(line, ":") {
			continue
		}
		if !isEvent {
			name = ""
		}
		select {
		case told <- name:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
