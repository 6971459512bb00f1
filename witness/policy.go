package witness

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// A Policy says which checkpoints are to be trusted: those that one of its logs
// signed and a quorum of its witnesses cosigned. C2SP tlog-policy.
type Policy struct {
	Logs      []note.Verifier // whose name is the log's origin; none: any log of the caller's choice
	Witnesses []Witness       // in the order of the file

	quorum component
}

// A Witness is one that a policy names.
type Witness struct {
	Name string        // in the policy
	Key  note.Verifier // of its cosignatures
	URL  string        // the submission prefix; "" where the policy says none
}

// A component of a quorum tells whether it has witnessed, given the names of
// the witnesses that cosigned.
type component func(cosigned map[string]bool) bool

// A Cosignature says that a witness saw a checkpoint.
type Cosignature struct {
	Witness string // its name in the policy
	Time    time.Time
	Line    string // of the note, with its newline
}

// ErrUntrusted says that a policy does not trust a checkpoint.
var ErrUntrusted = errors.New("not to be trusted")

// Bounds on policies.
const (
	maxPolicy = 1 << 20 // bytes
	maxParts  = 256     // logs, witnesses and groups, each
)

// Trust returns the policy that trusts one log by its verifier key, whoever
// cosigned.
func Trust(vkey string) (*Policy, error) {
	key, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, fmt.Errorf("verifier key: %w", err)
	}
	return &Policy{Logs: []note.Verifier{key}, quorum: nobody}, nil
}

func nobody(map[string]bool) bool { return true }

// Any returns the policy for which one cosignature of any of the witnesses is
// enough. Their names must differ.
func Any(witnesses []Witness) (*Policy, error) {
	members := make([]component, len(witnesses))
	for i, w := range witnesses {
		if slices.ContainsFunc(witnesses[:i], func(o Witness) bool { return o.Name == w.Name }) {
			return nil, fmt.Errorf("witness %s: named twice", w.Name)
		}
		members[i] = single(w.Name)
	}
	return &Policy{Witnesses: witnesses, quorum: threshold(1, members)}, nil
}

func single(name string) component {
	return func(cosigned map[string]bool) bool { return cosigned[name] }
}

func threshold(need int, members []component) component {
	return func(cosigned map[string]bool) bool {
		n := 0
		for _, witnessed := range members {
			if witnessed(cosigned) {
				n++
			}
		}
		return n >= need
	}
}

// NewWitness returns a witness by its verifier key, of type 0x04 or 0x06; one
// of type 0x01 is taken for 0x04, as others do.
func NewWitness(name, vkey, url string) (Witness, error) {
	if cosigning, err := fnote.VKeyToCosignatureV1(vkey); err == nil {
		vkey = cosigning
	}
	key, err := fnote.NewVerifierForCosignatureV1(vkey)
	if err != nil {
		return Witness{}, fmt.Errorf("witness %s: verifier key: %w", name, err)
	}
	// The library takes the key for what it is and not for what its id says:
	// a slip of the pen in the name would show only when nobody cosigns.
	if !strings.HasPrefix(vkey, fmt.Sprintf("%s+%08x+", key.Name(), key.KeyHash())) {
		return Witness{}, fmt.Errorf("witness %s: verifier key: its id is not that of its name and key", name)
	}
	return Witness{name, key, url}, nil
}

// Askable reports why the policy's witnesses cannot be asked to cosign: each
// must have the URL of its submission prefix.
func (p *Policy) Askable() error {
	if len(p.Witnesses) == 0 {
		return errors.New("it names no witness")
	}
	for _, w := range p.Witnesses {
		if !strings.HasPrefix(w.URL, "https://") && !strings.HasPrefix(w.URL, "http://") {
			return fmt.Errorf("witness %s: its URL %q is not http:// or https://", w.Name, w.URL)
		}
	}
	return nil
}

// ParsePolicy reads a trust policy; its errors name the line.
func ParsePolicy(text []byte) (*Policy, error) {
	if len(text) > maxPolicy {
		return nil, fmt.Errorf("policy: more than %d bytes", maxPolicy)
	}
	p := policyParser{names: map[string]component{}, keys: map[string]bool{}}
	n := 0
	for line := range strings.SplitSeq(string(text), "\n") {
		n++
		if i := strings.IndexFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }); i >= 0 {
			return nil, fmt.Errorf("policy: line %d: control character", n)
		}
		fields := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if err := p.line(fields[0], fields[1:]); err != nil {
			return nil, fmt.Errorf("policy: line %d: %w", n, err)
		}
	}
	if p.quorum == nil {
		return nil, errors.New("policy: there is no quorum line: add one, e.g. `quorum none`")
	}
	return &p.Policy, nil
}

type policyParser struct {
	Policy
	names map[string]component // of witnesses and groups
	keys  map[string]bool      // public keys that were named, by use
}

func (p *policyParser) line(keyword string, args []string) error {
	switch {
	case keyword == "log" && (len(args) == 1 || len(args) == 2):
		return p.log(args[0])
	case keyword == "witness" && (len(args) == 2 || len(args) == 3):
		return p.witness(args[0], args[1], strings.Join(args[2:], ""))
	case keyword == "group" && len(args) >= 3:
		return p.group(args[0], args[1], args[2:])
	case keyword == "quorum" && len(args) == 1:
		return p.decide(args[0])
	}
	return fmt.Errorf("%q with %d words behind it: want log, witness, group or quorum as C2SP tlog-policy says", keyword, len(args))
}

