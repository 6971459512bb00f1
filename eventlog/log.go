package eventlog

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// What callers decide on.
var (
	// ErrNotFound: there is no such event, or it is another tenant's.
	ErrNotFound = errors.New("not found")
	// ErrErased: the event was forgotten; its commitment remains.
	ErrErased = errors.New("erased")
	// ErrClosed: the log is closed or closing.
	ErrClosed = errors.New("log is closed")
	// ErrTampered: stored bytes are not what was written.
	ErrTampered = errors.New("stored data was changed")
	// ErrDiskFull: appending would use up the reserve of free space.
	ErrDiskFull = errors.New("disk is full")
)

// Config says how to open a log. The zero value of every field but Dir and
// KeysDir is usable.
// A Log is an open log. Its methods are safe for concurrent use.
type Log struct{}

func Open(ctx context.Context, cfg Config) (*Log, error) { panic("internal error: stub") }

// Close ends appends and follows, waits for them, and closes the files.
func (l *Log) Close() error { panic("internal error: stub") }

type Config struct {
	Dir     string // the data directory; made if absent
	KeysDir string // the key directory, apart from Dir; made if Dir is new

	FS         vfs.FS           // where Dir is; nil: the operating system's
	Now        func() time.Time // evidence time; nil: time.Now
	Logger     *slog.Logger     // nil: discard
	CacheBytes int64            // decoded blocks kept in memory; 0: 64 MiB
	MinFree    uint64           // free bytes the disk must keep; 0: 256 MiB
	Origin     string           // the log's name in checkpoints; "": afterimage.invalid/<store id>
	Fatal      func(error)      // called when the disk failed and the process must end; nil: panic
}

// A Prepared event is ready to be appended: encoded, salted and committed to.
type Prepared struct {
	tenant event.Tenant
	event  *pb.Event
	bytes  []byte // as they are stored for ever
}

// Prepare completes the event with salt and time of receipt and encodes it.
// The event must be valid, redacted and classified (class and policy_version
// are set); it belongs to the log afterwards. Safe for concurrent use: this
// is the part of appending that runs on all cores.
func (l *Log) Prepare(t event.Tenant, e *pb.Event) (Prepared, error) { panic("internal error: stub") }

// An Outcome says what became of a prepared event.
type Outcome uint8

// The outcomes.
const (
	Appended  Outcome = iota + 1 // it is in the log now
	Duplicate                    // it already was; or it was, and is forgotten
	Conflict                     // its id is another event's, which stays; nothing was stored
)

// A Result is what became of one prepared event.
type Result struct {
	Outcome Outcome
	Seq     event.Seq // where it is, or where the event with the same id is
}

// Append adds the events to the log in order, in one atomic step, and returns
// one result each when that is durable. At most event.MaxAppend events.
// Concurrent calls are served one after the other.
//
// Errors: ErrClosed, ErrDiskFull, ErrTampered, or what the disk said; then
// nothing was appended.
func (l *Log) Append(ctx context.Context, batch []Prepared) ([]Result, error) {
	panic("internal error: stub")
}

// Read returns the event at seq with its `seq` set. ErrNotFound where there
// is none or it is another tenant's, ErrErased where it was forgotten.
func (l *Log) Read(ctx context.Context, t event.Tenant, seq event.Seq) (*pb.Event, error) {
	panic("internal error: stub")
}

// Lookup returns the position of the event with the given id, or ErrNotFound.
func (l *Log) Lookup(ctx context.Context, t event.Tenant, id string) (event.Seq, error) {
	panic("internal error: stub")
}

// A Field is an indexed property of events.
type Field string

// The indexed fields. An event has one term for each that it sets, a term for
// each verdict category, and always one for its kind.
const (
	FieldID         Field = "id"
	FieldSession    Field = "session"    // also of a report's session
	FieldUser       Field = "user"       // the pseudonym
	FieldTarget     Field = "target"     // of late verdicts, reports and actions: an event id
	FieldKind       Field = "kind"       // an event.Kind
	FieldModel      Field = "model"      // interaction.model.name
	FieldProvider   Field = "provider"   // interaction.model.provider
	FieldCategory   Field = "category"   // of any verdict or report
	FieldService    Field = "service"    // source.service
	FieldDeployment Field = "deployment" // source.deployment
	FieldClass      Field = "class"      // the retention class
)

// A Term asks for events whose field is one of the values.
type Term struct {
	Field  Field
	Values []string // at least one
}

// An Order is the order of a scan.
type Order uint8

// The orders. Events of the same time are in log order (or its reverse).
const (
	NewestFirst Order = iota // by time, descending
	OldestFirst              // by time, ascending
	LogOrder                 // by seq, ascending
)

// A Position is a place in a scan's order: that of one event.
type Position struct {
	Time time.Time
	Seq  event.Seq
}

// A Selection says which events of a tenant a scan yields.
type Selection struct {
	Terms  []Term     // all must hold; none: all events
	Since  time.Time  // events at or after; zero: no bound
	Until  time.Time  // events before; zero: no bound
	Before *event.Seq // only positions of the log before this; nil: all
	Order  Order
	After  *Position // continue after this event in the order; nil: from the start
}

