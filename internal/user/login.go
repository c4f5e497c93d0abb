package user

import (
	"context"
	"errors"
	"strings"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/message"
)

// Credentials are what somebody logs in with.
type Credentials struct {
	Name     string // e-mail address or username
	Password string
	Code     string // of the authenticator app, or a recovery code; "" when there is none
	Agent    string // the program that asks, for the list of sessions

	Visitor message.Caller // who has been here until now; a guest's holds go to the account

	Steps bool   // a code that is missing is asked for in a step of its own: see CodeNeeded
	Proof string // of CodeNeeded, in place of name and password
}

// Session is a log-in that has succeeded.
type Session struct {
	Token     string
	Ends      time.Time
	User      User
	TwoFactor string // "", "active", or "required": see RequireTwoFactor
}

// Login checks a password, and a code if the account wants one, and starts a
// session. An unknown account and a wrong password give the same error after the
// same time.
func (s *Service) Login(ctx context.Context, c Credentials) (Session, error) {
	from := message.ClientFrom(ctx)
	if err := s.visitors.check(from, s.now()); err != nil {
		return Session{}, err
	}
	login := strings.ToLower(strings.TrimSpace(c.Name))
	u, err := s.claimed(ctx, login, c.Proof)
	if err != nil && !errors.Is(err, errNoUser) {
		return Session{}, err
	}
	account := u.ID
	if account == "" {
		account = "?" + login
	}
	wrong := errs.New(errs.Unauthenticated, "wrong-password", "There is no account with this name and password.")
	end, err := s.throttle.begin(ctx, account, s.now)
	if err != nil {
		return Session{}, err
	}
	outcome, err := s.prove(ctx, u, c, wrong)
	end(outcome)
	if err != nil {
		if outcome == failed {
			s.visitors.note(from, s.now())
		}
		return Session{}, err
	}
	session, err := s.welcome(ctx, u, c.Visitor, c.Agent)
	if errors.Is(err, errStale) {
		err = wrong
	}
	return session, err
}

// welcome starts a session of an account, which takes over what its owner has
// held as a visitor. When a limit forbids that, nothing changes.
func (s *Service) welcome(ctx context.Context, u User, visitor message.Caller, agent string) (Session, error) {
	if err := s.adopt(ctx, visitor, u.ID); err != nil {
		return Session{}, err
	}
	session, err := s.startSession(ctx, u, agent, sessionLife)
	if err != nil {
		return Session{}, err
	}
	return session, s.leave(ctx, visitor)
}

// prove checks what an account wants to see at log-in.
func (s *Service) prove(ctx context.Context, u User, c Credentials, wrong error) (outcome, error) {
	if c.Proof != "" {
		if err := s.checkProof(ctx, &u, c.Proof); err != nil {
			return undecided, err
		}
	} else if ok, err := s.hasher.check(ctx, u.hash, c.Password); err != nil {
		return undecided, err
	} else if !ok {
		return failed, wrong
	}
	switch {
	case u.Disabled:
		return failed, wrong
	case !u.twoFactor:
		return right, nil
	case c.Code == "":
		return undecided, s.askForCode(ctx, &u, c)
	}
	if err := s.secondFactor(ctx, &u, c.Code, "code"); errs.KindOf(err) == errs.Invalid {
		return failed, errs.New(errs.Unauthenticated, "wrong-code", "This is not a code of now, or it was used before.")
	} else if err != nil {
		return undecided, err
	}
	return right, nil
}

// try checks a password, throttled per account. The account is a User's id, or
// stands for a name that nobody has.
func (s *Service) try(ctx context.Context, account string, u User, password string) (bool, error) {
	end, err := s.throttle.begin(ctx, account, s.now)
	if err != nil {
		return false, err
	}
	ok, err := s.hasher.check(ctx, u.hash, password)
	switch {
	case err != nil:
		end(undecided)
		return false, err
	case ok && !u.Disabled:
		end(right)
		return true, nil
	}
	end(failed)
	return false, nil
}

// SignUpAndIn makes an account of role customer with a session, and gives it what
// its owner has held as a visitor.
func (s *Service) SignUpAndIn(ctx context.Context, a Account, visitor message.Caller, agent string) (Session, error) {
	u, err := s.SignUp(ctx, a)
	if err != nil {
		return Session{}, err
	}
	return s.welcome(ctx, u, visitor, agent)
}

// Self is the account of a caller.
func (s *Service) Self(ctx context.Context, caller message.Caller) (User, error) {
	return s.visible(ctx, caller, caller.UserID)
}
