package caller

import "context"

// ShareKey is the key under which a request's context answers a *bool: whether
// its answer may be given to others.
type ShareKey struct{}

// MayShare says that caches may give the answer to a request to others, if its
// own Cache-Control allows it. Routes say so where they are registered; all
// other answers are private, whatever their handlers say.
func MayShare(ctx context.Context) {
	if shared, ok := ctx.Value(ShareKey{}).(*bool); ok {
		*shared = true
	}
}
