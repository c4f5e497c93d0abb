package user

import (
	"context"
	"errors"
	"slices"
	"strings"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/userapi"
)

// Login checks a password, and a code if the account needs one, and starts a
// session. An unknown account and a wrong password give the same error after the
// same time. proof replaces name and password in the second step.
func (s *Service) Login(ctx context.Context, c userapi.Credentials) (session userapi.Session, proof string, err error) {
	session, err = s.signIn(ctx, c)
	var needed *codeNeeded
	switch {
	case !c.Steps:
	case errors.As(err, &needed):
		proof = needed.proof
	case errs.Is(err, "wrong-code"):
		proof = c.Proof
	}
	return session, proof, err
}

func (s *Service) signIn(ctx context.Context, c userapi.Credentials) (userapi.Session, error) {
	from := caller.ClientFrom(ctx)
	if err := s.visitors.check(from, s.now()); err != nil {
		return userapi.Session{}, err
	}
	list, a, err := s.claimed(ctx, c)
	if err != nil {
		return userapi.Session{}, err
	}
	wrong := errs.New(errs.Unauthenticated, "wrong-password", "%s", userapi.WrongPassword)
	var u record
	err = s.limited(ctx, a, func(tn *turn) (o outcome, _ string, err error) {
		u, o, err = s.prove(ctx, list, tn.may, c, wrong)
		if o == failed {
			s.visitors.note(from, s.now())
		}
		return o, u.ID, err
	})
	if err != nil {
		return userapi.Session{}, err
	}
	session, err := s.welcome(ctx, u, c.Visitor, c.Agent)
	if errors.Is(err, errStale) {
		err = wrong
	}
	return session, err
}

// claimed returns the accounts that a log-in may refer to, by proof or by name, and
// what its failures count for. It behaves the same whether or not the name belongs
// to an account, and whichever unverified accounts give the address.
func (s *Service) claimed(ctx context.Context, c userapi.Credentials) (list []record, a attempt, err error) {
	name := "?" + sameName(c.Name) // as many spellings count as one as would be one account's
	shared := strings.Contains(c.Name, "@")
	if userID, _, ok := strings.Cut(c.Proof, "."); ok {
		name, shared = "proof "+userID, false
		u, err := s.get(ctx, userID)
		switch {
		case err == nil:
			list = []record{u}
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

// sameName returns the normal form of a name used to log in, whether or not it
// belongs to an account.
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

// welcome starts a session of an account, which takes over what its owner held as a
// visitor. If a limit forbids that for some holds, there is no session, and the
// visitor keeps those holds.
func (s *Service) welcome(ctx context.Context, u record, visitor caller.Caller, agent string) (userapi.Session, error) {
	if err := s.adopt(ctx, visitor, &u); err != nil {
		return userapi.Session{}, err
	}
	session, err := s.startSession(ctx, u, agent, sessionLife)
	if err != nil {
		return userapi.Session{}, err
	}
	return session, s.leave(ctx, visitor)
}

// prove checks the secrets that an account requires at log-in, and returns whose
// password it was. Only some of the given accounts may be tried. A wrong password
// takes the same time for every address.
func (s *Service) prove(ctx context.Context, list []record, may func(userID string) bool, c userapi.Credentials, wrong error) (u record, o outcome, err error) {
	if c.Proof != "" {
		if len(list) == 0 {
			return u, undecided, proofOver()
		}
		u = list[0]
		if err := s.checkProof(ctx, &u, c.Proof); err != nil {
			return u, undecided, err
		}
		if !may(u.ID) { // whoever has the proof knows of the account already
			return u, undecided, tooManyAttempts(failWindow)
		}
	} else if u, err = s.whose(ctx, slices.DeleteFunc(list, func(one record) bool { return !may(one.ID) }), c); err != nil {
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
		return u, failed, errs.New(errs.Unauthenticated, "wrong-code", "This code has expired or was already used.")
	} else if err != nil {
		return u, undecided, err
	}
	return u, right, nil
}

// whose returns the account that a password belongs to, or a record without an id.
// It checks the same number of passwords for every address.
func (s *Service) whose(ctx context.Context, list []record, c userapi.Credentials) (record, error) {
	most := 1
	if strings.Contains(c.Name, "@") {
		most = mostClaimants
	}
	for i := range most {
		var u record
		if i < len(list) {
			u = list[i]
		}
		if ok, err := s.hasher.check(ctx, u.hash, c.Password); err != nil || ok {
			return u, err
		}
	}
	return record{}, nil
}

// SignUpAndIn makes a customer's account with a session, and moves there what its
// owner held as a visitor.
func (s *Service) SignUpAndIn(ctx context.Context, a userapi.NewAccount, visitor caller.Caller, agent string) (userapi.Session, error) {
	u, err := s.signUp(ctx, a)
	if err != nil {
		return userapi.Session{}, err
	}
	return s.welcome(ctx, u, visitor, agent)
}
