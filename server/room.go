package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/semaphore"
)

// ErrBusy says that too much is being published at once, and that the same
// request may be sent again.
var ErrBusy = errors.New("too much is being published at once: try again")

// Bounds on what publishing takes of memory, each for gRPC and HTTP apart.
const (
	roomEncoded = 256 << 20 // bytes of requests as they were sent
	roomDecoded = 64 << 20  // bytes of requests as they are decoded, estimated
	roomWait    = 5 * time.Second
)

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
	weight := min(2*int64(bytes)+elementBytes*int64(elements), roomDecoded)
	waiting, cancel := context.WithTimeout(ctx, roomWait)
	defer cancel()
	if err := r.decoded.Acquire(waiting, weight); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("wait for room to decode: %w", ctx.Err())
		}
		return nil, ErrBusy
	}
	return func() { r.decoded.Release(weight) }, nil
}
