package eventlog

import (
	"context"
	"crypto/hmac"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/mod/sumdb/note"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/keyring"
	"github.com/afterimage/afterimage/eventlog/tree"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// What callers decide on.
var (
	// ErrNotFound: there is no such event, or it is another tenant's.
	ErrNotFound = errors.New("not found")
	// ErrErased: the event was forgotten; its commitment remains.
	ErrErased = errors.New("erased")
	// ErrClosed: the log is closed or closing.
	ErrClosed = errors.New("the log is closed")
	// ErrTampered: stored data is not what was written.
	ErrTampered = errors.New("stored data was changed or damaged")
	// ErrCorrupt, beside ErrTampered: a checksum is wrong, so that it is damage
	// rather than intent.
	ErrCorrupt = errors.New("its checksum is wrong")
	// ErrDiskFull: appending would use up the reserve of free space.
	ErrDiskFull = errors.New("the disk is full")
	// ErrForgetting: events of the same day are being forgotten; it can be done
	// when that is finished.
	ErrForgetting = errors.New("events of its day are being forgotten: try again later")
)

// Config says how to open a log. The zero value of every field but Dir and
// KeysDir is usable.
type Config struct {
	Dir     string          // the data directory; made if absent
	KeysDir string          // the key directory, apart from Dir; made if Dir is new
	Keys    keyring.Options // the KEK that wraps the keys; zero: the one on record

	FS         vfs.FS           // where Dir is; nil: the operating system's
	Now        func() time.Time // evidence time; nil: time.Now
	Logger     *slog.Logger     // nil: discard
	CacheBytes int64            // what is kept in memory of what was read: three parts in sixteen as stored, the rest decoded; 0: 256 MiB
	MinFree    uint64           // bytes that must stay free on the disk; 0: 256 MiB
	Origin     string           // the log's name in checkpoints; "": afterimage.invalid/<store id>
	// Rekey makes the embedded JetStream encrypt all its files with the fresh key,
	// so that the old one is not needed any more. nil: there is none.
	Rekey func(ctx context.Context, fresh, old string) error
	// Fatal is called when writing failed in a way after which nothing read
	// back can be trusted: the process must end and open the log anew. It must
	// not return. nil: panic.
	Fatal func(error)

	restoring    bool // Restore opens the log
	tableBytes   int  // tests change it; 0: the constant
	portionBytes int  // likewise; 0: rewriteBytes
}

// A signed checkpoint over everything is part of every append. How often, at
// most, one is kept for good, and the anchor beside the keys is renewed:
const (
	checkpointEvery = time.Minute
	anchorEvery     = time.Second
)

// A Log is an open log. Its methods are safe for concurrent use.
type Log struct {
	*store
	cfg    Config
	held   io.Closer // the keys
	log    *slog.Logger
	signer note.Signer

	size    atomic.Uint64 // positions that readers may see
	newest  atomic.Pointer[tree.Checkpoint]
	waiting sync.Mutex
	changed chan struct{} // closed when size grows; guarded by waiting
	done    chan struct{} // closed by Close

	// rewriting is held by whoever changes where events lie: one at a time, and
	// before writing.
	rewriting sync.Mutex
	fresh     map[bucketID]freshBucket // while an epoch changes; guarded by rewriting
	fork      *fork                    // while the log is restored from a backup
	// settled tells that the stream's files were written anew under another key by
	// the start that followed a crash: before what is in the log left them, so that
	// it has to be done once more. Guarded by rewriting.
	settled bool
	backup  sync.Mutex // held while a backup is made

	// writing is held by whoever writes. It guards what follows.
	writing  sync.Mutex
	closed   bool
	state    state
	edge     *tree.Edge
	ids      *idFilter // of every event
	kept     time.Time // when a checkpoint was last kept for good
	moored   time.Time // when the anchor was last renewed
	failed   error     // the anchor could not be written
	streamed streamed  // what the stream's files may have
	again    event.Seq // the first position that was published again since their key began to change
}

// An Outcome says what became of a prepared event.
type Outcome uint8

// The outcomes.
const (
	Appended  Outcome = iota + 1 // it is in the log now
	Duplicate                    // it already was; or it was, and is forgotten or redacted
	Conflict                     // its id is another event's, which stays; nothing was stored
)

// A Result is what became of one prepared event.
type Result struct {
	Outcome Outcome
	Seq     event.Seq // where it is, or where the event with the same id is
}

// MaxAppend is the largest number of events in one Append.
const MaxAppend = 1 << 14

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
	FieldClass      Field = "class"      // the retention class that it is kept in now, which its own need not be
)

// A Term asks for events whose field is one of the values.
type Term struct {
	Field  Field
	Values []string // at least one
}

// Size returns the number of positions assigned so far.
func (l *Log) Size() event.Seq { return event.Seq(l.size.Load()) }

// Tenants returns the tenants that have keys, sorted: those that have events,
// pseudonyms or quarantined messages.
func (l *Log) Tenants() []event.Tenant { return l.tenantNames() }

// Origin returns the log's name as it stands in checkpoints.
func (l *Log) Origin() string { return l.signer.Name() }

