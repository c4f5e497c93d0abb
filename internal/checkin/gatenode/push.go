package gatenode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"boxoffice/internal/checkin"
	"boxoffice/internal/jobs"
)

const (
	pushEvery  = 250 * time.Millisecond
	pushAgain  = 5 * time.Second // while the box office does not answer
	stillTaken = 48 * time.Hour  // after a gate node was revoked: see package checkin
)

// Push sends what waits, for as long as ctx lasts.
func (n *Node) Push(ctx context.Context) error {
	var rest time.Time
	return jobs.Every(ctx, pushEvery, nil, func(ctx context.Context) error {
		gone := n.goneFor()
		if !n.reachable() && gone == 0 || gone > stillTaken || time.Now().Before(rest) {
			return nil
		}
		err := n.push(ctx)
		n.pushTrouble.Log(ctx, n.cfg.Log, slog.LevelWarn, "scans cannot be sent to the box office", err)
		if err != nil {
			rest = time.Now().Add(pushAgain)
		}
		return nil
	})
}

func (n *Node) reachable() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.there
}

// goneFor is how long ago the gate node was revoked; 0: it was not.
func (n *Node) goneFor() time.Duration {
	if at := n.Node().RevokedAt; at != 0 {
		return max(1, n.Now().Sub(time.UnixMicro(at)))
	}
	return 0
}

// push sends what waits now.
func (n *Node) push(ctx context.Context) error {
	for {
		list, err := n.kept.oldest(ctx, 0)
		if err != nil || len(list) == 0 {
			return err
		}
		if err := n.tell(ctx, list); err != nil {
			return err
		}
	}
}

// tell tells the box office of scans. If it refuses them as they are, it is told of one
// after the other, and those that it does not take are kept aside.
func (n *Node) tell(ctx context.Context, list []owed) error {
	send := make([]checkin.NodeScan, len(list))
	for i := range list {
		send[i] = list[i].send
	}
	_, err := n.office.send(ctx, send)
	var no *Refused
	switch {
	case err == nil:
		if err := n.kept.told(ctx, plain(list)); err != nil {
			return err
		}
		n.door.Told(n.paired.Event, plain(list))
		return nil
	case revoked(err):
		return n.revoke(ctx)
	case !errors.As(err, &no) || !no.final():
		return err
	case len(list) > 1:
		for i := range list {
			if err := n.tell(ctx, list[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	}
	n.cfg.Log.ErrorContext(ctx, "the box office does not take a scan; it stays here", "device", list[0].Device, "counter", list[0].Counter, "error", err)
	if err := n.kept.aside(ctx, &list[0].Owed, fmt.Sprintf("%s: %v", no.Slug, no)); err != nil {
		return err
	}
	return nil
}

func plain(list []owed) []checkin.Owed {
	out := make([]checkin.Owed, len(list))
	for i := range list {
		out[i] = list[i].Owed
	}
	return out
}
