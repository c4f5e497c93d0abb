package gatenode

import (
	"context"
	"errors"
	"time"

	"boxoffice/internal/batch"
	"boxoffice/internal/checkin"
	"boxoffice/internal/checkinapi"
)

const (
	// askWithin is how long the box office may take. A device waits 300 ms for the gate
	// node, which then has time to decide by itself.
	askWithin = 200 * time.Millisecond
	// askEvery is the least time between two requests: what comes meanwhile goes together.
	askEvery = 25 * time.Millisecond
	askMost  = 64   // requests of devices in one
	askWaits = 1024 // requests
	sendMost = checkinapi.MaxScans
)

// asking is scans that ask.
type asking struct {
	scans   []checkinapi.Scan
	answers []checkinapi.Answer // once it is done
}

var errTooMany = errors.New("too many scans at once")

// Ask asks the box office; see checkin.Line.
func (n *Node) Ask(ctx context.Context, scans []checkinapi.Scan) ([]checkinapi.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	a := &asking{scans: scans}
	if err := n.asks.Do(ctx, a); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			n.doubt()
		}
		return nil, err
	}
	return a.answers, nil
}

// doubt has the line tried, because a question was not answered.
func (n *Node) doubt() {
	n.mu.Lock()
	n.up = false
	n.mu.Unlock()
	select {
	case n.suspect <- struct{}{}:
	default:
	}
}

// askAll asks for what waits, in one request.
func (n *Node) askAll(items []*batch.Item[*asking]) {
	begun := time.Now()
	n.askTogether(items)
	time.Sleep(askEvery - time.Since(begun))
}

func (n *Node) askTogether(items []*batch.Item[*asking]) {
	var send []checkin.NodeScan
	var sent []*batch.Item[*asking]
	for _, it := range items {
		if time.Since(it.Since) >= askWithin || len(send)+len(it.Value.scans) > sendMost {
			it.Done(errTooMany)
			continue
		}
		for i := range it.Value.scans {
			send = append(send, checkin.SentBy(&checkin.Owed{Scan: it.Value.scans[i]}))
		}
		sent = append(sent, it)
	}
	if len(sent) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), askWithin)
	defer cancel()
	answers, err := n.office.send(ctx, send)
	var no *Refused
	switch {
	case errors.As(err, &no) && no.final() && len(sent) > 1: // one of them may be the reason
		for _, it := range sent {
			n.askTogether([]*batch.Item[*asking]{it})
		}
		return
	case err != nil && !(errors.As(err, &no) && no.final()):
		n.doubt()
	}
	if err != nil {
		for _, it := range sent {
			it.Done(err)
		}
		return
	}
	list := answers.Answers()
	for _, it := range sent {
		it.Value.answers, list = list[:len(it.Value.scans)], list[len(it.Value.scans):]
		it.Done(nil)
	}
}
