package providertest

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"boxoffice/internal/payment/provider"
)

// lines reads the books of a time.
func (k *kit) lines(from, to time.Time) (list []provider.Line) {
	k.Helper()
	g, ok := k.Gateway.(provider.Books)
	if !ok {
		k.Skip("it has no books")
	}
	for l, err := range g.Lines(k.ctx, from, to) {
		if err != nil {
			k.Fatal(err)
		}
		list = append(list, l)
	}
	return list
}

// The books have each movement, within its time.
func (k *kit) books() {
	start := k.Now().Truncate(time.Second)
	if got := k.lines(start.Add(-farAway), start.Add(farAway)); len(got) != 0 {
		k.Fatalf("new books have %+v", got)
	}
	c, d := k.taken(), k.taken()
	k.refund(d, "event:7", 2000, provider.Approved)
	k.reserved() // is no movement
	end := k.Now().Truncate(time.Second).Add(time.Second)
	k.once(c, provider.Captured, amount)
	k.once(c, provider.Refunded)
	k.once(d, provider.Captured, amount)
	k.once(d, provider.Refunded, 2000)
	if got := k.lines(start, end); len(got) != 3 {
		k.Errorf("from %v to %v: %+v", start, end, got)
	}
	if got := slices.Concat(k.lines(start.Add(-farAway), start), k.lines(end, end.Add(farAway))); len(got) != 0 {
		k.Errorf("at other times: %+v", got)
	}
	n := 0
	for range k.Gateway.(provider.Books).Lines(k.ctx, start, end) {
		if n++; n == 2 {
			break // a reader may have enough
		}
	}
}

// A release is in the books, and moves no money.
func (k *kit) booksOfVoids() {
	c := k.reserved()
	k.void(c, provider.Approved)
	k.once(c, provider.Voided, amount)
	k.once(c, provider.Captured)
	k.once(c, provider.Refunded)
}

func (k *kit) disputed() provider.Charge {
	k.Helper()
	if k.Dispute == nil {
		k.Skip("it has no disputes")
	}
	c := k.taken()
	if o := k.stands(c, provider.Taken); len(o.Disputes) > 0 {
		k.Fatalf("a new charge has disputes: %+v", o.Disputes)
	}
	k.opened(c, 1)
	k.once(c, provider.Disputed, amount)
	if o, err := k.Gateway.Refund(k.ctx, "refund-1", c, amount); err == nil && o.Verdict == provider.Approved {
		k.Error("money that the buyer's bank has taken back went back once more")
	}
	return c
}

// opened opens the nth dispute about a charge.
func (k *kit) opened(c provider.Charge, n int) {
	k.Helper()
	k.Dispute(k.T, c, provider.DisputeOpen)
	o := k.stands(c, provider.Taken)
	if len(o.Disputes) != n {
		k.Fatalf("disputes: %+v", o.Disputes)
	}
	if d := o.Disputes[n-1]; d.State != provider.DisputeOpen || d.Amount != amount || d.ID == "" || d.Reason == "" || d.Due.IsZero() {
		k.Errorf("open dispute: %+v", d)
	}
}

// decided decides the open dispute about a charge, which is the nth.
func (k *kit) decided(c provider.Charge, n int, as provider.DisputeState) {
	k.Helper()
	k.Dispute(k.T, c, as)
	if o := k.stands(c, provider.Taken); len(o.Disputes) != n || o.Disputes[n-1].State != as || o.Disputes[n-1].Amount != amount {
		k.Errorf("decided disputes: %+v", o.Disputes)
	}
}

// The money of a lost dispute is gone.
func (k *kit) disputeLost() {
	c := k.disputed()
	k.decided(c, 1, provider.DisputeLost)
	k.refund(c, "refund-2", amount, provider.Declined)
	k.once(c, provider.Disputed, amount)
	k.once(c, provider.DisputeWonBack)
}

// The money of a won dispute comes back.
func (k *kit) disputeWon() {
	c := k.disputed()
	k.decided(c, 1, provider.DisputeWon)
	k.once(c, provider.Disputed, amount)
	k.once(c, provider.DisputeWonBack, amount)
	k.refund(c, "refund-2", amount, provider.Approved)
}

