package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"
)

// ErrBusy says that too much is asked for at once, and that the same request
// may be sent again.
var ErrBusy = errors.New("too much is asked for at once: try again")

// Bounds on what publishing takes of memory, each for gRPC and HTTP apart.
const (
	roomEncoded = 256 << 20 // bytes of requests as they were sent
	roomDecoded = 64 << 20  // bytes of requests as they are decoded, estimated
)

// Bounds on calls that read much and take memory meanwhile.
const (
	maxSearches = 16 // pages that are being found at a time
	maxFeeds    = 32 // searches that stream, and counts: a reader that is slow holds up no page
	maxAnalyses = 2  // counts by group, estimates, clusterings and searches for what is similar: each takes all cores, and up to some 700 MiB
	maxVerifies = 2  // verifications at a time
	maxRedacts  = 1  // redactions of what is stored at a time, dry or not
	maxHolds    = 2  // holds that are placed, extended or released at a time, dry or not: each looks through evidence
	maxForgets  = 1  // erasures and runs of expiry at a time, dry or not

	maxDownloads = 4 // exports that are being made at a time
)

// roomWait is how long a call waits for its turn.
const roomWait = 5 * time.Second

// elementBytes is what a nested message takes in memory beside its text, with
// its place in a list that has grown: 95 bytes for an empty part, measured, and
// 112 and its place for a verdict or a document, the largest there may be many of.
const elementBytes = 160

// A room bounds the memory of requests that are being published. gRPC and HTTP
// have one each: an HTTP request keeps its place while the gRPC call that it
// became waits for one, which it therefore gets.
type room struct{ encoded, decoded *semaphore.Weighted }

func newRoom() *room {
	return &room{semaphore.NewWeighted(roomEncoded), semaphore.NewWeighted(roomDecoded)}
}

// hold counts the bytes of an encoded request. ErrBusy where there is no room,
// so that those that wait are bounded too.
func (r *room) hold(bytes int) (release func(), err error) {
	if !r.encoded.TryAcquire(int64(bytes)) {
		return nil, ErrBusy
	}
	return func() { r.encoded.Release(int64(bytes)) }, nil
}

// enter waits until there is room to decode a request of so many bytes and
// nested messages. A request larger than the room has it alone. ErrBusy where
// it takes too long.
func (r *room) enter(ctx context.Context, bytes, elements int) (leave func(), err error) {
	return await(ctx, r.decoded, min(2*int64(bytes)+elementBytes*int64(elements), roomDecoded))
}

// await waits roomWait for a share of a resource. ErrBusy where it takes
// longer, and what ended ctx where that ends sooner.
func await(ctx context.Context, of *semaphore.Weighted, share int64) (leave func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, roomWait)
	defer cancel()
	if err := of.Acquire(waiting, share); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("wait for a turn: %w", ctx.Err())
		}
		return nil, ErrBusy
	}
	return func() { of.Release(share) }, nil
}
