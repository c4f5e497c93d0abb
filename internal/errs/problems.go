package errs

// ProblemType is what one type of problem means, for those who write clients.
type ProblemType struct {
	Kind Kind
	Says string // what has happened, and what a client can do
}

// Problems is what a service declares of the problems that its operations may
// answer: the types by slug, each explained once, and the slugs by operation id.
type Problems struct {
	Types      map[string]ProblemType
	Operations map[string][]string
}
