package dsn

import (
	"reflect"
	"strings"
	"testing"

	"boxoffice/internal/notifyapi"
)

// Reports as mail servers write them.
const (
	postfix = `Return-Path: <>
From: MAILER-DAEMON@mx.example.org (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: tickets@example.org
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
	boundary="4cX1.1700000000/mx.example.org"

This is a MIME-encapsulated message.

--4cX1.1700000000/mx.example.org
Content-Description: Notification
Content-Type: text/plain; charset=utf-8

I'm sorry to have to inform you that your message could not be delivered.

--4cX1.1700000000/mx.example.org
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org
X-Postfix-Queue-ID: 4cX1
Arrival-Date: Sat, 28 Nov 2026 20:00:00 +0000 (UTC)

Final-Recipient: rfc822; gus@gone.example
Original-Recipient: rfc822;gus@gone.example
Action: failed
Status: 5.1.1
Remote-MTA: dns; mail.gone.example
Diagnostic-Code: smtp; 550 5.1.1 <gus@gone.example>: Recipient address
    rejected: User unknown

--4cX1.1700000000/mx.example.org
Content-Description: Undelivered Message
Content-Type: message/rfc822

From: "Old Hall" <tickets@example.org>
To: <gus@gone.example>
Message-ID: <Ym9va2VkLzE.abc-_D@example.org>
Subject: Your tickets

text
--4cX1.1700000000/mx.example.org--
`
	delayed = `Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; gus@slow.example
Action: delayed
Status: 4.4.1

--b--
`
	outlook = `Content-Type: multipart/report; boundary="b"; report-type=delivery-status

--b
Content-Type: message/delivery-status
Content-Transfer-Encoding: base64

UmVwb3J0aW5nLU1UQTogZG5zO0ZSMQ0KDQpGaW5hbC1SZWNpcGllbnQ6IHJmYzgyMjtndXNAZnVs
bC5leGFtcGxlDQpBY3Rpb246IGZhaWxlZCAoZXhwYW5kZWQpDQpTdGF0dXM6IDUuMi4yDQoNCkZp
bmFsLVJlY2lwaWVudDogcmZjODIyO2JAeC5leGFtcGxlDQpBY3Rpb246IHJlbGF5ZWQNClN0YXR1
czogMi4wLjANCg==
--b
Content-Type: text/rfc822-headers

Message-Id: <x@example.org>
`
)

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		mail string
		want []notifyapi.Bounce
	}{
		"postfix":                    {postfix, []notifyapi.Bounce{{MessageID: "<Ym9va2VkLzE.abc-_D@example.org>", Recipient: "gus@gone.example", Status: "5.1.1", Answer: "550 5.1.1 <gus@gone.example>: Recipient address rejected: User unknown"}}},
		"with line ends of the wire": {strings.ReplaceAll(postfix, "\n", "\r\n"), []notifyapi.Bounce{{MessageID: "<Ym9va2VkLzE.abc-_D@example.org>", Recipient: "gus@gone.example", Status: "5.1.1", Answer: "550 5.1.1 <gus@gone.example>: Recipient address rejected: User unknown"}}},
		"cut off within the mail":    {postfix[:strings.Index(postfix, "Subject: Your")+10], []notifyapi.Bounce{{MessageID: "<Ym9va2VkLzE.abc-_D@example.org>", Recipient: "gus@gone.example", Status: "5.1.1", Answer: "550 5.1.1 <gus@gone.example>: Recipient address rejected: User unknown"}}},
		"a delay":                    {delayed, nil},
		"encoded, headers only, one of two, without an end": {outlook, []notifyapi.Bounce{{MessageID: "<x@example.org>", Recipient: "gus@full.example", Status: "5.2.2"}}},
		"an answer of a person":                             {"From: gus@example.org\nContent-Type: text/plain\n\nThanks!\n", nil},
		"no type":                                           {"From: gus@example.org\n\nThanks!\n", nil},
	} {
		got, err := Read(strings.NewReader(c.mail))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	if _, err := Read(strings.NewReader("no mail at all")); err == nil {
		t.Error("no mail is read")
	}
}

// Whatever is sent to the address for bounces, what is read of it is harmless.
func FuzzRead(f *testing.F) {
	for _, text := range []string{postfix, delayed, outlook} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, _ := Read(strings.NewReader(text))
		for _, b := range list {
			for _, field := range []string{b.Recipient, b.Status, b.Answer} {
				if len(field) > mostText || strings.ContainsAny(field, "\r\n\x00") {
					t.Errorf("%q", field)
				}
			}
		}
	})
}

// A hostile report names tens of thousands of recipients, each of which would be a
// statement in one transaction.
func TestManyRecipients(t *testing.T) {
	part := "--b\nContent-Type: message/delivery-status\n\n" + strings.Repeat("Action: failed\n\n", 4000)
	list, err := Read(strings.NewReader("From: a@b\nContent-Type: multipart/report; boundary=b\n\n" + strings.Repeat(part, 15) + "--b--\n"))
	if err != nil || len(list) != mostFailed {
		t.Errorf("%d recipients, %v", len(list), err)
	}
}
