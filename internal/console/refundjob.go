package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"boxoffice/internal/errs"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/id"
	"boxoffice/internal/page"
	"boxoffice/internal/paymentapi"
)

// maxNote is how long the note about a refund that was given back in another way may be.
const maxNote = 500

// stuckRow is a refund that has failed or is delayed.
type stuckRow struct {
	paymentapi.StuckRefund
	Reference string // of its booking
	Words     string // the key of the reason's words; "": it has none
}

// refundReasons are the reasons of failed refunds that have words of their own: ours, and
// refund_failed, which gateways say when a refund has failed later.
var refundReasons = []string{"no-payment", "more-than-captured", "charged-back", "refunded-elsewhere", "elsewhere-failed", "refund_failed"}

// refunds shows how far the refunds of an event have got, and pauses and resumes them.
func (c *Console) refunds(v *page.Visit, e *eventapi.Event) error {
	problem := ""
	if v.Method == http.MethodPost {
		change := paymentapi.RefundJobChange{}
		switch v.PostFormValue("do") {
		case "pause":
			change.Paused = true
		case "retry":
			change.Retry = true
		case "resume":
		case "handled":
			change.Paused = v.PostFormValue("state") == string(paymentapi.RefundsPaused)
			seq, err := strconv.ParseInt(v.PostFormValue("refund"), 10, 64)
			note := strings.TrimSpace(v.PostFormValue("note"))
			if err != nil || utf8.RuneCountInString(note) > maxNote {
				return errs.New(errs.Malformed, "malformed-form", "The form cannot be read.")
			}
			change.Handled = &paymentapi.HandledRefund{Seq: seq, Note: note}
		default: // money is sent only if somebody has asked for it
			return errs.New(errs.Malformed, "malformed-form", "The form cannot be read.")
		}
		change.Version, _ = strconv.ParseInt(v.PostFormValue("version"), 10, 64) // 0: any
		_, err := c.Payments.ChangeRefundJob(v.Context(), v.Caller, e.ID, change)
		if err == nil {
			return v.Go(at(e, "/refunds"))
		}
		var ok bool
		if problem, ok = v.Reason(err); !ok {
			return err
		}
		v.Status(http.StatusConflict)
	}
	after, _ := strconv.ParseInt(v.Request.URL.Query().Get("after"), 10, 64) // 0: the first page
	j, err := c.Payments.RefundJob(v.Context(), v.Caller, e.ID, after, paymentapi.RefundsListed)
	if err != nil {
		return err
	}
	rows := make([]stuckRow, len(j.Items))
	for i, r := range j.Items {
		rows[i] = stuckRow{StuckRefund: r, Reference: id.Reference(r.BookingID)}
		if slices.Contains(refundReasons, r.Reason) {
			rows[i].Words = "refunds.reason." + r.Reason
		}
	}
	v.W.Header().Set("Cache-Control", "private, no-store")
	return v.Show(c.set, "refunds", page.Meta{Title: v.T("refunds.title"), NoIndex: true}, map[string]any{
		"Event": e, "Job": &j, "Rows": rows, "Problem": problem, "Cancelled": e.Status == eventapi.Cancelled,
	})
}
