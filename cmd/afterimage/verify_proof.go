package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/formats/proof"
	"google.golang.org/protobuf/encoding/protojson"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/witness"
)

const maxProof = 1 << 20 // bytes

// trust returns what --key and --policy say; nil if neither is given.
func (c *verifyCmd) trust() (*witness.Policy, error) {
	if c.Policy == "" {
		if c.Key == "" {
			return nil, nil
		}
		p, err := witness.Trust(c.Key)
		if err != nil {
			return nil, usage("--key: %w", err)
		}
		return p, nil
	}
	text, err := readBounded(c.Policy, maxProof)
	if err != nil {
		return nil, usage("--policy: %w", err)
	}
	p, err := witness.ParsePolicy(text)
	if err != nil {
		return nil, usage("--policy %s: %w", c.Policy, err)
	}
	if len(p.Logs) == 0 {
		return nil, usage("--policy %s: it names no log: add a line `log VKEY`", c.Policy)
	}
	return p, nil
}

// readBounded reads a file that has at most limit bytes.
func readBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s is longer than it can be", name)
	}
	return text, err
}

// proof checks a .tlog-proof file.
func (c *verifyCmd) proof(s streams) error {
	policy, err := c.trust()
	if err != nil {
		return err
	}
	text, err := readBounded(c.Proof, maxProof)
	if err != nil {
		return err
	}
	p, commitment, cp, cosignatures, err := openProof(policy, text)
	if err != nil {
		return prefixed(c.Proof, err)
	}
	ledger, err := c.readRedactions(policy)
	if err != nil {
		return err
	}
	current, err := follow(commitment, p.Index, ledger)
	if err != nil {
		return err
	}
	v := proven{proof: p, commitment: commitment, current: current, checkpoint: cp, cosigned: cosignatures, redactions: saidOf(p.Index, ledger)}
	if c.Event != "" {
		if v.original, err = committed(c.Event, commitment, current); err != nil {
			return err
		}
	}
	return c.proven(s, v)
}

// prefixed is an error of a file, with its exit code.
func prefixed(file string, err error) error {
	wrapped := fmt.Errorf("%s: %w", file, err)
	if c, ok := errors.AsType[coded](err); ok {
		return coded{wrapped, c.code}
	}
	return wrapped
}

// committed checks that an event, as JSON of the API with all its fields, is
// the one that was committed to: as it is now, or else as it was first stored.
func committed(file string, leaf, current [sha256.Size]byte) (original bool, err error) {
	text, err := readBounded(file, 16<<20)
	if err != nil {
		return false, fmt.Errorf("--event: %w", err)
	}
	var e pb.Event
	if err := protojson.Unmarshal(bytes.TrimSpace(text), &e); err != nil {
		return false, fmt.Errorf("--event %s: %w: want the JSON of one event", file, err)
	}
	hash, err := hashOf(&e)
	switch {
	case err != nil:
		return false, fmt.Errorf("--event %s: %w", file, err)
	case hash == current:
		return false, nil
	case hash == leaf:
		return true, nil
	}
	return false, coded{fmt.Errorf("--event %s: it is not the event that the proof is of, or lacks some of its fields, or was redacted after the proof was made: then prove it again", file), exitTampered}
}

// proven is what was proven.
type proven struct {
	proof               proof.TLogProof
	commitment, current [sha256.Size]byte
	original            bool // the event that was given is as it was before it was redacted
	checkpoint          log.Checkpoint
	cosigned            []witness.Cosignature
	redactions          []saidRedaction
}

// proven prints what was proven.
func (c *verifyCmd) proven(s streams, v proven) error {
	if c.json() {
		return c.provenJSON(s, v)
	}
	cp := v.checkpoint
	fmt.Fprintf(s.out, "%s: event %d is in the log of %d events\ncommitment %x\nlog %s, root %x\n",
		styleFor(s.out).paint(bold+";"+green, "verified"), v.proof.Index, cp.Size, v.commitment, visible(cp.Origin), cp.Hash)
	for _, r := range v.redactions {
		r.print(s.out)
	}
	if len(v.redactions) > 0 {
		fmt.Fprintf(s.out, "commitment since %x\n", v.current)
	}
	for _, w := range v.cosigned {
		fmt.Fprintf(s.out, "cosigned by %s at %s\n", visible(w.Witness), w.Time.Format(time.RFC3339))
	}
	switch {
	case c.Event == "":
		fmt.Fprintln(s.out, "that an event has this commitment shows with --event and its JSON")
	case v.original:
		fmt.Fprintln(s.out, "the event given is as it was before it was redacted")
	case len(v.redactions) > 0:
		fmt.Fprintln(s.out, "the event given is what it is since")
	}
	return nil
}

func (c *verifyCmd) provenJSON(s streams, v proven) error {
	type seen struct {
		Witness string    `json:"witness"`
		Time    time.Time `json:"time"`
	}
	out := struct {
		Seq        uint64          `json:"seq,string"`
		Commitment string          `json:"commitment"`
		Current    string          `json:"current"`
		Event      bool            `json:"event"`
		Original   bool            `json:"original,omitempty"`
		Redactions []saidRedaction `json:"redactions,omitempty"`
		Origin     string          `json:"origin"`
		Size       uint64          `json:"size,string"`
		Root       string          `json:"root"`
		Cosigned   []seen          `json:"cosigned"`
	}{
		v.proof.Index, fmt.Sprintf("%x", v.commitment), fmt.Sprintf("%x", v.current), c.Event != "", v.original, v.redactions,
		v.checkpoint.Origin, v.checkpoint.Size, fmt.Sprintf("%x", v.checkpoint.Hash), []seen{},
	}
	for _, w := range v.cosigned {
		out.Cosigned = append(out.Cosigned, seen{w.Witness, w.Time})
	}
	return json.NewEncoder(s.out).Encode(out)
}
