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
	"golang.org/x/mod/sumdb/tlog"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/afterimage/afterimage/event"
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
	var p proof.TLogProof
	if err := p.Unmarshal(text); err != nil {
		return fmt.Errorf("%s: %w: want what afterimage prove writes", c.Proof, err)
	}
	var commitment [sha256.Size]byte
	if copy(commitment[:], p.ExtraData) != len(commitment) || len(p.ExtraData) != len(commitment) {
		return fmt.Errorf("%s: the proof does not carry the event's commitment: is it one of an Afterimage store?", c.Proof)
	}
	cp, cosignatures, err := policy.Open(p.Checkpoint)
	if err != nil {
		return coded{fmt.Errorf("%s: %w", c.Proof, err), exitTampered}
	}
	if err := included(p, commitment, cp); err != nil {
		return coded{fmt.Errorf("%s: the event is not in the log of %d events as its root says: %w", c.Proof, cp.Size, err), exitTampered}
	}
	if c.Event != "" {
		if err := committed(c.Event, commitment); err != nil {
			return err
		}
	}
	return c.proven(s, p, commitment, cp, cosignatures)
}

// included checks that the commitment is a leaf of the checkpoint's tree.
func included(p proof.TLogProof, commitment [sha256.Size]byte, cp log.Checkpoint) error {
	if p.Index >= cp.Size || cp.Size > 1<<48 || len(cp.Hash) != tlog.HashSize {
		return errors.New("impossible index, size or root")
	}
	hashes := make(tlog.RecordProof, len(p.Hashes))
	for i, h := range p.Hashes {
		hashes[i] = h
	}
	return tlog.CheckRecord(hashes, int64(cp.Size), tlog.Hash(cp.Hash), int64(p.Index), tlog.RecordHash(commitment[:]))
}

// committed checks that an event, as JSON of the API with all its fields, is
// the one that was committed to.
func committed(file string, commitment [sha256.Size]byte) error {
	text, err := readBounded(file, 16<<20)
	if err != nil {
		return fmt.Errorf("--event: %w", err)
	}
	var e pb.Event
	if err := protojson.Unmarshal(bytes.TrimSpace(text), &e); err != nil {
		return fmt.Errorf("--event %s: %w: want the JSON of one event", file, err)
	}
	e.Seq = nil
	stored, err := event.Marshal(&e)
	if err != nil {
		return fmt.Errorf("--event %s: %w", file, err)
	}
	if sha256.Sum256(stored) != commitment {
		return coded{fmt.Errorf("--event %s: it is not the event that the proof is of, or lacks some of its fields", file), exitTampered}
	}
	return nil
}

// proven prints what was proven.
func (c *verifyCmd) proven(s streams, p proof.TLogProof, commitment [sha256.Size]byte, cp log.Checkpoint, cosignatures []witness.Cosignature) error {
	if c.json() {
		type seen struct {
			Witness string    `json:"witness"`
			Time    time.Time `json:"time"`
		}
		out := struct {
			Seq        uint64 `json:"seq,string"`
			Commitment string `json:"commitment"`
			Event      bool   `json:"event"`
			Origin     string `json:"origin"`
			Size       uint64 `json:"size,string"`
			Root       string `json:"root"`
			Cosigned   []seen `json:"cosigned"`
		}{p.Index, fmt.Sprintf("%x", commitment), c.Event != "", cp.Origin, cp.Size, fmt.Sprintf("%x", cp.Hash), []seen{}}
		for _, w := range cosignatures {
			out.Cosigned = append(out.Cosigned, seen{w.Witness, w.Time})
		}
		return json.NewEncoder(s.out).Encode(out)
	}
	fmt.Fprintf(s.out, "%s: event %d is in the log of %d events\ncommitment %x\nlog %s, root %x\n",
		styleFor(s.out).paint(bold+";"+green, "verified"), p.Index, cp.Size, commitment, visible(cp.Origin), cp.Hash)
	for _, w := range cosignatures {
		fmt.Fprintf(s.out, "cosigned by %s at %s\n", visible(w.Witness), w.Time.Format(time.RFC3339))
	}
	if c.Event == "" {
		fmt.Fprintln(s.out, "that an event has this commitment shows with --event and its JSON")
	}
	return nil
}
