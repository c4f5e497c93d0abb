package caller

import "testing"

// Who may see and change what: the one table for events and for what belongs to
// a customer.
func TestRights(t *testing.T) {
	account := func(r Role) Caller { return Caller{UserID: "u1", Role: r} }
	for _, c := range []struct {
		name                                    string
		who                                     Caller
		own, others, organizes, events, foreign bool
	}{
		{name: "nobody"},
		{name: "a role without an account", who: Caller{Role: Admin}},
		{name: "guest", who: account(Guest), own: true},
		{name: "customer, once an organizer or without the second factor", who: account(Customer), own: true},
		{name: "a role that there is not", who: account("owner"), own: true},
		{name: "organizer", who: account(Organizer), own: true, organizes: true, events: true},
		{name: "admin", who: account(Admin), own: true, others: true, organizes: true, events: true, foreign: true},
		{name: "system", who: System, own: true, others: true, organizes: true, events: true, foreign: true},
	} {
		for _, got := range []struct {
			what      string
			is, wants bool
		}{
			{"MayRead own", c.who.MayRead("u1"), c.own},
			{"MayRead others'", c.who.MayRead("u2"), c.others},
			{"MayRead nobody's", c.who.MayRead(""), c.others},
			{"Organizes", c.who.Organizes(), c.organizes},
			{"MayOrganize own", c.who.MayOrganize("u1"), c.events},
			{"MayOrganize others'", c.who.MayOrganize("u2"), c.foreign},
			{"MayOrganize nobody's", c.who.MayOrganize(""), c.foreign},
			{"IsSystem", c.who.IsSystem(), c.who == System},
		} {
			if got.is != got.wants {
				t.Errorf("%s: %s is %v", c.name, got.what, got.is)
			}
		}
	}
}