// An Entry is one event found by a scan. It is valid as long as the log is
// open and safe for concurrent use.
type Entry struct {
	Seq  event.Seq
	Time time.Time // of the event
}

// Meta returns the event without its text: everything but messages,
// documents, deltas, parameters, redaction counts, comments and action text.
// Cheap: no text is decrypted. The caller owns it.
func (e *Entry) Meta() (*pb.Event, error) { panic("internal error: stub") }

// Event returns the whole event with its `seq` set. The caller owns it.
func (e *Entry) Event() (*pb.Event, error) { panic("internal error: stub") }

// Scan yields the selected events in order, as of the call: what is appended
// meanwhile is not seen. Forgotten events are left out. A yielded error ends
// the scan.
func (l *Log) Scan(ctx context.Context, t event.Tenant, s Selection) iter.Seq2[*Entry, error] {
	panic("internal error: stub")
}

// Follow yields every event of every tenant from position from on, in log
// order, and waits for more at the end, until ctx ends (the error is then
// ctx's) or the log is closed (ErrClosed). Forgotten events are left out.
func (l *Log) Follow(ctx context.Context, from event.Seq) iter.Seq2[*Followed, error] {
	panic("internal error: stub")
}

// A Followed is one event and whose it is.
type Followed struct {
	Tenant event.Tenant
	Entry
}

// Size returns the number of positions assigned so far.
func (l *Log) Size() event.Seq { panic("internal error: stub") }

// Tenants returns the tenants that have events, sorted.
func (l *Log) Tenants() []event.Tenant { panic("internal error: stub") }

// Pseudonym returns the token that stands for a personal value in the given
// tenant: 12 characters a–z2–7 from a keyed PRF. The same value gives the
// same token as long as the tenant's key lives. It creates the tenant's key
// on first use. Safe for concurrent use.
func (l *Log) Pseudonym(t event.Tenant, value string) (string, error) { panic("internal error: stub") }

// A Checkpoint is a signed tree head.
type Checkpoint struct {
	Size event.Seq
	Root [32]byte
	Note []byte // the signed note, C2SP tlog-checkpoint
}

// Checkpoint returns a signed tree head over everything appended so far.
func (l *Log) Checkpoint(ctx context.Context) (Checkpoint, error) { panic("internal error: stub") }

// Origin returns the log's name as it stands in checkpoints.
func (l *Log) Origin() string { panic("internal error: stub") }

// VerifierKey returns the key that verifies checkpoints, as C2SP signed-note
// spells it.
func (l *Log) VerifierKey() string { panic("internal error: stub") }

// Tile returns the Merkle tile at the path below /tlog/, e.g.
// `tile/0/x001/234` or `tile/entries/067.p/12` (C2SP tlog-tiles), or
// ErrNotFound.
func (l *Log) Tile(path string) ([]byte, error) { panic("internal error: stub") }

// A Finding is something verification found that is not as it was written.
type Finding struct {
	Part        string // block, commitment, tile, checkpoint, location, index, anchor, …
	Reason      string
	First, Last event.Seq // the positions affected
}

// Progress is how far a verification has come.
type Progress struct{ Checked, Size event.Seq }

// Verify checks everything appended so far: blocks against commitments,
// commitments against tiles, tiles against the checkpoint, locations and
// indexes against blocks. It calls report for each finding and progress now
// and then, both from one goroutine, and returns the checkpoint it checked
// against. A finding is no error; err is for what kept it from checking.
func (l *Log) Verify(ctx context.Context, report func(Finding), progress func(Progress)) (Checkpoint, error) {
	panic("internal error: stub")
}

// Quarantine keeps, encrypted, what could not be stored as it came, and
// returns when that is durable. The entry's id is set from its stream sequence
// and index, so that quarantining the same message twice keeps it once. The
// tenant may be event.System.
func (l *Log) Quarantine(ctx context.Context, t event.Tenant, entries []*pb.Quarantined) error {
	panic("internal error: stub")
}

// QuarantineList yields the tenant's quarantined entries without payload,
// oldest first, those after the entry with id after ("" = from the start).
func (l *Log) QuarantineList(ctx context.Context, t event.Tenant, after string) iter.Seq2[*pb.Quarantined, error] {
	panic("internal error: stub")
}

// Quarantined returns one entry with its payload, or ErrNotFound.
func (l *Log) Quarantined(ctx context.Context, t event.Tenant, id string) (*pb.Quarantined, error) {
	panic("internal error: stub")
}

// StreamKey returns the key with which the embedded JetStream encrypts its
// files in this epoch.
func (l *Log) StreamKey() string { panic("internal error: stub") }

// TokenMAC returns a MAC over data under a key of the tenant's, for page
// tokens, and CheckTokenMAC checks one.
func (l *Log) TokenMAC(t event.Tenant, data []byte) ([]byte, error) { panic("internal error: stub") }

// CheckTokenMAC reports whether mac is the tenant's MAC over data.
func (l *Log) CheckTokenMAC(t event.Tenant, mac, data []byte) bool { panic("internal error: stub") }