// After a dispute that was won, another one may be opened, with a name of its own.
func (k *kit) disputedAgain() {
	c := k.disputed()
	k.decided(c, 1, provider.DisputeWon)
	k.opened(c, 2)
	k.decided(c, 2, provider.DisputeLost)
	o := k.stands(c, provider.Taken)
	if first, second := o.Disputes[0], o.Disputes[1]; first.State != provider.DisputeWon || first.ID == second.ID {
		k.Errorf("disputes: %+v", o.Disputes)
	}
	k.once(c, provider.Disputed, amount, amount)
	k.once(c, provider.DisputeWonBack, amount)
	k.refund(c, "refund-2", amount, provider.Declined)
}

// notifier is the gateway, if it sends messages.
func (k *kit) notifier() provider.Notifier {
	k.Helper()
	g, ok := k.Gateway.(provider.Notifier)
	if !ok {
		k.Skip("it sends no messages")
	}
	return g
}

// What happens to a charge is told, in messages that name it.
func (k *kit) notices() {
	g := k.notifier()
	c := k.taken()
	k.refund(c, "event:7", 1000, provider.Approved)
	d := k.reserved()
	k.void(d, provider.Approved)
	told := map[string]int{}
	names := map[string]bool{}
	for _, m := range k.Sent(k.T) {
		n, err := g.Notice(k.ctx, m.Header, m.Body, k.Now())
		if err != nil {
			k.Fatalf("%s: %v", m.Body, err)
		}
		if n.ID == "" || n.At.IsZero() {
			k.Errorf("a message without a name or a time: %s", m.Body)
		}
		if again, err := g.Notice(k.ctx, m.Header, m.Body, k.Now()); err != nil || again.ID != n.ID {
			k.Errorf("the same message is %q, then %q (%v)", n.ID, again.ID, err)
		}
		if !names[n.ID] {
			names[n.ID] = true
			for _, charge := range n.Charges {
				told[charge]++
			}
		}
	}
	if told[c.ID] < 2 || told[d.ID] < 1 {
		k.Errorf("messages concern %v", told)
	}
}

// No message is accepted that the gateway has not signed just now.
func (k *kit) noticesForged() {
	g := k.notifier()
	began := k.Now() // the messages are signed between then and now
	k.taken()
	sent := k.Sent(k.T)
	k.noticesGenerated(g, sent)
	for _, m := range sent {
		for what, forged := range forgeries(m, k.Signature) {
			if n, err := g.Notice(k.ctx, forged.Header, forged.Body, k.Now()); err == nil {
				k.Errorf("%s is accepted as %+v", what, n)
			} else if !errors.Is(err, provider.ErrForged) {
				k.Errorf("%s: %v, want ErrForged", what, err)
			}
		}
		tooOld, tooEarly := provider.NoticeTolerance+2*time.Second, -provider.NoticeTolerance-2*time.Second
		for what, at := range map[string]time.Time{"is too old": k.Now().Add(tooOld), "is very old": k.Now().Add(farAway), "comes too early": began.Add(tooEarly)} {
			if _, err := g.Notice(k.ctx, m.Header, m.Body, at); !errors.Is(err, provider.ErrForged) {
				k.Errorf("a message that %s: %v", what, err)
			}
		}
	}
}

// forgeries are messages that somebody has made of a real one.
func forgeries(m Message, signature string) map[string]Message {
	list := map[string]Message{
		"a message without headers": {http.Header{}, m.Body},
		"a message without a body":  {m.Header, nil},
		"a longer message":          {m.Header, append(slices.Clone(m.Body), ' ')},
		"a shorter message":         {m.Header, m.Body[:len(m.Body)-1]},
	}
	for i := 0; i < len(m.Body); i += 1 + len(m.Body)/16 {
		body := slices.Clone(m.Body)
		body[i] ^= 1
		list["a message with another byte "+string(rune('a'+i%26))] = Message{m.Header, body}
	}
	signed := m.Header.Get(signature)
	for i := range signed {
		header := m.Header.Clone()
		flipped := []byte(signed)
		flipped[i] ^= 1
		header.Set(signature, string(flipped))
		list["another signature: "+string(flipped)] = Message{header, m.Body}
	}
	return list
}
