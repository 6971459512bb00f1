package witness

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/log"
	fnote "github.com/transparency-dev/formats/note"
	other "github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A party signs checkpoints: a log, or a witness.
type party struct {
	signer note.Signer
	vkey   string
}

func newLog(t testing.TB, origin string) party {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return party{signer, public}
}

func newWitness(t testing.TB, name string) party {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := fnote.NewSignerForCosignatureV1(private)
	if err != nil {
		t.Fatal(err)
	}
	if public, err = fnote.VKeyToCosignatureV1(public); err != nil {
		t.Fatal(err)
	}
	return party{signer, public}
}

// checkpoint is one that everybody named signed.
func checkpoint(t testing.TB, origin string, size uint64, root tlog.Hash, signers ...note.Signer) []byte {
	t.Helper()
	text := log.Checkpoint{Origin: origin, Size: size, Hash: root[:]}.Marshal()
	signed, err := note.Sign(&note.Note{Text: string(text)}, signers...)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// A quorum is what C2SP tlog-policy says it is: for every set of witnesses the
// same as by the implementation of transparency-dev.
func TestPolicyQuorum(t *testing.T) {
	ours := newLog(t, "example.org/log")
	var witnesses []party
	var text strings.Builder
	fmt.Fprintf(&text, "# a comment\n\t log %s \n\n", ours.vkey)
	for _, name := range []string{"X1", "X2", "X3", "Y1", "Y2"} {
		w := newWitness(t, "example.org/"+name)
		witnesses = append(witnesses, w)
		fmt.Fprintf(&text, "witness %s %s https://example.org/%s\n", name, w.vkey, name)
	}
	text.WriteString("group X 2 X1 X2 X3\ngroup Y any Y1 Y2\ngroup both all X Y\n")
	for _, quorum := range []string{"X1", "X", "Y", "both", "none"} {
		source := []byte(text.String() + "quorum " + quorum + "\n")
		p, err := ParsePolicy(source)
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := other.ParsePolicy(source)
		if err != nil {
			t.Fatal(err)
		}
		for set := range 1 << len(witnesses) {
			signers := []note.Signer{ours.signer}
			for i, w := range witnesses {
				if set>>i&1 == 1 {
					signers = append(signers, w.signer)
				}
			}
			signed := checkpoint(t, "example.org/log", 7, tlog.Hash{1}, signers...)
			cp, cosignatures, err := p.Open(signed)
			if want := theirs.Satisfied(signed); (err == nil) != want {
				t.Errorf("quorum %s, set %b: got %v, want satisfied: %v", quorum, set, err, want)
			}
			if err == nil && (cp.Size != 7 || len(cosignatures) != len(signers)-1) {
				t.Errorf("quorum %s, set %b: got size %d and %d cosignatures", quorum, set, cp.Size, len(cosignatures))
			}
		}
	}
}

// Without the log's own signature there is no checkpoint, whoever cosigned.
func TestPolicyWantsTheLog(t *testing.T) {
	ours, another, w := newLog(t, "example.org/log"), newLog(t, "example.org/other"), newWitness(t, "example.org/w")
	p, err := ParsePolicy([]byte("log " + ours.vkey + "\nlog " + another.vkey + "\nwitness w " + w.vkey + "\nquorum w\n"))
	if err != nil {
		t.Fatal(err)
	}
	for what, signed := range map[string][]byte{
		"a witness alone":         checkpoint(t, "example.org/log", 1, tlog.Hash{}, w.signer),
		"another log's signature": checkpoint(t, "example.org/log", 1, tlog.Hash{}, another.signer, w.signer),
		"no witness":              checkpoint(t, "example.org/log", 1, tlog.Hash{}, ours.signer),
		"nothing":                 nil,
		"no checkpoint":           []byte("a\n\n— example.org/log AAAAAAAA\n"),
	} {
		if _, _, err := p.Open(signed); !errors.Is(err, ErrUntrusted) {
			t.Errorf("%s: got %v, want ErrUntrusted", what, err)
		}
	}
	if _, _, err := p.Open(checkpoint(t, "example.org/other", 1, tlog.Hash{}, another.signer, w.signer)); err != nil {
		t.Errorf("the second log: %v", err)
	}
}

func TestPolicyRefuses(t *testing.T) {
	l, a, b := newLog(t, "example.org/log").vkey, newWitness(t, "example.org/a").vkey, newWitness(t, "example.org/b").vkey
	_, rest, _ := strings.Cut(a, "+")
	_, key, _ := strings.Cut(rest, "+")
	renamed, err := fnote.NewVerifierForCosignatureV1("example.org/again+00000000+" + key)
	if err != nil {
		t.Fatal(err)
	}
	again := fmt.Sprintf("example.org/again+%08x+%s", renamed.KeyHash(), key)
	two := "witness a " + a + "\nwitness b " + b + "\n"
	for text, want := range map[string]string{
		"":                          "no quorum line",
		"log " + l:                  "no quorum line",
		"quorum x":                  "line 1: quorum",
		"quorum none\nquorum none":  "line 2: a second quorum",
		"log nonsense\nquorum none": "line 1: log: verifier key",
		"log " + l + "\nlog " + l + "\nquorum none":                 "line 2: log: its key was named before",
		"witness a " + l[:len(l)-9] + "\nquorum none":               "line 1: witness a: verifier key",
		"witness none " + a + "\nquorum none":                       `"none" can name nothing`,
		"witness a " + a + "\nwitness b " + again + "\nquorum none": "line 2: witness: its key was named before",
		two + "witness a " + b + "\nquorum none":                    "line 3",
		two + "group g 3 a b\nquorum g":                             "from 1 to 2",
		two + "group g 0 a b\nquorum g":                             "from 1 to 2",
		two + "group g any a a\nquorum g":                           "stands twice",
		two + "group g any a c\nquorum g":                           `"c" is not a witness`,
		two + "group g any g\nquorum g":                             `"g" is not a witness`,
		two + "group g any none\nquorum g":                          `"none" is not a witness`,
		two + "group a any b\nquorum a":                             `"a" was defined before`,
		"witness a\nquorum none":                                    "line 1",
		"quorum none\r\n":                                           "control character",
		"hello world\nquorum none":                                  "want log, witness, group or quorum",
	} {
		if _, err := ParsePolicy([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}
