package natsbus

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"boxoffice/internal/jobs"
)

// wantsReplicas is an entry of a stream's metadata: how many replicas it is to have once
// the cluster has room for them.
const wantsReplicas = "boxoffice-replicas"

// stream is a stream of JetStream.
type stream struct {
	*Conn
	name, subject, description string
}

// ensure makes the stream if there is none. One that exists stays as it is: operators
// may have changed it.
func (s *stream) ensure(ctx context.Context) error {
	_, err := s.js.Stream(ctx, s.name)
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	cfg := jetstream.StreamConfig{
		Name: s.name, Subjects: []string{s.subject}, Description: s.description + " It may be deleted: the database has what is needed.",
		Storage: jetstream.FileStorage, MaxAge: streamAge, MaxBytes: streamBytes, Discard: jetstream.DiscardOld, Duplicates: dedupFor, Replicas: 1,
	}
	if s.nc.ConnectedClusterName() != "" {
		cfg.Replicas = 3
		if _, err = s.js.CreateStream(ctx, cfg); err == nil || errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return nil
		}
		cfg.Replicas = 1 // the cluster is smaller, or some of it is down: see widen
		cfg.Metadata = map[string]string{wantsReplicas: "3"}
	}
	if _, err = s.js.CreateStream(ctx, cfg); errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return nil // another node was faster
	}
	return err
}

// widen gives the stream more replicas if ensure had to make it with one. If an operator
// has chosen the number, it stays as it is.
func (s *stream) widen(ctx context.Context) error {
	found, err := s.js.Stream(ctx, s.name)
	if err != nil {
		return err
	}
	cfg := found.CachedInfo().Config
	n, err := strconv.Atoi(cfg.Metadata[wantsReplicas])
	if err != nil || cfg.Replicas != 1 {
		return nil
	}
	cfg.Replicas = n
	delete(cfg.Metadata, wantsReplicas)
	if _, err = s.js.UpdateStream(ctx, cfg); err == nil {
		s.log.Info("NATS keeps more replicas from now on", "stream", s.name, "replicas", n)
	}
	return err
}

// receive calls fn with what the stream gets on some subjects, and what it got shortly
// before, until ctx ends. After a pause it begins that much earlier.
func (s *stream) receive(ctx context.Context, subjects []string, earlier time.Duration, fn func(jetstream.Msg)) {
	for since := time.Now(); ctx.Err() == nil; {
		again := s.reconnected()
		received, err := s.receiveFrom(ctx, again, subjects, since.Add(-earlier), fn)
		if received { // nothing was missed until shortly before
			since = time.Now()
		}
		if err != nil && ctx.Err() == nil && s.Connected() {
			s.log.Debug("receiving from NATS begins again", "stream", s.name, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryAfter):
		}
	}
}

// receiveFrom receives from a consumer of its own, which begins at a time, until
// something fails or the connection is another one. The consumer acknowledges nothing and
// is forgotten by the server soon after. received reports whether there was a consumer.
func (s *stream) receiveFrom(ctx context.Context, again <-chan struct{}, subjects []string, since time.Time, fn func(jetstream.Msg)) (received bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !s.Connected() {
		select {
		case <-again:
		case <-ctx.Done():
		}
		return false, ctx.Err()
	}
	s.running.Go(func() {
		select {
		case <-again:
			cancel()
		case <-ctx.Done():
		}
	})
	if err := s.ensure(ctx); err != nil {
		return false, err
	}
	s.running.Go(func() {
		_ = jobs.Every(ctx, widenEvery, nil, func(ctx context.Context) error {
			if err := s.widen(ctx); err != nil && ctx.Err() == nil {
				s.log.Debug("the stream has one replica only", "stream", s.name, "error", err)
			}
			return nil
		})
	})
	consumer, err := s.js.CreateConsumer(ctx, s.name, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since, AckPolicy: jetstream.AckNonePolicy,
		FilterSubjects: subjects, InactiveThreshold: time.Minute, MemoryStorage: true, Replicas: 1,
	})
	if err != nil {
		return false, err
	}
	list, err := consumer.Messages(jetstream.PullExpiry(10*time.Second), jetstream.PullHeartbeat(2*time.Second), jetstream.WithMessagesErrOnMissingHeartbeat(true))
	if err != nil {
		return false, err
	}
	defer list.Stop()
	for {
		msg, err := list.Next(jetstream.NextContext(ctx))
		if err != nil {
			return true, err
		}
		fn(msg)
	}
}

// macHeader carries the MAC of what a stream gets, in hexadecimal digits.
const macHeader = "Boxoffice-Mac"

// sign adds the MAC.
func (c *Conn) sign(msg *nats.Msg) {
	msg.Header.Set(macHeader, hex.EncodeToString(c.mac(msg.Subject, msg.Data)))
}

// genuineMsg reports whether the MAC is right, and counts those that are not.
func (c *Conn) genuineMsg(header nats.Header, subject string, body []byte) bool {
	mac, err := hex.DecodeString(header.Get(macHeader))
	if err != nil {
		mac = nil
	}
	return c.genuine(mac, subject, body)
}
