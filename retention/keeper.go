package retention

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// What callers decide on.
var (
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
	// Unsure has it find those too for which its condition cannot be computed, which
	// is an error otherwise.
	Unsure bool
}

// KeeperConfig says what a Keeper works on.
type KeeperConfig struct {
	Log      *eventlog.Log // required
	Policies *Policies     // required
	// Select returns the positions of a tenant's evidence in a scope, ascending;
	// users in it are as they are stored. A condition or text that cannot be
	// evaluated is an error before anything is yielded. Required.
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
// has a right to, on record. Its methods are safe for concurrent use. Those that
// change something, or must not miss a change, are done one after the other: a
// hold that is placed while something is forgotten waits, and does not cover
// what that forgets.
type Keeper struct {
	cfg  KeeperConfig
	last atomic.Pointer[pb.RetentionState] // as it was when it was last found out

	// Guarded by cfg.Policies.moving:

	books map[event.Tenant]*books
	clock clock
	ran   time.Time // when what is due was last looked for
}

// NewKeeper reads from the ledger what is held, owed and promised. Run makes
// things expire.
func NewKeeper(ctx context.Context, cfg KeeperConfig) (*Keeper, error) {
	if cfg.Log == nil || cfg.Policies == nil || cfg.Select == nil {
		return nil, errors.New("retention: Log, Policies or Select is missing")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now //nolint:forbidigo // The default of KeeperConfig.Now.
	}
	if cfg.Uptime == nil {
		began := time.Now() //nolint:forbidigo // Only its monotonic reading is used.
		cfg.Uptime = func() time.Duration { return time.Since(began) }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	k := &Keeper{cfg: cfg, books: map[event.Tenant]*books{}, clock: clock{started: cfg.Uptime()}}
	for _, t := range append(cfg.Log.Tenants(), event.System) {
		if _, err := k.of(ctx, t); err != nil {
			return nil, fmt.Errorf("read the ledger of tenant %s: %w", t, err)
		}
	}
	k.clock.known = k.lastKnown(k.books[event.System])
	_, err := k.state(ctx)
	return k, err
}

// every is how often a Keeper looks for what is due.
const every = time.Hour

// Run expires what is due every hour, and does what was deferred and may be done,
// until ctx ends. What fails is tried again an hour later; it is on the record of
// the log, and in [Keeper.State].
func (k *Keeper) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		done, err := k.Expire(ctx, false, func(eventlog.ForgetProgress) {})
		switch {
		case ctx.Err() != nil, errors.Is(err, eventlog.ErrClosed):
			return nil
		case errors.Is(err, ErrStopped):
			k.cfg.Logger.ErrorContext(ctx, "nothing expires", "err", err)
		case err != nil:
			k.cfg.Logger.ErrorContext(ctx, "expiry failed and will be tried again", "in", every, "err", err)
		default:
			k.report(ctx, done)
		}
		timer.Reset(every)
	}
}

func (k *Keeper) report(ctx context.Context, done []*pb.Expiry) {
	for _, x := range done {
		if x.GetRequest() != "" || len(x.GetErasures()) > 0 {
			k.cfg.Logger.InfoContext(ctx, "events expired", "request", x.GetRequest(), "events", total(x.GetGone()),
				"held", total(x.GetHeld()), "quarantined", x.GetQuarantined(), "erasures", len(x.GetErasures()))
		}
	}
}

// record appends ledger events of one tenant in one step, reads them as a restart
// would, and keeps beside the keys what a restore must not lose of them.
func (k *Keeper) record(ctx context.Context, b *books, events ...*pb.Event) error {
	var batch []eventlog.Prepared
	var kept []*pb.Event
	for _, e := range events {
		if err := k.complete(b.tenant, e); err != nil {
			return err
		}
		kept = append(kept, proto.CloneOf(e))
		p, err := k.cfg.Log.Prepare(b.tenant, e)
		if err != nil {
			return fmt.Errorf("put on record: %w", err)
		}
		batch = append(batch, p)
	}
	results, err := k.cfg.Log.Append(ctx, batch)
	if err != nil {
		return fmt.Errorf("put on record: %w", err)
	}
	var seqs []event.Seq
	for i, r := range results {
		if r.Outcome != eventlog.Appended {
			return fmt.Errorf("put on record: the id %q of a ledger event is taken", kept[i].GetId())
		}
		b.read(kept[i], r.Seq)
		seqs = append(seqs, r.Seq)
	}
	return k.cfg.Policies.deeds.keep(b.tenant, kept, seqs)
}

// complete makes a ledger event of a body, of the Keeper's time.
func (k *Keeper) complete(t event.Tenant, e *pb.Event) error {
	at := e.GetTime()
	err := k.cfg.Policies.complete(t, e)
	if e.Time = at; at == nil {
		e.Time = timestamppb.New(k.cfg.Now())
	}
	return err
}

// lock waits for whoever changes where events are kept, or forgets them.
func (k *Keeper) lock(ctx context.Context) (unlock func(), err error) {
	return k.cfg.Policies.moving.lock(ctx)
}

// known returns the books of a tenant that has events. ErrNotFound for another.
// The caller holds the lock.
func (k *Keeper) known(ctx context.Context, t event.Tenant) (*books, error) {
	if slices.Contains(k.cfg.Log.Tenants(), t) {
		return k.of(ctx, t)
	}
	return nil, fmt.Errorf("tenant %s: %w", t, eventlog.ErrNotFound)
}
