package rush

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"boxoffice/internal/codec"
)

// readFans reads up to n fans from a file, one JSON object a line, each with a
// token or with email and password.
func readFans(name string, n int) ([]Fan, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("--fans-file: %w", err)
	}
	defer f.Close()
	var fans []Fan
	lines := bufio.NewScanner(f)
	for at := 1; lines.Scan() && len(fans) < n; at++ {
		var fan Fan
		if err := codec.ReadKnown(lines.Bytes(), &fan); err != nil {
			return nil, fmt.Errorf("--fans-file: line %d: %w", at, err)
		}
		if fan.Token == "" && (fan.Email == "" || fan.Password == "") {
			return nil, fmt.Errorf("--fans-file: line %d has neither a token nor email and password", at)
		}
		fans = append(fans, fan)
	}
	if len(fans) == 0 && lines.Err() == nil {
		return nil, errors.New("--fans-file: there is nobody in it")
	}
	return fans, lines.Err()
}

// present prepares fans that have no session yet: those of a file log in, and
// without a file new ones sign up.
func (r *rehearsal) present(ctx context.Context) error {
	if len(r.crowd.fans) == 0 {
		return r.warmUp(ctx)
	}
	call := r.crowd.client.call()
	defer call.done()
	for i, f := range r.crowd.fans {
		if f.Token != "" {
			continue
		}
		fan, err := logIn(call, f.Email, f.Password)
		if err != nil {
			return fmt.Errorf("--fans-file: %w", err)
		}
		r.crowd.fans[i] = fan
	}
	return nil
}

// warmUpTime is how long accounts may be made over HTTP before the rush.
const warmUpTime = 60 * time.Second

// warmUp signs fans up and logs them in over HTTP, as many as the time allows.
func (r *rehearsal) warmUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, warmUpTime)
	defer cancel()
	run := time.Now().UnixNano()
	var mu sync.Mutex
	var firstErr error
	var busy sync.WaitGroup
	next := make(chan int)
	for range 4 {
		busy.Go(func() {
			call := r.crowd.client.call()
			defer call.done()
			for i := range next {
				account := map[string]string{"email": fmt.Sprintf("fan-%d-%d@rush.example", run, i), "name": "Rush Fan", "password": fmt.Sprintf("rush %d %d", run, i)}
				fan, err := signUp(call, account)
				mu.Lock()
				if err != nil && firstErr == nil {
					firstErr = err
				} else if err == nil {
					r.crowd.fans = append(r.crowd.fans, fan)
				}
				mu.Unlock()
			}
		})
	}
	for i := 0; i < r.opts.Fans && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	busy.Wait()
	if len(r.crowd.fans) == 0 {
		return fmt.Errorf("warm-up: nobody could sign up: %w", firstErr)
	}
	fmt.Fprintf(r.live, "%d fans have signed up and logged in\n", len(r.crowd.fans))
	return nil
}

func signUp(call *call, account map[string]string) (Fan, error) {
	var u struct {
		ID string `json:"id"`
	}
	if err := call.post("/users", "", 201, account, &u); err != nil {
		return Fan{}, err
	}
	return logIn(call, account["email"], account["password"])
}

func logIn(call *call, email, password string) (Fan, error) {
	var s struct {
		Token string `json:"token"`
		User  struct {
			ID string `json:"id"`
		} `json:"user"`
	}
	err := call.post("/users/login", "", 200, map[string]string{"email": email, "password": password}, &s)
	return Fan{UserID: s.User.ID, Token: s.Token}, err
}
