package codec

import "testing"

func TestTakesGzip(t *testing.T) {
	for header, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "gzip, deflate, br": true, "br;q=1.0, gzip;q=0.8": true, "*": true, "identity, *;q=0": false,
		"gzip;q=0": false, "gzip;q=0.0, *": false, "gzip; q=0.001": true, "deflate": false, "notgzip": false, "*;q=0, gzip": true,
	} {
		if TakesGzip(header) != want {
			t.Errorf("%q: %v", header, !want)
		}
	}
}