// VerifierKey returns the key that verifies checkpoints, as C2SP signed-note
// spells it.
func (l *Log) VerifierKey() string { return l.vkey }

// StreamKey returns the key with which the embedded JetStream encrypts its
// files.
//
// After a crash its files may still need the key before, OldStreamKey, until
// Resume.
func (l *Log) StreamKey() string { return l.ring.StreamKey() }

// OldStreamKey returns the key before, "" if that is destroyed.
func (l *Log) OldStreamKey() string { return l.ring.OldStreamKey() }

// KeysRemain reports whether a key is still to be destroyed that may open older
// copies of what was forgotten: that of the epoch before, or that of the stream's
// files. Resume destroys it.
func (l *Log) KeysRemain() bool { return l.ring.Previous() != nil || l.ring.OldStreamKey() != "" }

// A BucketID numbers a bucket.
type BucketID uint32

// A Bucket is what the log has of one tenant, class and day of appending: what
// is forgotten together.
type Bucket struct {
	ID       BucketID
	Tenant   event.Tenant
	Class    string
	Day      time.Time // UTC
	Blocks   int
	Events   int
	Bytes    int64     // of text, before compression
	Earliest time.Time // of its events; zero if it has none
	Latest   time.Time
}

// Buckets returns all buckets, by number. There may be several of the same
// tenant, class and day.
func (l *Log) Buckets() []Bucket {
	l.mu.RLock()
	defer l.mu.RUnlock()
	out := make([]Bucket, 0, len(l.buckets))
	for _, id := range slices.Sorted(maps.Keys(l.buckets)) {
		b := l.buckets[id]
		one := Bucket{ID: BucketID(id), Tenant: l.tenants[b.tenant].name, Class: b.class, Day: time.Unix(int64(b.day)*24*60*60, 0).UTC(), Blocks: len(b.ids)}
		earliest, latest := int64(math.MaxInt64), int64(math.MinInt64)
		for _, id := range b.ids {
			h := l.headers[id]
			one.Events += int(h.Count)
			one.Bytes += int64(h.TextSize)
			earliest, latest = min(earliest, h.MinTime), max(latest, h.MaxTime)
		}
		if one.Blocks > 0 {
			one.Earliest, one.Latest = time.Unix(0, earliest).UTC(), time.Unix(0, latest).UTC()
		}
		out = append(out, one)
	}
	return out
}

// tokenAlphabet is the one of base 32 in lower case, which no redaction
// detector and no reader takes for anything else.
var tokenAlphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// tokenLength is the length of a pseudonym's token in characters of 5 bits:
// among a million values two share a token with a probability below 10⁻⁶.
const tokenLength = 12

// Pseudonym returns the token that stands for a personal value in the given
// tenant: 12 characters a–z2–7 from a keyed PRF. The same value gives the
// same token as long as the tenant's key lives. It makes the tenant's keys on
// first use. Errors as of Append.
func (l *Log) Pseudonym(name event.Tenant, value string) (string, error) {
	t, err := l.tenant(name)
	if err != nil {
		return "", err
	}
	sum, err := t.pseudonyms.Sum([]byte(value), 8)
	if err != nil {
		return "", err
	}
	return tokenAlphabet.EncodeToString(sum)[:tokenLength], nil
}

// TokenMAC returns a MAC over data under a key of the tenant's, for page
// tokens. ErrNotFound where the tenant has no keys.
func (l *Log) TokenMAC(name event.Tenant, data []byte) ([]byte, error) {
	t := l.named(name)
	if t == nil {
		return nil, fmt.Errorf("tenant: %w", ErrNotFound)
	}
	return t.tokens.Sum(data, 16)
}

// CheckTokenMAC reports whether mac is the tenant's MAC over data.
func (l *Log) CheckTokenMAC(name event.Tenant, mac, data []byte) bool {
	want, err := l.TokenMAC(name, data)
	return err == nil && hmac.Equal(mac, want)
}

