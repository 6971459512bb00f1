package retention

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// What callers decide on.
var (
	// ErrHeld: a hold claims it.
	ErrHeld = errors.New("held")
	// ErrNotOwner: only those who own a hold may extend and release it.
	ErrNotOwner = errors.New("not an owner of the hold")
	// ErrReleased: the hold was released.
	ErrReleased = errors.New("the hold was released")
	// ErrUnknownPerson: nothing is stored of the person, under this name.
	ErrUnknownPerson = errors.New("nothing is stored of this person")
	// ErrStopped: nothing expires until somebody confirms what the store doubts.
	ErrStopped = errors.New("retention has stopped")
)

// A RequestError says what is wrong with a field of a request.
type RequestError struct {
	Field  string // its JSON name
	Reason string
}

// Error names field and reason.
func (e *RequestError) Error() string { return e.Field + ": " + e.Reason }

// A Scope is what a hold is asked to find: events of the kinds that publishers
// publish, at positions in [From, Before), for which all of it holds.
type Scope struct {
	*pb.Hold_Scope
	From, Before event.Seq
}

// KeeperConfig says what a Keeper works on.
type KeeperConfig struct {
	Log      *eventlog.Log // required
	Policies *Policies     // required
	// Select returns the positions of a tenant's evidence in a scope, ascending;
	// users in it are as they are stored. Required. A condition or text that cannot be evaluated is an error before
	// anything is yielded.
	Select func(context.Context, event.Tenant, Scope) (iter.Seq2[event.Seq, error], error)
	// Drain waits until what publishers were told is stored is in the log. nil: it
	// is.
	Drain func(context.Context) error
	Now   func() time.Time // evidence time; nil: time.Now
	// Uptime is how long the process runs, by a clock that nobody sets. nil: that
	// of the operating system.
	Uptime func() time.Duration
	Logger *slog.Logger // nil: discard
}

// A Keeper keeps what holds claim, forgets what is due and erases what somebody
// has a right to, on record. Its methods are safe for concurrent use.
type Keeper struct {
	cfg KeeperConfig
}

// NewKeeper returns a Keeper; its Run makes things expire.
func NewKeeper(cfg KeeperConfig) (*Keeper, error) {
	if cfg.Log == nil || cfg.Policies == nil || cfg.Select == nil {
		return nil, errors.New("retention: Log, Policies or Select is missing")
	}
	return &Keeper{cfg: cfg}, nil
}

var errTodo = fmt.Errorf("retention: %w", errors.ErrUnsupported)

// Run expires what is due every hour, until ctx ends.
func (k *Keeper) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// PlaceHold places a hold; in a dry run it says what it would cover.
// Errors: *RequestError, *policy.Error for its condition, eventlog.ErrNotFound for
// a tenant that has no events.
func (k *Keeper) PlaceHold(context.Context, event.Tenant, *pb.PlaceHoldRequest) (*pb.PlaceHoldResponse, error) {
	return nil, errTodo
}

// ExtendHold extends a hold. Errors as of PlaceHold; eventlog.ErrNotFound,
// ErrNotOwner, ErrReleased.
func (k *Keeper) ExtendHold(context.Context, event.Tenant, *pb.ExtendHoldRequest) (*pb.PlaceHoldResponse, error) {
	return nil, errTodo
}

// ReleaseHold releases a hold. Errors as of ExtendHold.
func (k *Keeper) ReleaseHold(context.Context, event.Tenant, *pb.ReleaseHoldRequest) (*pb.ReleaseHoldResponse, error) {
	return nil, errTodo
}

// Holds returns a tenant's holds, the newest first.
func (k *Keeper) Holds(_ context.Context, _ event.Tenant, active bool) ([]*pb.HoldState, error) {
	return nil, errTodo
}

// Hold returns a hold with what it covers. eventlog.ErrNotFound where there is none.
func (k *Keeper) Hold(context.Context, event.Tenant, string) (*pb.HoldState, error) {
	return nil, errTodo
}

// Erase erases evidence, or says in a dry run what it would. ErrUnknownPerson,
// *RequestError.
func (k *Keeper) Erase(context.Context, event.Tenant, *pb.EraseEventsRequest, func(eventlog.ForgetProgress)) (*pb.ErasureState, error) {
	return nil, errTodo
}

// Erasures returns a tenant's erasures, the newest first.
func (k *Keeper) Erasures(context.Context, event.Tenant) ([]*pb.ErasureState, error) {
	return nil, errTodo
}

// Erasure returns one. eventlog.ErrNotFound where there is none.
func (k *Keeper) Erasure(context.Context, event.Tenant, string) (*pb.ErasureState, error) {
	return nil, errTodo
}

// Expire expires what is due now, or says in a dry run what is. ErrStopped.
func (k *Keeper) Expire(_ context.Context, dryRun bool, _ func(eventlog.ForgetProgress)) ([]*pb.Expiry, error) {
	return nil, errTodo
}

// State says whether anything keeps things from expiring.
func (k *Keeper) State(context.Context) (*pb.RetentionState, error) { return nil, errTodo }

// Confirm puts on record that what the store doubts is right.
func (k *Keeper) Confirm(_ context.Context, actor, reason string) (*pb.RetentionState, error) {
	return nil, errTodo
}
