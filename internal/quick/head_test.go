package quick

import "testing"

func BenchmarkParse(b *testing.B) {
	list := []*Operation{operation("POST", "/bookings"), operation("POST", "/payments"), operation("GET", "/events/{id}"), operation("GET", "/events/{id}/seats"), operation("DELETE", "/bookings/{id}"), operation("GET", "/payments/booking/{id}")}
	for name, text := range map[string]string{
		"program": "POST /bookings HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAuthorization: Bearer 0123456789abcdefghjkmnpqrs\r\nIdempotency-Key: 3f1c9a7e-5a55-4c55-9f2c-1f2f3f4f5f6f\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
		"browser": "POST /bookings HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nConnection: keep-alive\r\nContent-Length: 2\r\nsec-ch-ua-platform: \"Linux\"\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\nsec-ch-ua: \"Chromium\";v=\"142\"\r\nContent-Type: application/json\r\nsec-ch-ua-mobile: ?0\r\nAccept: */*\r\nOrigin: http://127.0.0.1:8080\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nReferer: http://127.0.0.1:8080/e/x\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\nCookie: lang=en; session=0123456789abcdefghjkmnpqrs\r\n\r\n{}",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var q Request
			for b.Loop() {
				q = Request{}
				if q.Parse([]byte(text), list) != len(text) {
					b.Fatal("not plain")
				}
			}
		})
	}
}
