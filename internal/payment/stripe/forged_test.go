package stripe

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v82/webhook"

	"boxoffice/internal/payment/provider"
	"boxoffice/internal/payment/stripe/stripetest"
)

const aMessage = `{"id":"evt_1","object":"event","created":1764417600,"livemode":false,"data":{"object":{"object":"payment_intent","metadata":{"boxoffice_charge":"b-1.1"}}}}`

// v1 is a signature over a body and a time.
func v1(body string, at time.Time, secret string) string {
	return "v1=" + hex.EncodeToString(webhook.ComputeSignature(at, []byte(body), secret))
}

func stamp(at time.Time) string { return "t=" + strconv.FormatInt(at.Unix(), 10) }

// One right signature of scheme v1 is enough, beside whatever else the header has; all else
// is refused, also what is signed with the right secret at another time.
func TestSignatureHeader(t *testing.T) {
	g, _, clock := startAt(t)
	now := clock.now
	right := v1(aMessage, now, stripetest.WebhookSecret)
	wrong, v0 := v1(aMessage, now, "whsec_other"), strings.Replace(right, "v1=", "v0=", 1)
	at := func(off time.Duration) string {
		return stamp(now.Add(off)) + "," + v1(aMessage, now.Add(off), stripetest.WebhookSecret)
	}
	// raw is signed over the stamp's text, as it is.
	raw := func(text string) string {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			n = now.Unix()
		}
		return "t=" + text + "," + v1(aMessage, time.Unix(n, 0), stripetest.WebhookSecret)
	}
	tolerance := provider.NoticeTolerance
	seconds := strconv.FormatInt(now.Unix(), 10)
	for name, c := range map[string]struct {
		header string
		body   string // "": aMessage
		want   bool
	}{
		"right":                        {header: stamp(now) + "," + right, want: true},
		"signature before the time":    {header: right + "," + stamp(now), want: true},
		"wrong, then right":            {header: stamp(now) + "," + wrong + "," + right, want: true},
		"right, then wrong":            {header: stamp(now) + "," + right + "," + wrong, want: true},
		"right among many":             {header: stamp(now) + strings.Repeat(","+wrong, 20) + "," + right, want: true},
		"not hexadecimal, then right":  {header: stamp(now) + ",v1=xyz," + right, want: true},
		"right, and v0":                {header: stamp(now) + "," + right + "," + v0, want: true},
		"none of several is right":     {header: stamp(now) + "," + wrong + "," + v1(aMessage+" ", now, stripetest.WebhookSecret)},
		"v0 only":                      {header: stamp(now) + "," + v0},
		"v0, and v1 of another secret": {header: stamp(now) + "," + v0 + "," + wrong},
		"v2":                           {header: stamp(now) + "," + strings.Replace(right, "v1=", "v2=", 1)},
		"half of a signature":          {header: stamp(now) + "," + right[:len(right)/2]},
		"a signature of nothing":       {header: stamp(now) + ",v1="},
		"another secret":               {header: stamp(now) + "," + wrong},
		"no secret":                    {header: stamp(now) + "," + v1(aMessage, now, "")},

		"five minutes ago":             {header: at(-tolerance), want: true},
		"a second longer":              {header: at(-tolerance - time.Second)},
		"five minutes ahead":           {header: at(tolerance), want: true},
		"a second further":             {header: at(tolerance + time.Second)},
		"the time is moved":            {header: stamp(now) + "," + v1(aMessage, now.Add(-time.Hour), stripetest.WebhookSecret)},
		"no time":                      {header: right},
		"an empty time":                {header: "t=," + right},
		"a time that is no number":     {header: raw("now")},
		"a time in hexadecimal":        {header: raw("0x69000000")},
		"a time with a fraction":       {header: raw(seconds + ".0")},
		"a time with zeros in front":   {header: raw("0" + seconds)},
		"a time with a sign":           {header: raw("+" + seconds)},
		"a time with a space":          {header: raw(" " + seconds)},
		"in milliseconds":              {header: raw(seconds + "000")},
		"the beginning of time":        {header: raw("0")},
		"before it":                    {header: raw("-" + seconds)},
		"the largest number":           {header: raw(strconv.FormatInt(math.MaxInt64, 10))},
		"the smallest number":          {header: raw(strconv.FormatInt(math.MinInt64, 10))},
		"a larger number":              {header: raw("9223372036854775808")},
		"so many digits":               {header: raw(strings.Repeat("9", 4000))},
		"two times, the second is old": {header: stamp(now) + "," + at(-time.Hour)},
		"two times, the first is old":  {header: stamp(now.Add(-time.Hour)) + "," + at(0)},

		"a space behind the body":    {header: at(0), body: aMessage + " "},
		"a new line behind the body": {header: at(0), body: aMessage + "\n"},
		"a space within the body":    {header: at(0), body: strings.Replace(aMessage, ":", ": ", 1)},
		"a byte order mark":          {header: at(0), body: "\ufeff" + aMessage},
		"another charge":             {header: at(0), body: strings.Replace(aMessage, "b-1.1", "b-2.1", 1)},
		"no body":                    {header: at(0), body: "\x00"},
	} {
		body := c.body
		switch body {
		case "":
			body = aMessage
		case "\x00":
			body = ""
		}
		n, err := g.Notice(t.Context(), http.Header{SignatureHeader: {c.header}}, []byte(body), now)
		if c.want && (err != nil || n.ID != "evt_1" || !slices.Equal(n.Charges, []string{"b-1.1"})) {
			t.Errorf("%s: %+v, %v", name, n, err)
		}
		if !c.want && !errors.Is(err, provider.ErrForged) {
			t.Errorf("%s is accepted: %+v, %v", name, n, err)
		}
	}
	for name, headers := range map[string][]string{
		"a wrong header before the right one": {stamp(now) + "," + wrong, at(0)},
		"an old header before the right one":  {at(-time.Hour), at(0)},
		"an empty header":                     {"", at(0)},
		"no header":                           nil,
	} {
		if n, err := g.Notice(t.Context(), http.Header{SignatureHeader: headers}, []byte(aMessage), now); !errors.Is(err, provider.ErrForged) {
			t.Errorf("%s is accepted: %+v, %v", name, n, err)
		}
	}
}

