// Bundlecheck checks the proofs in a bag of evidence with what somebody else wrote
// of C2SP tlog-proof and tlog-policy, for tests: filippo.io/torchwood.
//
//	bundlecheck BAG
//
// It takes each event's stored bytes and leaf from its .commit.json file, and
// trusts what proofs/trust.policy says. It prints how many proofs hold. It is a
// module of its own, as torchwood wants a newer Go than the product.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: bundlecheck BAG")
		os.Exit(2)
	}
	n, err := check(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "bundlecheck:", err)
		os.Exit(1)
	}
	fmt.Println(n)
}

// check checks every event of a bag.
func check(bag string) (n int, err error) {
	text, err := os.ReadFile(filepath.Join(bag, "proofs", "trust.policy"))
	if err != nil {
		return 0, err
	}
	policy, err := torchwood.ParsePolicy(text)
	if err != nil {
		return 0, err
	}
	for _, dir := range []string{"records", "ledger"} {
		commitments, err := filepath.Glob(filepath.Join(bag, "data", dir, "*.commit.json"))
		if err != nil {
			return n, err
		}
		for _, name := range commitments {
			seq := strings.TrimSuffix(filepath.Base(name), ".commit.json")
			if err := event(policy, name, filepath.Join(bag, "proofs", seq+".tlog-proof")); err != nil {
				return n, fmt.Errorf("event %s: %w", seq, err)
			}
			n++
		}
	}
	return n, nil
}

// event checks one event.
func event(policy torchwood.Policy, commitment, proof string) error {
	text, err := os.ReadFile(commitment)
	if err != nil {
		return err
	}
	var c struct {
		Commitment, Leaf string
		Redactions       []any
		Stored           []byte
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return err
	}
	if sum := sha256.Sum256(c.Stored); hex.EncodeToString(sum[:]) != c.Commitment {
		return errors.New("its stored bytes are not what they are committed to")
	}
	if len(c.Redactions) == 0 && c.Commitment != c.Leaf {
		return errors.New("its commitment is not its leaf")
	}
	leaf, err := hex.DecodeString(c.Leaf)
	if err != nil {
		return err
	}
	signed, err := os.ReadFile(proof)
	if err != nil {
		return err
	}
	return torchwood.VerifyProof(policy, tlog.RecordHash(leaf), signed)
}
