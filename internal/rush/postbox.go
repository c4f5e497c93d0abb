package rush

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// postbox is a mail server on this machine that takes every mail, and keeps only their
// number.
type postbox struct {
	listener net.Listener
	busy     sync.WaitGroup
	got      atomic.Int64
}

func openPostbox() (*postbox, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("mail server: %w", err)
	}
	p := &postbox{listener: l}
	p.busy.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.busy.Go(func() { p.serve(c) })
		}
	})
	return p, nil
}

// url is the address as --smtp-url takes it.
func (p *postbox) url() string {
	return fmt.Sprintf("smtp://%s?from=tickets%%40rehearsal.invalid", p.listener.Addr())
}

func (p *postbox) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c) // lines have at most 1,000 bytes (RFC 5321, section 4.5.3.1.6)
	content := false
	for answer := "220 rehearsal"; ; {
		if answer != "" {
			if _, err := io.WriteString(c, answer+"\r\n"); err != nil {
				return
			}
		}
		line, err := in.ReadSlice('\n')
		switch answer = ""; {
		case err != nil:
			return
		case !content && bytes.HasPrefix(line, []byte("DATA")):
			answer, content = "354 go on", true
		case !content && bytes.HasPrefix(line, []byte("QUIT")):
			_, _ = io.WriteString(c, "221 bye\r\n")
			return
		case !content:
			answer = "250 ok"
		case string(line) == ".\r\n":
			answer, content = "250 taken", false
			p.got.Add(1)
		}
	}
}

// close ends it, once the servers have ended that send to it.
func (p *postbox) close() {
	_ = p.listener.Close()
	p.busy.Wait()
}
