package notify

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/notify/mail"
	"boxoffice/internal/notify/smtp"
	"boxoffice/internal/notifyapi"
	"boxoffice/internal/notifyapi/notifytest"
)

// sink is an SMTP server that takes everything and keeps nothing. It tells took, if not
// nil, the Message-ID of each mail.
func sink(b testing.TB, took func(messageID string)) (port int) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	var all sync.WaitGroup
	b.Cleanup(all.Wait)
	b.Cleanup(func() { _ = l.Close() })
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				say := func(text string) bool {
					_, err := fmt.Fprint(conn, text, "\r\n")
					return err == nil
				}
				content, messageID := false, ""
				for ok := say("220 sink"); ok; {
					line, err := in.ReadString('\n')
					switch {
					case err != nil:
						return
					case content && line == ".\r\n":
						if took != nil {
							took(messageID)
						}
						content, ok = false, say("250 taken")
					case content:
						if id, found := strings.CutPrefix(line, "Message-ID: "); found {
							messageID = strings.TrimSpace(id)
						}
					case strings.HasPrefix(line, "DATA"):
						content, ok = true, say("354 go on")
					default:
						ok = say("250 ok")
					}
				}
			})
		}
	})
	return l.Addr().(*net.TCPAddr).Port
}

// BenchmarkMails sends confirmations without attachments to a sink on this machine: from
// the queue in the database to the server's answer and the line in the log.
func BenchmarkMails(b *testing.B) {
	for _, connections := range []int{1, 4, 16} {
		b.Run(fmt.Sprint(connections, " connections"), func(b *testing.B) {
			w := newWorld(b)
			sender, err := smtp.New(smtp.Config{Host: "127.0.0.1", Port: sink(b, nil), Clear: true, From: mail.Address{Address: "a@hall.example"}, Connections: connections})
			if err != nil {
				b.Fatal(err)
			}
			s := w.node(b, func(c *Config) { c.Sender, c.Parallel = sender, connections })
			for i := 0; i < b.N; i += 500 {
				list := make([]notifyapi.Notice, min(500, b.N-i))
				for j := range list {
					list[j] = notifytest.Booked(fmt.Sprint(i+j), fmt.Sprintf("fan%d@example.org", i+j), "de")
				}
				notify(b, s, list...)
			}
			b.ResetTimer()
			end := runs(b, s)
			for w.count(b, `state = 'queued'`) > 0 {
				time.Sleep(20 * time.Millisecond)
			}
			b.StopTimer()
			end()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "mails/s")
		})
	}
}