// Ten thousand headers that are put together from parts which look right: none is accepted.
func TestForgedHeaders(t *testing.T) {
	g, _, clock := startAt(t)
	now := clock.now
	const seed = 20261130
	rnd := rand.New(rand.NewPCG(seed, seed))
	for i := range 10_000 {
		body := strings.Replace(aMessage, "evt_1", fmt.Sprint("evt_", i), 1)
		signed := now.Add(time.Duration(rnd.IntN(599)-299) * time.Second)
		right := v1(body, signed, stripetest.WebhookSecret)
		parts := []string{stamp(signed)} // what is not signed by the secret over this body and this time, in the right scheme
		switch rnd.IntN(3) {
		case 0: // the right signature, of a time that is not in the header
			parts = []string{stamp(signed.Add(time.Duration(1+rnd.IntN(250)) * time.Second)), right}
		case 1: // the right signature, of a time that is too far away
			off := provider.NoticeTolerance + time.Second + time.Duration(rnd.IntN(1e6))*time.Second
			if rnd.IntN(2) == 0 {
				off = -off
			}
			parts = []string{stamp(now.Add(off)), v1(body, now.Add(off), stripetest.WebhookSecret)}
		}
		for range 1 + rnd.IntN(4) {
			parts = append(parts, notRight(rnd, body, right, signed))
		}
		rnd.Shuffle(len(parts), func(a, b int) { parts[a], parts[b] = parts[b], parts[a] })
		header := strings.Join(parts, ",")
		if n, err := g.Notice(t.Context(), http.Header{SignatureHeader: {header}}, []byte(body), now); !errors.Is(err, provider.ErrForged) {
			t.Fatalf("case %d is accepted as %+v (%v): %s", i, n, err, header)
		}
	}
}

// notRight looks like a signature over a body, and is none.
func notRight(rnd *rand.Rand, body, right string, signed time.Time) string {
	switch rnd.IntN(4) {
	case 0:
		return v1(body, signed, fmt.Sprint("whsec_", rnd.Int64()))
	case 1:
		return v1(body+"\n", signed, stripetest.WebhookSecret)
	case 2:
		return v1(body, signed.Add(time.Hour), stripetest.WebhookSecret)
	}
	return []string{
		strings.Replace(right, "v1=", "v0=", 1), right[:rnd.IntN(len(right))], right + "00", "V1" + right[2:], " " + right, "v1 =" + right[3:], "v1=", "t", "", right[3:],
	}[rnd.IntN(10)]
}

// The same message says the same, however often and in whatever order it comes; one that is
// too old says nothing any more.
func TestReplayed(t *testing.T) {
	g, double, clock := startAt(t)
	c := newCharge(stripetest.Visa)
	o, err := g.Authorize(t.Context(), "a", c)
	must(t, "authorize", o, err, provider.Approved)
	o, err = g.Capture(t.Context(), "c", with(c, o))
	must(t, "capture", o, err, provider.Approved)
	events := double.Events()
	slices.Reverse(events)
	said := map[string]provider.Notice{}
	signed := clock.now
	for _, off := range []time.Duration{0, time.Minute, provider.NoticeTolerance} {
		for _, e := range events {
			n, err := g.Notice(t.Context(), stripetest.Sign(e.Body, stripetest.WebhookSecret, signed), e.Body, signed.Add(off))
			was, again := said[e.ID]
			if err != nil || n.ID != e.ID || !slices.Equal(n.Charges, []string{c.ID}) || again && !was.At.Equal(n.At) {
				t.Errorf("%s after %v: %+v, %v", e.Type, off, n, err)
			}
			said[e.ID] = n
		}
	}
	for _, e := range events {
		if n, err := g.Notice(t.Context(), stripetest.Sign(e.Body, stripetest.WebhookSecret, signed), e.Body, signed.Add(provider.NoticeTolerance+time.Second)); !errors.Is(err, provider.ErrForged) {
			t.Errorf("%s is accepted later: %+v, %v", e.Type, n, err)
		}
	}
	if len(said) < 3 {
		t.Errorf("%d messages", len(said))
	}
}
