package user

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
)

// Credentials are what somebody logs in with.
type Credentials struct {
	Name     string // e-mail address or username
	Password string
	Code     string // of the authenticator app, or a recovery code; "" when there is none
	Agent    string // the program that asks, for the list of sessions

	Visitor caller.Caller // the caller until now; a guest's holds go to the account

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
	from := caller.ClientFrom(ctx)
	if err := s.visitors.check(from, s.now()); err != nil {
		return Session{}, err
	}
	list, a, err := s.claimed(ctx, c)
	if err != nil {
		return Session{}, err
	}
	wrong := errs.New(errs.Unauthenticated, "wrong-password", "%s", saysWrong)
	var u User
	err = s.limited(ctx, a, func(tn *turn) (o outcome, _ string, err error) {
		u, o, err = s.prove(ctx, list, tn.may, c, wrong)
		if o == failed {
			s.visitors.note(from, s.now())
		}
		return o, u.ID, err
	})
	if err != nil {
		return Session{}, err
	}
	session, err := s.welcome(ctx, u, c.Visitor, c.Agent)
	if errors.Is(err, errStale) {
		err = wrong
	}
	return session, err
}

// saysWrong is said whichever of its cases it is: what helps somebody whose right
// password is not looked at any more tells a guesser nothing.
var saysWrong = fmt.Sprintf("There is no account with this name and password. After too many wrong passwords, even the right one is refused for up to %d minutes. "+
	"A new password, set by email, works at once.", int(failWindow.Minutes()))

// claimed are the accounts that a log-in may be about, by a proof or by name, and
// what its failures are counted for: in the same way whether a name is an account's
// or not, and whichever accounts that nobody has verified give an address.
func (s *Service) claimed(ctx context.Context, c Credentials) (list []User, a attempt, err error) {
	name := "?" + sameName(c.Name) // as many spellings count as one as would be one account's
	shared := strings.Contains(c.Name, "@")
	if userID, _, ok := strings.Cut(c.Proof, "."); ok {
		name, shared = "proof "+userID, false
		u, err := s.get(ctx, userID)
		switch {
		case err == nil:
			list = []User{u}
		case !errors.Is(err, errNoUser):
			return nil, a, err
		}
	} else if list, err = s.claimants(ctx, c.Name); err != nil {
		return nil, a, err
	}
	a.accounts = map[tryKey]string{}
	for i := range list {
		a.accounts[target(list[i].ID, list[i].hash)] = list[i].ID
		if i > 0 || shared && !list[0].Verified { // strangers may have made them
			a.others = append(a.others, list[i].ID)
		}
	}
	hash := ""
	if len(list) > len(a.others) {
		a.owner, hash = list[0].ID, list[0].hash
	}
	a.of = target(name, hash)
	return list, a, nil
}

// sameName is the one form of a name that somebody logs in with, whether it is an
// account's or not.
func sameName(name string) string {
	if len(name) > 254 {
		return name // see claimants
	}
	if strings.Contains(name, "@") {
		forms := spellings(name)
		return forms[len(forms)-1]
	}
	return strings.ToLower(strings.TrimSpace(name))
}

// welcome starts a session of an account, which takes over what its owner has
// held as a visitor. Where a limit forbids that for some holds, there is no session:
// the visitor has these holds still.
func (s *Service) welcome(ctx context.Context, u User, visitor caller.Caller, agent string) (Session, error) {
	if err := s.adopt(ctx, visitor, &u); err != nil {
		return Session{}, err
	}
	session, err := s.startSession(ctx, u, agent, sessionLife)
	if err != nil {
		return Session{}, err
	}
	return session, s.leave(ctx, visitor)
}

// prove checks what an account wants to see at log-in, and answers whose password
// it was. Of the accounts given only some may be tried. A wrong password takes as
// long for every address.
func (s *Service) prove(ctx context.Context, list []User, may func(userID string) bool, c Credentials, wrong error) (u User, o outcome, err error) {
	if c.Proof != "" {
		if len(list) == 0 {
			return u, undecided, proofOver()
		}
		u = list[0]
		if err := s.checkProof(ctx, &u, c.Proof); err != nil {
			return u, undecided, err
		}
		if !may(u.ID) { // the proof shows that its owner knows of the account: this tells them nothing
			return u, undecided, tooManyAttempts(failWindow)
		}
	} else if u, err = s.whose(ctx, slices.DeleteFunc(list, func(one User) bool { return !may(one.ID) }), c); err != nil {
		return u, undecided, err
	}
	switch {
	case u.ID == "" || u.Disabled:
		return u, failed, wrong
	case !u.twoFactor:
		return u, right, nil
	case c.Code == "":
		return u, undecided, s.askForCode(ctx, &u, c)
	}
	if err := s.secondFactor(ctx, &u, c.Code, "code"); errs.KindOf(err) == errs.Invalid {
		return u, failed, errs.New(errs.Unauthenticated, "wrong-code", "That code has expired or was already used.")
	} else if err != nil {
		return u, undecided, err
	}
	return u, right, nil
}

// whose is the account of those given that a password is of; a User without an
// id when it is of none. For every address as many passwords are checked.
func (s *Service) whose(ctx context.Context, list []User, c Credentials) (User, error) {
	most := 1
	if strings.Contains(c.Name, "@") {
		most = mostClaimants
	}
	for i := range most {
		var u User
		if i < len(list) {
			u = list[i]
		}
		if ok, err := s.hasher.check(ctx, u.hash, c.Password); err != nil || ok {
			return u, err
		}
	}
	return User{}, nil
}

// SignUpAndIn makes an account of role customer with a session, and gives it what
// its owner has held as a visitor.
func (s *Service) SignUpAndIn(ctx context.Context, a Account, visitor caller.Caller, agent string) (Session, error) {
	u, err := s.SignUp(ctx, a)
	if err != nil {
		return Session{}, err
	}
	return s.welcome(ctx, u, visitor, agent)
}

// Self is the account of a caller.
func (s *Service) Self(ctx context.Context, caller caller.Caller) (User, error) {
	return s.visible(ctx, caller, caller.UserID)
}
