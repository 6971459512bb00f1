package certificate

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/afterimage/afterimage/eventlog"
)

// Format is what a certificate says it is; kind is what its signature says.
const (
	Format = "afterimage/" + kind
	kind   = "certificate-of-deletion/v1"
)

// MaxListed is up to how many ranges of positions, and how many commitments, a
// certificate lists. Where there are more, the digest stands for them.
const MaxListed = 10_000

// MaxSize is the most bytes that a certificate has.
const MaxSize = 64 << 20

// A Statement is what a certificate says.
type Statement struct {
	Format  string    `json:"format"`
	Issued  time.Time `json:"issued"`
	Log     Log       `json:"log"`
	Kind    Kind      `json:"kind"`
	Tenant  string    `json:"tenant"`
	Request string    `json:"request"`
	Stated
	Epochs  []Epoch `json:"epochs,omitempty"`
	Deleted Deleted `json:"deleted"`
	Remains Remains `json:"remains"`
	// The tree before the first of the cited events that deletes, and after the last.
	Before      Head     `json:"before"`
	After       Head     `json:"after"`
	Consistency [][]byte `json:"consistency,omitempty"` // RFC 6962 §2.1.2, from Before to After
	Ledger      []Cited  `json:"ledger"`                // by position
}

// A Kind says why something was deleted.
type Kind string

// The kinds.
const (
	Expiry  Kind = "EXPIRY"  // its time had passed
	Erasure Kind = "ERASURE" // somebody had a right to it
	Restore Kind = "RESTORE" // it had been deleted after the backup that was restored
)

// Stated is who asked for what and what became of it.
type Stated struct {
	Scope       string        `json:"scope,omitempty"` // of an erasure: PERSON or TENANT
	Since       *time.Time    `json:"since,omitempty"`
	Until       *time.Time    `json:"until,omitempty"`
	Actor       string        `json:"actor,omitempty"`
	Reason      string        `json:"reason,omitempty"`
	Policies    []Policy      `json:"policies,omitempty"` // in force when it was asked for and when it was done
	Requested   time.Time     `json:"requested"`
	Done        *time.Time    `json:"done,omitempty"` // absent: it is not complete
	Complete    bool          `json:"complete"`
	Outstanding []Outstanding `json:"outstanding,omitempty"` // why it is not complete
}

// Outstanding is what a deletion waits for.
type Outstanding string

// What a deletion can wait for.
const (
	EventsOwed Outstanding = "EVENTS_OWED" // some of what was asked for is not deleted yet
	KeysRemain Outstanding = "KEYS_REMAIN" // the keys of the epoch before are not destroyed yet
)

// Log names the log and the key that its signatures verify with.
type Log struct {
	Origin      string `json:"origin"`
	VerifierKey string `json:"verifierKey"` // C2SP signed-note
}

// A Policy is one that was in force.
type Policy struct {
	Version string  `json:"version"`
	Seq     *uint64 `json:"seq,string,omitempty"` // of the ledger event that put it in force, if it is cited
}

// An Epoch is one of keys that began; the one before it ended, and with it the keys
// of what was deleted.
type Epoch struct {
	Number uint64    `json:"number,string"`
	Seq    uint64    `json:"seq,string"`
	Began  time.Time `json:"began"`
}

// Deleted is what was deleted.
type Deleted struct {
	Events      uint64     `json:"events,string"`
	ByClass     []ClassDay `json:"byClass,omitempty"`
	Quarantined uint64     `json:"quarantined,string,omitempty"` // messages that were never events
	Blocks      uint64     `json:"blocks,string,omitempty"`      // that went whole
	Positions   []Range    `json:"positions,omitempty"`          // absent where they are more than MaxListed
	// Digest is the SHA-256 over the position (8 bytes, big-endian) and the
	// commitment (32) of each event, by ascending position.
	Digest      []byte   `json:"commitmentsDigest"`
	Commitments [][]byte `json:"commitments,omitempty"` // by position; absent likewise
	Proof       [][]byte `json:"proof,omitempty"`       // of all commitments in After; see tree.SubsetRoot
}

// A ClassDay is how many events went of those that were kept in a class and
// appended on a day.
type ClassDay struct {
	Class  string `json:"class"`
	Day    string `json:"day"` // 2006-01-02, UTC
	Events uint64 `json:"events,string"`
}

// A Range is neighbouring positions.
type Range struct {
	First uint64 `json:"first,string"`
	Last  uint64 `json:"last,string"`
}

// Remains is what a deletion left, and why.
type Remains struct {
	Owed          uint64      `json:"owed,string"`        // events that were asked for and are not deleted
	Deferred      []Deferral  `json:"deferred,omitempty"` // why not, as of the request
	Exports       []string    `json:"exports,omitempty"`  // copies that were handed out before
	KEK           string      `json:"kek"`                // the kind of key that wraps the keys: local, aws-kms, …
	KeysDestroyed bool        `json:"keysDestroyed"`      // those of the last epoch that ended
	Elsewhere     []Elsewhere `json:"elsewhere"`          // what the store cannot reach
}

// A Deferral is events that could not be erased at once.
type Deferral struct {
	Cause  string     `json:"cause"`           // HELD or PROMISED
	Holds  []string   `json:"holds,omitempty"` // any of which is enough
	Class  string     `json:"class,omitempty"` // whose promise it is
	Until  *time.Time `json:"until,omitempty"`
	Events uint64     `json:"events,string"`
}

// Elsewhere is a place that the store cannot reach, where copies may be.
type Elsewhere struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// A Head is a tree head.
type Head struct {
	Size       uint64 `json:"size,string"`
	Root       []byte `json:"root"`
	Checkpoint string `json:"checkpoint"` // C2SP tlog-checkpoint
}

// Cited is a ledger event, as it is stored, with its proof in After.
type Cited struct {
	Seq   uint64    `json:"seq,string"`
	Kind  string    `json:"kind"`
	Time  time.Time `json:"time"`
	Event []byte    `json:"event"` // protobuf; its SHA-256 is the commitment
	Proof [][]byte  `json:"proof"` // RFC 6962 §2.1.1
}

// A file is a certificate as JSON.
type file struct {
	Certificate Statement `json:"certificate"`
	Signature   string    `json:"signature"` // C2SP signed-note
}

// sum is what is signed: the SHA-256 of the statement as JSON without white space.
func (s *Statement) sum() ([sha256.Size]byte, error) {
	compact, err := compact(s)
	return sha256.Sum256(compact), err
}

// encode spells the one accepted encoding.
func (f *file) encode() ([]byte, error) {
	text, err := compact(f)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return nil, fmt.Errorf("encode certificate: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// compact writes JSON without white space, with nothing escaped that need not be.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode certificate: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decode is the inverse of encode: it accepts nothing that encode does not write.
func decode(data []byte) (*file, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	f := new(file)
	if err := d.Decode(f); err != nil {
		return nil, fmt.Errorf("%w: it is no certificate, or was cut short: %w", eventlog.ErrTampered, err)
	}
	if f.Certificate.Format != Format {
		return nil, fmt.Errorf("%w: its format is %q: want %s, or a newer version of afterimage", eventlog.ErrTampered, f.Certificate.Format, Format)
	}
	again, err := f.encode()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", eventlog.ErrTampered, err)
	}
	if !bytes.Equal(again, data) {
		return nil, fmt.Errorf("%w: it is not spelled as it was issued", eventlog.ErrTampered)
	}
	return f, nil
}
