package settings

import (
	"reflect"
	"strings"
	"testing"
)

func TestSMSURL(t *testing.T) {
	for text, want := range map[string]SMS{
		"https://AC1:t0k@api.twilio.com?from=%2B447400123456":                       {URL: "https://api.twilio.com", Account: "AC1", Token: "t0k", From: "+447400123456", PerSecond: 10},
		"https://AC1:t%40k@api.twilio.com/?from=+447400123456&regions=GB,IE":        {URL: "https://api.twilio.com", Account: "AC1", Token: "t@k", From: "+447400123456", Regions: []string{"GB", "IE"}, PerSecond: 10},
		"https://AC1:t@sms.example:8443?from=Old%20Hall&per-second=50":              {URL: "https://sms.example:8443", Account: "AC1", Token: "t", From: "Old Hall", PerSecond: 50},
		"http://AC1:t@127.0.0.1:9999?from=MG0123456789abcdef0123456789abcdef":       {URL: "http://127.0.0.1:9999", Account: "AC1", Token: "t", From: "MG0123456789abcdef0123456789abcdef", PerSecond: 10},
		"https://AC1:t@api.twilio.com?from=%2B447400123456&regions=DE&per-second=1": {URL: "https://api.twilio.com", Account: "AC1", Token: "t", From: "+447400123456", Regions: []string{"DE"}, PerSecond: 1},
	} {
		s := Server{SMSURL: text}
		if got, err := s.Texts(); err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	if got, err := (&Server{}).Texts(); got != nil || err != nil {
		t.Error(got, err)
	}
	for text, part := range map[string]string{
		"api.twilio.com": "https://",
		"sms://AC1:secret@api.twilio.com?from=%2B447400123456":     "https://",
		"http://AC1:secret@api.twilio.com?from=%2B447400123456":    "loopback",
		"https://api.twilio.com?from=%2B447400123456":              "token",
		"https://secret@api.twilio.com?from=%2B447400123456":       "token",
		"https://AC1:secret@?from=%2B447400123456":                 "an address",
		"https://AC1:secret@api.twilio.com":                        "from=",
		"https://AC1:secret@api.twilio.com?from=":                  "from: ",
		"https://AC1:secret@api.twilio.com?from=0800":              "from: ",
		"https://AC1:secret@api.twilio.com?from=A+name+too+long":   "from: ",
		"https://AC1:secret@api.twilio.com?from=x&regions=Germany": "regions: ",
		"https://AC1:secret@api.twilio.com?from=x&regions=":        "regions: ",
		"https://AC1:secret@api.twilio.com?from=x&regions=de":      "regions: ",
		"https://AC1:secret@api.twilio.com?from=x&per-second=0":    "per-second: ",
		"https://AC1:secret@api.twilio.com?form=x":                 "unknown setting",
		"https://AC1:secret@api.twilio.com/2010-04-01?from=x":      "%2F",
		"https://AC1:secret@api.twilio.com:0?from=x":               "port",
		"https://AC1:secret%zz@api.twilio.com?from=x":              "%40",
	} {
		s := Server{Addr: "127.0.0.1:8080", Loopback: 1, SMSURL: text}
		err := s.Check()
		if err == nil || !strings.Contains(err.Error(), part) || !strings.Contains(err.Error(), "--sms-url") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
	demo := Server{Addr: "127.0.0.1:8080", Loopback: 1, Demo: true, SMSURL: "https://AC1:t@api.twilio.com?from=x"}
	if err := demo.Check(); err == nil || !strings.Contains(err.Error(), "--demo") {
		t.Error(err)
	}
}