func (p *policyParser) log(vkey string) error {
	key, err := note.NewVerifier(vkey)
	if err != nil {
		return fmt.Errorf("log: verifier key: %w", err)
	}
	if len(p.Logs) == maxParts {
		return fmt.Errorf("more than %d logs", maxParts)
	}
	p.Logs = append(p.Logs, key)
	return p.once("log", vkey)
}

func (p *policyParser) witness(name, vkey, url string) error {
	w, err := NewWitness(name, vkey, url)
	if err != nil {
		return err
	}
	if err := errors.Join(p.name(name, single(name)), p.once("witness", vkey)); err != nil {
		return err
	}
	p.Witnesses = append(p.Witnesses, w)
	return nil
}

// once refuses a public key that was named before for the same use: under two
// names it could count twice.
func (p *policyParser) once(use, vkey string) error {
	_, rest, _ := strings.Cut(vkey, "+")
	_, text, _ := strings.Cut(rest, "+")
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) == 0 {
		return fmt.Errorf("%s: malformed verifier key", use)
	}
	id := use + string(key[1:]) // without its type
	if p.keys[id] {
		return fmt.Errorf("%s: its key was named before", use)
	}
	p.keys[id] = true
	return nil
}

func (p *policyParser) group(name, need string, members []string) error {
	var parts []component
	for i, m := range members {
		part := p.names[m]
		if part == nil {
			return fmt.Errorf("group %s: %q is not a witness or group of a line before", name, m)
		}
		if slices.Contains(members[:i], m) {
			return fmt.Errorf("group %s: %q stands twice", name, m)
		}
		parts = append(parts, part)
	}
	k, err := strconv.Atoi(need)
	switch need {
	case "any":
		k, err = 1, nil
	case "all":
		k, err = len(parts), nil
	}
	if err != nil || k < 1 || k > len(parts) {
		return fmt.Errorf("group %s: %q is not any, all, or a number from 1 to %d", name, need, len(parts))
	}
	return p.name(name, threshold(k, parts))
}

func (p *policyParser) name(name string, c component) error {
	switch {
	case name == "none":
		return errors.New(`"none" can name nothing`)
	case p.names[name] != nil:
		return fmt.Errorf("%q was defined before", name)
	case len(p.names) == maxParts:
		return fmt.Errorf("more than %d witnesses and groups", maxParts)
	}
	p.names[name] = c
	return nil
}

func (p *policyParser) decide(name string) error {
	if p.quorum != nil {
		return errors.New("a second quorum line")
	}
	if p.quorum = p.names[name]; name == "none" {
		p.quorum = nobody
	}
	if p.quorum == nil {
		return fmt.Errorf("quorum: %q is not a witness or group of a line before", name)
	}
	return nil
}

// Open returns a checkpoint that the policy trusts, and the cosignatures of
// its witnesses; else an error that wraps ErrUntrusted.
func (p *Policy) Open(signed []byte) (log.Checkpoint, []Cosignature, error) {
	keys := slices.Clone(p.Logs)
	for _, w := range p.Witnesses {
		keys = append(keys, w.Key)
	}
	n, err := note.Open(signed, note.VerifierList(keys...))
	if err != nil {
		return log.Checkpoint{}, nil, fmt.Errorf("checkpoint: %w: %w", ErrUntrusted, err)
	}
	var cp log.Checkpoint
	if _, err := cp.Unmarshal([]byte(n.Text)); err != nil {
		return log.Checkpoint{}, nil, fmt.Errorf("checkpoint: %w: %w", ErrUntrusted, err)
	}
	if !slices.ContainsFunc(n.Sigs, func(s note.Signature) bool {
		return s.Name == cp.Origin && slices.ContainsFunc(p.Logs, is(s))
	}) {
		return log.Checkpoint{}, nil, fmt.Errorf("checkpoint: %w: no trusted log of the name %q signed it", ErrUntrusted, cp.Origin)
	}
	cosignatures := p.cosignatures(n.Sigs)
	if !p.Satisfied(cosignatures) {
		return log.Checkpoint{}, nil, fmt.Errorf("checkpoint: %w: cosigned by %d of %d witnesses, which is no quorum", ErrUntrusted, len(cosignatures), len(p.Witnesses))
	}
	return cp, cosignatures, nil
}

// Signed returns a checkpoint that one of the policy's logs signed, whoever
// cosigned; else an error that wraps ErrUntrusted.
func (p *Policy) Signed(signed []byte) (log.Checkpoint, error) {
	cp, _, err := (&Policy{Logs: p.Logs, quorum: nobody}).Open(signed)
	return cp, err
}

func is(s note.Signature) func(note.Verifier) bool {
	return func(v note.Verifier) bool { return v.Name() == s.Name && v.KeyHash() == s.Hash }
}

// cosignatures picks those of the policy's witnesses from verified signatures,
// in the order of the witnesses.
func (p *Policy) cosignatures(sigs []note.Signature) []Cosignature {
	var out []Cosignature
	for _, w := range p.Witnesses {
		i := slices.IndexFunc(sigs, func(s note.Signature) bool { return is(s)(w.Key) })
		if i < 0 {
			continue
		}
		at, err := fnote.CoSigV1Timestamp(sigs[i])
		if err != nil {
			continue // it has none, so it is no cosignature
		}
		out = append(out, Cosignature{w.Name, at.UTC(), "— " + sigs[i].Name + " " + sigs[i].Base64 + "\n"})
	}
	return out
}

// Satisfied tells whether the cosignatures are a quorum.
func (p *Policy) Satisfied(cosignatures []Cosignature) bool {
	names := map[string]bool{}
	for _, c := range cosignatures {
		names[c.Witness] = true
	}
	return p.quorum(names)
}
