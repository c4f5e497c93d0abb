package payment

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"boxoffice/internal/codec"
	"boxoffice/internal/paymentapi"
)

// The bodies of the service's messages: rows that are stored become exactly these bytes,
// which this version and the one before read. Fields are only added; unknown ones are
// ignored.
func TestMessageBodies(t *testing.T) {
	captured := []paymentapi.Capture{{PaymentID: "0123456789abcdefb-1", UserID: "u"}}
	returned := []paymentapi.Return{
		{PaymentID: "0123456789abcdefb-1", UserID: "u", Amount: 5000, Currency: "EUR", Seq: 7},
		{PaymentID: "0123456789abcdefc-2", UserID: "v", Amount: 100, Currency: "EUR", Reason: "seats-gone", Taken: true},
	}
	rows, err := noteReturned(returned)
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	for name, body := range map[string]any{
		"captured":            capturedBody(notePaid(captured)[0].payments),
		"returned":            returnedBody(rows[0].payments),
		"captured-unreadable": capturedBody("nonsense"),
		"returned-unreadable": returnedBody("nonsense"),
	} {
		golden, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		raw, err := codec.Marshal(body)
		if err != nil || string(raw)+"\n" != string(golden) {
			t.Errorf("%s: %v, it is %s", name, err, raw)
		}
		newer := strings.NewReplacer(`{"payment_id"`, `{"since":{"a":[1]},"payment_id"`).Replace(`{"new":null,` + string(golden[1:]))
		got := reflect.New(reflect.TypeOf(body))
		if err := codec.ReadKnown([]byte(newer), got.Interface()); err != nil || !reflect.DeepEqual(got.Elem().Interface(), body) {
			t.Errorf("%s: %v, read is %+v", name, err, got.Elem().Interface())
		}
	}
}
