package eventapi

import (
	"strconv"
	"time"
)

// Filter narrows a list of events or a search. Everybody sees public events;
// organizers see their drafts, too.
type Filter struct {
	Status   Status // "": upcoming
	Text     string // in title, category, venue, city or description
	City     string
	Category string
	From, To time.Time // when they take place; zero: any

	FirstDay, LastDay string // YYYY-MM-DD at the event's place, both included; "": any

	Organizer string // account id; "": any
	// Own lists only events that the caller organizes (administrators: all), as they
	// were last changed. Other lists show the state by which seats are sold.
	Own bool

	Latest bool // latest event first
	Cursor string
	Limit  int
}

// Page is a page of a list of events.
type Page struct {
	Events []Event
	Next   string // cursor of the next page; "": this is the last one
}

// Found is a page of search results.
type Found struct {
	Page
	Total  int64              // number of results on all pages
	Facets map[string][]Facet // by name: category, city
}

// Facet is a value by which a search can be narrowed.
type Facet struct {
	Value string `json:"value" doc:"A value of the facet. To narrow the search, pass it in the parameter that is named like the facet." example:"Hamburg"`
	Count int64  `json:"count" doc:"Number of matching events with this value." example:"3"`
}

// Listed is an event as a site map lists it.
type Listed struct {
	ID, Title string
	Changed   time.Time // when it was made, or its time or venue changed
}

// Summary counts the events of an organizer.
type Summary struct {
	Counts map[Status]int64 // of Draft, Upcoming, Past and Cancelled
	Opens  *Event           // the event whose sale opens next; nil: none
}

// StoredPlan names a stored version of a seating plan.
type StoredPlan struct {
	Name, ID string
	Version  int64
	Seats    int32
}

// Ref names a version of a plan in forms and addresses: id@version.
func (p StoredPlan) Ref() string { return p.ID + "@" + strconv.FormatInt(p.Version, 10) }
