package quick

import (
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Times pass in bubbles: none of these tests takes as long as it says.

// every is text that comes bit by bit.
func every(wait time.Duration, size int, text string) (list []piece) {
	for ; text != ""; text = text[min(size, len(text)):] {
		list = append(list, piece{text[:min(size, len(text))], wait})
	}
	return list
}

func repeat(n int, list ...piece) (all []piece) {
	for range n {
		all = append(all, list...)
	}
	return all
}

// How long a client may take is as with net/http alone, but for so much; what it
// is answered is the same.
func TestSlowClients(t *testing.T) {
	head, body := strings.TrimSuffix(post, "hello"), "hello"
	long, rest := "POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n", strings.Repeat("x", 20)
	hour := repeat(60, piece{get, time.Minute - time.Second})
	drops := every(time.Second, 700, "GET /page HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 14000))
	after := func(before []piece, more ...piece) []piece { return append(slices.Clone(before), more...) }
	for _, c := range []struct {
		name           string
		pieces         []piece
		earlier, later time.Duration // than without the door
	}{
		{"silent", nil, 0, 0},
		{"silent after a short one", []piece{{get, 0}}, 0, 0},
		{"silent after a long one", []piece{{page, 0}}, 0, 0},
		{"silent after a short and a long one", []piece{{get + page, 0}}, 0, 0},
		{"silent after a long and a short one", []piece{{page + get, 0}}, 0, 0},
		{"silent after an hour", hour, idleTime / 2, 0},
		{"half a head", []piece{{"GET /echo/7 HT", 0}}, 0, 0},
		{"half a head, after a pause", []piece{{"", headTime / 2}, {"GET /echo/7 HT", 0}}, 0, headTime},
		{"half a head after an hour", after(hour, piece{"GET /echo/7 HT", 0}), 0, 0},
		{"half a head in the second minute", []piece{{get, idleTime/2 + time.Second}, {"GET /echo/7 HT", 0}}, 0, 0},
		{"drop by drop", every(time.Second, 1, get), 0, 0},
		{"drop by drop after a short one", after([]piece{{get, 0}}, every(time.Second, 1, get)...), 4 * time.Second, 0}, // net/http counts from the fourth byte
		{"drop by drop after a long one", after([]piece{{page, 0}}, every(time.Second, 1, get)...), 4 * time.Second, 0},
		{"a large head, little by little", drops, 0, headTime},
		{"a body that is late", []piece{{head, headTime + 2*time.Second}, {body, 0}}, 0, 0},
		{"a body that never comes", []piece{{head, 0}}, 0, 0},
		{"a body that never comes, after an hour", after(hour, piece{head, 0}), 0, 0},
		{"a long one's body that is late", []piece{{long, readTime - 5*time.Second}, {rest, 0}}, 0, 0},
		{"a long one's body that is late, after an hour", after(hour, piece{long, readTime - 5*time.Second}, piece{rest, 0}), 0, 0},
		{"a long one's body that never comes", []piece{{long, 0}}, 0, 0},
		{"a long one's body that never comes, after an hour", after(hour, piece{long, 0}), 0, 0},
		{"a large head, little by little, after an hour and a long one", after(append([]piece{{page, 0}}, hour...), drops...), 0, headTime},
		{"the same, and a long one before", after(append([]piece{{page, 0}}, hour...), piece{long, 0}), 0, 0},
		{"an empty line at a time", after([]piece{{post, 0}}, every(time.Second, 1, "\r\n\r\n\r\n")...), 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			same(t, c.pieces, leaveOpen)
			without, with := lasts(t, false, c.pieces), lasts(t, true, c.pieces)
			if with < without-c.earlier || with > without+c.later+patience {
				t.Errorf("it lasts %v, without the door %v", with, without)
			}
		})
	}
}

// lasts is how long a server keeps the connection of a client that says so much.
func lasts(t *testing.T, withDoor bool, pieces []piece) (took time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newStage(withDoor)
		c := s.connect()
		start, done := time.Now(), make(chan time.Duration)
		go func() {
			_, _ = io.Copy(io.Discard, c)
			done <- time.Since(start)
		}()
		for _, p := range pieces {
			if _, err := c.Write([]byte(p.text)); err != nil {
				break
			}
			time.Sleep(p.wait)
		}
		took = <-done
		_ = c.Close()
		_ = s.Shutdown(t.Context())
	})
	return took
}
