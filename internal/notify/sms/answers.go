package sms

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/safetext"
)

// problem is how the API refuses a request.
type problem struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// ours are codes of a 4xx that are the fault of this site's settings or account: every
// message would be refused, so all wait until that is mended.
var ours = []int{
	20003, 20005, // wrong account or password; account suspended
	21212, 21603, 21606, 21659, 21660, // the sender's number is none, missing, or not the account's
	21701, 21702, 21703, 21704, // the messaging service does not exist, or has no numbers
}

// later are codes of a 4xx that pass: too many messages in the sender's queue,
// maintenance.
var later = []int{21611, 21730}

// failure says what an answer other than 2xx means for the message.
func failure(resp *http.Response, raw []byte) error {
	var p problem
	if codec.ReadKnown(raw, &p) != nil {
		p = problem{}
	}
	text := strconv.Itoa(resp.StatusCode)
	if p.Code != 0 {
		text += " " + strconv.Itoa(p.Code)
	}
	if p.Message != "" {
		text += " " + safetext.OneLine(p.Message, answerLen)
	}
	err := errors.New(text)
	switch status := resp.StatusCode; {
	case status == http.StatusTooManyRequests:
		return &Unavailable{Cause: err, After: retryAfter(resp)}
	case status == http.StatusServiceUnavailable && retryAfter(resp) > 0:
		return &Unavailable{Cause: err, After: retryAfter(resp)}
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound, status/100 == 3,
		status == http.StatusProxyAuthRequired, status == http.StatusMethodNotAllowed, slices.Contains(ours, p.Code):
		return &Unavailable{Cause: err}
	case status/100 == 4 && status != http.StatusRequestTimeout && p.Code != 0 && !slices.Contains(later, p.Code):
		return &Refused{Answer: text}
	case status/100 == 5:
		return fmt.Errorf("perhaps taken: %w", err)
	}
	return err
}

// longestWish is how long a provider may have us wait.
const longestWish = 10 * time.Minute

func retryAfter(resp *http.Response) time.Duration {
	n, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(n)*time.Second, longestWish)
}

// undelivered says why messages do not arrive, by the provider's codes.
var undelivered = map[int]string{
	21610: "the recipient has answered STOP",
	30001: "the provider's queue is full",
	30002: "the provider has suspended the account",
	30003: "the phone is off or out of reach",
	30004: "the recipient blocks such messages",
	30005: "the number is not in use",
	30006: "a landline, or out of reach",
	30007: "the network takes it for spam",
	30008: "the network does not say why",
	30410: "the network did not answer in time",
}

// Explained is a code of the provider with what it means, as far as it is known.
func Explained(code int) string {
	text := strconv.Itoa(code)
	if why := undelivered[code]; why != "" {
		text += " " + why
	}
	return text
}

// answerLen is how much of a text of the provider is kept.
const answerLen = 300
