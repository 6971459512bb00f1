package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/formats/proof"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/afterimage/afterimage/client"
	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/witness"
)

// Beside the proof of an event that was redacted stands a file with the ledger
// events that say so, each with its own proof, a line each.
const (
	redactionsSuffix = ".redactions"
	maxRedactions    = 64 << 20 // bytes
)

// A ledgerLine is one line of it.
type ledgerLine struct {
	Event     json.RawMessage `json:"event"`
	TlogProof string          `json:"tlogProof"`
}

// redactionLines fetches the ledger events that a proof names, each with a proof.
func redactionLines(ctx context.Context, store *client.Client, t event.Tenant, seqs []uint64) ([]byte, error) {
	var out bytes.Buffer
	for _, seq := range seqs {
		e, err := store.Event(ctx, t, event.Seq(seq))
		if err != nil {
			return nil, err
		}
		p, err := store.Prove(ctx, t, event.Seq(seq), 0)
		if err != nil {
			return nil, err
		}
		text, err := compactJSON(e)
		if err != nil {
			return nil, err
		}
		if err := json.NewEncoder(&out).Encode(ledgerLine{text, p.GetTlogProof()}); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// readRedactions returns the ledger events beside a proof, each proven to be in the
// log that is trusted; none where there is no such file and none was named.
func (c *verifyCmd) readRedactions(policy *witness.Policy) ([]*pb.Event, error) {
	name := c.Redactions
	if name == "" {
		name = c.Proof + redactionsSuffix
	}
	text, err := readBounded(name, maxRedactions)
	if c.Redactions == "" && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("--redactions: %w", err)
	}
	var ledger []*pb.Event
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxRedactions)
	for n := 1; lines.Scan(); n++ {
		e, err := provenLedger(policy, lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", name, n, err)
		}
		ledger = append(ledger, e)
	}
	return ledger, lines.Err()
}

// provenLedger returns the ledger event of a line if its proof holds.
func provenLedger(policy *witness.Policy, line []byte) (*pb.Event, error) {
	var l ledgerLine
	if err := json.Unmarshal(line, &l); err != nil {
		return nil, fmt.Errorf("it is not what afterimage prove writes: %w", err)
	}
	e := new(pb.Event)
	if err := protojson.Unmarshal(l.Event, e); err != nil {
		return nil, fmt.Errorf("its event is not the JSON of one: %w", err)
	}
	p, commitment, _, _, err := openProof(policy, []byte(l.TlogProof))
	if err != nil {
		return nil, err
	}
	hash, err := hashOf(e)
	if err != nil {
		return nil, err
	}
	if hash != commitment || e.Seq == nil || e.GetSeq() != p.Index {
		return nil, coded{errors.New("the ledger event is not the one that its proof is of"), exitTampered}
	}
	return e, nil
}

// openProof checks a C2SP tlog-proof against what is trusted.
func openProof(policy *witness.Policy, text []byte) (p proof.TLogProof, commitment [sha256.Size]byte, cp log.Checkpoint, seen []witness.Cosignature, err error) {
	if err = p.Unmarshal(text); err != nil {
		return p, commitment, cp, nil, fmt.Errorf("%w: want what afterimage prove writes", err)
	}
	if copy(commitment[:], p.ExtraData) != len(commitment) || len(p.ExtraData) != len(commitment) {
		return p, commitment, cp, nil, errors.New("the proof does not carry the event's commitment: is it one of an Afterimage store?")
	}
	if cp, seen, err = policy.Open(p.Checkpoint); err != nil {
		return p, commitment, cp, nil, coded{err, exitTampered}
	}
	if err = eventlog.CheckProof(p, commitment, cp); err != nil {
		err = coded{fmt.Errorf("the event is not in the log of %d events as its root says: %w", cp.Size, err), exitTampered}
	}
	return p, commitment, cp, seen, err
}

// hashOf is what an event is committed to.
func hashOf(e *pb.Event) ([sha256.Size]byte, error) {
	seq := e.Seq
	e.Seq = nil
	stored, err := event.Marshal(e)
	e.Seq = seq
	return sha256.Sum256(stored), err
}

// follow returns what the event is committed to now, as the ledger says.
func follow(leaf [sha256.Size]byte, seq uint64, ledger []*pb.Event) ([sha256.Size]byte, error) {
	if len(ledger) == 0 {
		return leaf, nil
	}
	now, err := eventlog.FollowRedactions(leaf, event.Seq(seq), ledger...)
	if err == nil && now == leaf {
		err = errors.New("the ledger events do not speak of the event")
	}
	if err != nil {
		return leaf, coded{fmt.Errorf("--redactions: %w", err), exitTampered}
	}
	return now, nil
}

// A saidRedaction is what the ledger says of one event.
type saidRedaction struct {
	Seq      uint64            `json:"seq,string"`
	Time     time.Time         `json:"time"`
	Actor    string            `json:"actor"`
	Reason   string            `json:"reason"`
	Replaced map[string]uint32 `json:"replaced"` // by type
}

// saidOf returns what the ledger events say of the event at seq, the oldest first.
func saidOf(seq uint64, ledger []*pb.Event) []saidRedaction {
	var out []saidRedaction
	for _, e := range ledger {
		for _, r := range e.GetRedacted().GetEvents() {
			if r.GetSeq() != seq {
				continue
			}
			said := saidRedaction{e.GetSeq(), e.GetTime().AsTime(), e.GetRedacted().GetActor(), e.GetRedacted().GetReason(), map[string]uint32{}}
			for _, what := range r.GetRedactions() {
				said.Replaced[what.GetType()] += what.GetCount()
			}
			out = append(out, said)
		}
	}
	slices.SortStableFunc(out, func(a, b saidRedaction) int { return a.Time.Compare(b.Time) })
	return out
}

// print says by whom and why the event was redacted.
func (r saidRedaction) print(out io.Writer) {
	var types []string
	for typ, n := range r.Replaced {
		types = append(types, fmt.Sprintf("%d %s", n, visible(typ)))
	}
	slices.Sort(types)
	fmt.Fprintf(out, "redacted since, at %s, by %s: %s\n  says event %d of the ledger, which is in the log too; replaced: %s\n",
		r.Time.Format(time.RFC3339), visible(r.Actor), visible(r.Reason), r.Seq, strings.Join(types, ", "))
}

// writeRedactions writes the file beside a proof, or removes that of an earlier
// one.
func writeRedactions(name string, text []byte) error {
	name += redactionsSuffix
	if len(text) > 0 {
		return os.WriteFile(name, text, 0o600)
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
