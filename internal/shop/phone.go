package shop

import (
	"boxoffice/internal/errs"
	"boxoffice/internal/page"
	"boxoffice/internal/userapi"
)

// savePhone stores the mobile number of a form as the reader's; an empty one removes it.
// An account that somebody else changes in the same moment, such as by the same form sent
// twice, is tried again.
func (s *Shop) savePhone(v *page.Visit, number string) error {
	for try := 1; ; try++ {
		_, err := s.Users.Update(v.Context(), v.Caller, v.Caller.UserID, 0, userapi.Change{Phone: &number})
		if errs.KindOf(err) != errs.Precondition || try == 3 {
			return err
		}
	}
}

// phoneHere stores the mobile number that was entered beside the button that leads to
// the payment, and goes on there.
func (s *Shop) phoneHere(v *page.Visit) error {
	p, err := s.purchase(v)
	if p == nil {
		return err
	}
	if ok, err := s.phoneOf(v, p); !ok {
		return err
	}
	return v.Go(payPath + p.ID)
}

// phoneOf stores the mobile number of a checkout's form. If it is not one, it shows the
// checkout with the fault, and ok is false.
func (s *Shop) phoneOf(v *page.Visit, p *Purchase) (ok bool, err error) {
	f := entryForm{Phone: v.PostFormValue("phone")}
	err = s.savePhone(v, f.Phone)
	if err == nil {
		return true, nil
	}
	if err := f.fault(v, err); err != nil {
		return false, err
	}
	return false, s.showCheckout(v, p, "", f)
}