// tenant returns the tenant, with its keys made durable if it is new.
func (l *Log) tenant(name event.Tenant) (*tenant, error) {
	if t := l.named(name); t != nil {
		return t, nil
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if t := l.named(name); t != nil {
		return t, nil
	}
	if err := l.writable(); err != nil {
		return nil, err
	}
	st := l.state
	st.tenant++
	t, record, err := l.newTenant(st.tenant, name)
	if err != nil {
		return nil, err
	}
	b := l.db.NewBatch()
	set(b, tenantKey(t.id), record)
	set(b, key1(spaceState), st.encode())
	if err := b.Commit(pebble.Sync); err != nil {
		return nil, fmt.Errorf("store tenant: %w", err)
	}
	l.state = st
	l.addTenant(t)
	return t, nil
}

// Ready reports why nothing can be appended now: ErrClosed or ErrDiskFull, or
// what the disk said.
func (l *Log) Ready() error {
	select {
	case <-l.done:
		return ErrClosed
	default:
		return l.room()
	}
}

// writable reports why nothing can be written now. The caller holds writing.
func (l *Log) writable() error {
	if l.closed {
		return ErrClosed
	}
	return l.room()
}

// room reports whether the disk has less free space than it must keep.
func (l *Log) room() error {
	usage, err := l.cfg.FS.GetDiskUsage(l.cfg.Dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("ask for free disk space: %w", err)
	}
	if usage.AvailBytes < l.cfg.MinFree {
		return fmt.Errorf("%w: where %s is, %d MiB are free and %d MiB must stay so (--min-free-mib): make room",
			ErrDiskFull, l.cfg.Dir, usage.AvailBytes>>20, l.cfg.MinFree>>20)
	}
	return nil
}

// set adds a key to a batch, which fails for no reason but a bug.
func set(b *pebble.Batch, key, value []byte) {
	if err := b.Set(key, value, nil); err != nil {
		panic("internal error: add to batch: " + err.Error())
	}
}

// terms calls f for every indexed term of the event but its id and class,
// which need no index of their own.
func terms(e *pb.Event, f func(Field, string)) {
	term := func(field Field, value string) {
		if value != "" {
			f(field, value)
		}
	}
	term(FieldSession, e.GetSession())
	term(FieldUser, e.GetUser())
	term(FieldKind, string(event.KindOf(e)))
	term(FieldService, e.GetSource().GetService())
	term(FieldDeployment, e.GetSource().GetDeployment())
	switch body := e.GetBody().(type) {
	case *pb.Event_Interaction:
		term(FieldModel, body.Interaction.GetModel().GetName())
		term(FieldProvider, body.Interaction.GetModel().GetProvider())
		for _, v := range body.Interaction.GetVerdicts() {
			term(FieldCategory, v.GetCategory())
		}
	case *pb.Event_Verdict:
		term(FieldTarget, body.Verdict.GetTarget())
		term(FieldCategory, body.Verdict.GetCategory())
	case *pb.Event_Report:
		term(FieldTarget, body.Report.GetTarget())
		term(FieldCategory, body.Report.GetCategory())
		term(FieldSession, body.Report.GetSession())
	case *pb.Event_Action:
		term(FieldTarget, body.Action.GetTarget())
	}
}

// Read returns the event at seq with its `seq` set. ErrNotFound where there
// is none or it is another tenant's, ErrErased where it was forgotten.
func (l *Log) Read(ctx context.Context, name event.Tenant, seq event.Seq) (*pb.Event, error) {
	at, err := l.place(ctx, name, seq)
	if err != nil {
		return nil, err
	}
	return l.event(seq, at)
}

// at calls f with where the event at seq lies: first where it was last seen,
// and again with where it is now as long as f returns ErrErased because it has
// moved.
func (s *store) at(seq event.Seq, seen location, f func(location) error) error {
	for {
		_, _, err := s.header(seen.block)
		if err == nil {
			err = f(seen)
		}
		if !errors.Is(err, ErrErased) {
			return err
		}
		now, unknown := s.locate(seq)
		if unknown != nil {
			return unknown
		}
		if now == seen {
			return err
		}
		seen = now
	}
}

// stored calls f with the stored bytes of the event that was last seen at a
// location; all tells whether others of its block will be asked for too.
func (s *store) stored(seq event.Seq, seen location, all bool, stats *Stats, f func([]byte) error) error {
	return s.at(seq, seen, func(at location) error {
		to := int(at.index)
		if all {
			to = whole
		}
		return s.text(at.block, to, stats, func(t *block.Text) error {
			if int(at.index) >= t.Len() {
				return fmt.Errorf("%w: block %d has no event %d", ErrTampered, at.block, at.index)
			}
			return f(t.Bytes(int(at.index)))
		})
	})
}

// event reads the event that was last seen at a location.
func (s *store) event(seq event.Seq, seen location) (*pb.Event, error) { return s.read(seq, seen, nil) }

// read is event, counted.
func (s *store) read(seq event.Seq, seen location, stats *Stats) (*pb.Event, error) {
	var e *pb.Event
	err := s.stored(seq, seen, false, stats, func(stored []byte) (err error) {
		if e, err = event.Unmarshal(stored); err != nil {
			return fmt.Errorf("%w: %w", ErrTampered, err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("event %d: %w", seq, err)
	}
	e.Seq = new(uint64(seq))
	return e, nil
}

// Lookup returns the position of the event with the given id, or ErrNotFound.
func (l *Log) Lookup(ctx context.Context, name event.Tenant, id string) (event.Seq, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	t := l.named(name)
	if t == nil {
		return 0, ErrNotFound
	}
	return l.lookup(t, id)
}

// ReadID is Read of the event with the given id. ErrTampered where the id
// leads to an event with another.
func (l *Log) ReadID(ctx context.Context, name event.Tenant, id string) (*pb.Event, error) {
	seq, err := l.Lookup(ctx, name, id)
	if err != nil {
		return nil, err
	}
	e, err := l.Read(ctx, name, seq)
	if err == nil && e.GetId() != id {
		return nil, fmt.Errorf("event %d: %w: another id leads to it", seq, ErrTampered)
	}
	return e, err
}
