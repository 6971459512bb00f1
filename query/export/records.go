package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query/bag"
)

// Where the files of events are in a bag. What an event is called there is its
// position: ids are their publishers', and may be anything.
const (
	recordsDir = "data/records/"
	ledgerDir  = "data/ledger/"
	proofsDir  = "proofs/"
)

func recordName(dir string, seq event.Seq) string { return fmt.Sprintf("%s%d.json", dir, seq) }
func commitmentName(dir string, seq event.Seq) string {
	return fmt.Sprintf("%s%d.commit.json", dir, seq)
}
func proofName(seq event.Seq) string { return fmt.Sprintf("%s%d.tlog-proof", proofsDir, seq) }

// A commitment is what a .commit.json file says.
type commitmentFile struct {
	Seq        uint64   `json:"seq,string"`
	EventID    string   `json:"eventId"`
	Commitment string   `json:"commitment"` // SHA-256 of the stored bytes, hexadecimal
	Leaf       string   `json:"leaf"`       // SHA-256 of the bytes as first stored: what is proven
	Redactions []uint64 `json:"redactions"` // positions of the ledger events that lead from leaf to commitment
	Salt       []byte   `json:"salt"`       // which stands in the stored bytes, base64
	Stored     []byte   `json:"stored"`     // the stored bytes, base64
}

// A fact is an event and what it is committed to.
type fact struct {
	event         *pb.Event // with its seq
	leaf, current [sha256.Size]byte
	redactions    []event.Seq
	size          int // as stored, bytes
}

// An exhibited event is ready to be put into a bag.
type exhibited struct {
	fact
	files []bag.Packed
}

// exhibit returns an event with its files, proven in a checkpoint. ErrChanged
// where it was forgotten, or redacted after the checkpoint.
func (b *bundle) exhibit(ctx context.Context, dir string, seq event.Seq, in eventlog.Checkpoint) (out exhibited, err error) {
	x, err := b.x.cfg.Log.Exhibit(ctx, b.tenant, seq, in)
	if errors.Is(err, eventlog.ErrErased) {
		return out, ErrChanged
	}
	if err != nil {
		return out, err
	}
	for _, at := range x.Redactions {
		if at >= in.Size {
			return out, ErrChanged
		}
	}
	e, err := event.Unmarshal(x.Stored)
	if err != nil {
		return out, fmt.Errorf("event %d: %w: %w", seq, eventlog.ErrTampered, err)
	}
	e.Seq = new(uint64(seq))
	record, err := canonical(e)
	if err != nil {
		return out, err
	}
	out.fact = fact{e, x.Commitment, x.Current, x.Redactions, len(x.Stored)}
	commitment, err := out.commitment(x.Stored)
	if err != nil {
		return out, err
	}
	out.files = []bag.Packed{
		bag.Pack(recordName(dir, seq), record), bag.Pack(commitmentName(dir, seq), commitment), bag.Pack(proofName(seq), x.Text()),
	}
	return out, nil
}

// commitment returns the .commit.json file of an event.
func (f fact) commitment(stored []byte) ([]byte, error) {
	c := commitmentFile{
		Seq: f.event.GetSeq(), EventID: f.event.GetId(), Salt: f.event.GetSalt(), Stored: stored,
		Commitment: fmt.Sprintf("%x", f.current), Leaf: fmt.Sprintf("%x", f.leaf), Redactions: []uint64{},
	}
	for _, at := range f.redactions {
		c.Redactions = append(c.Redactions, uint64(at))
	}
	text, err := json.Marshal(c)
	return append(text, '\n'), err
}

// canonical is proto3 JSON without white space, on one line: of the same message
// always the same.
func canonical(m proto.Message) ([]byte, error) {
	text, err := protojson.Marshal(m)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// inOrder calls build for each of items, on all cores, and then take with what it
// returned, in their order, one at a time.
func inOrder[T, M any](ctx context.Context, items []T, build func(context.Context, T) (M, error), take func(M) error) error {
	made := make([]M, len(items))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, item := range items {
		group.Go(func() (err error) {
			made[i], err = build(ctx, item)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, m := range made {
		if err := take(m); err != nil {
			return err
		}
	}
	return nil
}

// inHand is how many events are in memory at a time. Each may have a megabyte,
// and its files a few.
func inHand() int { return 8 * runtime.GOMAXPROCS(0) }
