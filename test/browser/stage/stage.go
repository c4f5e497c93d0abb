// Package stage runs the demo and a browser, for tests of pages and for taking
// pictures of them: a node of its own on a free port, in a temporary folder, and
// a headless Chromium, both of which end with the stage.
package stage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/chromedp/chromedp"
)

// Stage is a running demo, and a browser.
type Stage struct {
	URL       string
	Passwords map[string]string // of the demo's accounts: buyer, organizer
	Chromium  string            // the browser's program

	dir     string
	node    *exec.Cmd
	browser context.Context
	close   []func()
}

// Open builds the program, starts a node with the demo's events and a browser.
// More are further flags of serve.
func Open(ctx context.Context, more ...string) (s *Stage, err error) {
	s = &Stage{Passwords: map[string]string{}}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "boxoffice-stage"); err != nil {
		return s, err
	}
	if err := s.serve(ctx, more); err != nil {
		return s, err
	}
	return s, s.launch(ctx)
}

// Close ends browser and node, and removes what they have left.
func (s *Stage) Close() {
	for i := len(s.close) - 1; i >= 0; i-- {
		s.close[i]()
	}
	s.Stop()
	_ = os.RemoveAll(s.dir)
}

// Stop ends the node and leaves the browser without it.
func (s *Stage) Stop() {
	if s.node != nil {
		_ = s.node.Process.Signal(syscall.SIGTERM)
		_ = s.node.Wait()
		s.node = nil
	}
}

// serve starts the node and waits until it is ready.
func (s *Stage) serve(ctx context.Context, more []string) error {
	program := filepath.Join(s.dir, "boxoffice")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "boxoffice/cmd/boxoffice").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	s.node = exec.Command(program, append([]string{"serve", "--demo", "--addr", "127.0.0.1:0", "--loopback-factor", "1000", "--data", filepath.Join(s.dir, "data")}, more...)...)
	s.node.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.node.Stderr = os.Stderr
	out, err := s.node.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.node.Start(); err != nil {
		s.node = nil
		return err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if f := strings.Fields(lines.Text()); len(f) == 3 {
			s.Passwords[f[0]] = f[2]
		}
		if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			s.URL = url
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return nil
		}
	}
	return errors.New("serve ended before it was ready")
}

// chromiums are the names under which Chromium is found.
var chromiums = []string{"chromium", "chromium-browser", "google-chrome"}

// Chromium finds the browser, and says how to start it. Quiet flags keep it from
// looking for things on the network; without a sandbox it also runs as root.
func Chromium() (program string, options []chromedp.ExecAllocatorOption, err error) {
	for _, name := range chromiums {
		if program, err = exec.LookPath(name); err == nil {
			return program, append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU,
				chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
				chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.WSURLReadTimeout(time.Minute)), nil
		}
	}
	return "", nil, fmt.Errorf("there is no browser: none of %s is installed (scripts/setup.sh installs it)", strings.Join(chromiums, ", "))
}

// launch starts the browser.
func (s *Stage) launch(ctx context.Context) error {
	program, options, err := Chromium()
	if err != nil {
		return err
	}
	s.Chromium = program
	blank := image.NewGray(image.Rect(0, 0, CameraWidth, CameraHeight))
	if err := os.WriteFile(s.film(), film(blank), 0o600); err != nil {
		return err
	}
	trusted, err := s.certify()
	if err != nil {
		return err
	}
	options = append(options, chromedp.Flag("ignore-certificate-errors-spki-list", trusted), chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-video-capture", s.film()), chromedp.UserDataDir(filepath.Join(s.dir, "browser")))
	allocator, end := chromedp.NewExecAllocator(ctx, options...)
	s.close = append(s.close, end)
	browser, end := chromedp.NewContext(allocator)
	s.close = append(s.close, end)
	if err := chromedp.Run(browser); err != nil {
		return fmt.Errorf("browser: %w", err)
	}
	s.browser = browser
	return nil
}
