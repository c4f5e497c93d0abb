package providertest

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"boxoffice/internal/payment/provider"
)

// forgedCases is how many messages are made of real ones.
const forgedCases = 10_000

// noticesGenerated makes thousands of messages of real ones, as somebody might who has seen
// them, but not the secret. None is accepted.
func (k *kit) noticesGenerated(g provider.Notifier, sent []Message) {
	k.Helper()
	now := k.Now()
	const seed = 20261129
	rnd := rand.New(rand.NewPCG(seed, seed))
	kinds := map[string]int{}
	for i := range forgedCases {
		m, other := sent[rnd.IntN(len(sent))], sent[rnd.IntN(len(sent))]
		kind, forged, at := k.forge(rnd, m, other, now)
		if bytes.Equal(forged.Body, m.Body) && strings.EqualFold(forged.Header.Get(k.Signature), m.Header.Get(k.Signature)) && at.Equal(now) {
			continue // it has come to the same message
		}
		kinds[kind]++
		if n, err := g.Notice(k.ctx, forged.Header, forged.Body, at); !errors.Is(err, provider.ErrForged) {
			k.Fatalf("case %d, %s, is accepted as %+v (%v) at %v:\n%q\n%s", i, kind, n, err, at, forged.Header.Get(k.Signature), forged.Body)
		}
	}
	if len(kinds) != forgeKinds {
		k.Errorf("%v", kinds)
	}
}

// forgeKinds is how many kinds of forgeries there are.
const forgeKinds = 12

// forge makes a message of one or two that were sent. It arrives at a time.
func (k *kit) forge(rnd *rand.Rand, m, other Message, now time.Time) (kind string, forged Message, at time.Time) {
	body, signature := slices.Clone(m.Body), m.Header.Get(k.Signature)
	i := rnd.IntN(len(body))
	signed := func(s string) Message {
		h := m.Header.Clone()
		h.Set(k.Signature, s)
		return Message{h, body}
	}
	switch rnd.IntN(forgeKinds) {
	case 0:
		body[i] ^= byte(1 + rnd.IntN(255))
		return "a byte changed", Message{m.Header, body}, now
	case 1:
		return "a byte inserted", Message{m.Header, slices.Insert(body, i, byte(rnd.IntN(256)))}, now
	case 2:
		return "white space inserted", Message{m.Header, slices.Insert(body, i, " \t\r\n"[rnd.IntN(4)])}, now
	case 3:
		return "cut off", Message{m.Header, body[:i]}, now
	case 4:
		return "two bodies", Message{m.Header, append(body, other.Body...)}, now
	case 5:
		return "another body", Message{m.Header, other.Body}, now
	case 6:
		s := []byte(signature)
		j := rnd.IntN(len(s))
		s[j] ^= byte(1 + rnd.IntN(127))
		return "another signature", signed(string(s)), now
	case 7:
		return "a signature cut off", signed(signature[:rnd.IntN(len(signature))]), now
	case 8:
		s := []byte(signature) // digits of the signature in another order
		for j := len(s) - 1; j > len(s)-32; j-- {
			l := len(s) - 32 + rnd.IntN(j-(len(s)-32)+1)
			s[j], s[l] = s[l], s[j]
		}
		return "a signature shuffled", signed(string(s)), now
	case 9:
		return "no signature", Message{http.Header{}, body}, now
	case 10:
		return "stale", m, now.Add(provider.NoticeTolerance + 2*time.Second + time.Duration(rnd.Int64N(int64(1000*time.Hour))))
	}
	return "from the future", m, now.Add(-provider.NoticeTolerance - time.Minute - time.Duration(rnd.Int64N(int64(1000*time.Hour))))
}
