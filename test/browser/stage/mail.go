package stage

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
)

var (
	mailItem = regexp.MustCompile(`(?s)<li><a href="(/dev/mail/[^"]+)">.*?To (.*?) ·`)
	mailText = regexp.MustCompile(`(?s)<pre>(.*?)</pre>`)
)

// Mail waits for the latest mail to an address whose text matches, and answers
// the first group of the match.
func (s *Stage) Mail(to string, want *regexp.Regexp) (string, error) {
	for deadline := time.Now().Add(usual); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		list, err := s.read("/dev/mail")
		if err != nil {
			return "", err
		}
		for _, item := range mailItem.FindAllStringSubmatch(list, -1) { // the latest first
			if !strings.Contains(html.UnescapeString(item[2]), to) {
				continue
			}
			one, err := s.read(html.UnescapeString(item[1]))
			if err != nil {
				return "", err
			}
			if text := mailText.FindStringSubmatch(one); text != nil {
				if found := want.FindStringSubmatch(html.UnescapeString(text[1])); found != nil {
					return found[1], nil
				}
			}
		}
	}
	return "", fmt.Errorf("no mail to %s has %s", to, want)
}

// read is a page's source.
func (s *Stage) read(path string) (string, error) {
	res, err := http.Get(s.URL + path)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", path, res.Status)
	}
	return string(raw), err
}
