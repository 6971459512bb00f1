package escrow_test

import (
	"bytes"
	"crypto/ecdh"
	stdhpke "crypto/hpke"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/hybrid/hpke"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"pgregory.net/rapid"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/redaction/escrow"
)

var here = escrow.Context{EventID: "019aa5c0-7b1e-7000-8000-000000000001", Type: "EMAIL", Token: "k7m2qa5d3hx4"}

const original = "alice@example.com"

// keys are a new keyset and both of its sides.
type keys struct {
	private *keyset.Handle
	sealer  *escrow.Sealer
	opener  *escrow.Opener
}

func newKeys(t testing.TB) keys {
	t.Helper()
	private, err := escrow.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return keysOf(t, private)
}

func keysOf(t testing.TB, private *keyset.Handle) keys {
	t.Helper()
	public, err := escrow.Public(private)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := escrow.NewSealer(public)
	if err != nil {
		t.Fatal(err)
	}
	opener, err := escrow.NewOpener(private)
	if err != nil {
		t.Fatal(err)
	}
	return keys{private, sealer, opener}
}

func seal(t testing.TB, s *escrow.Sealer, c escrow.Context, value string) []byte {
	t.Helper()
	sealed, err := s.SealIn(c, value)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// What does not come back as it was is no original.
func TestRoundTrip(t *testing.T) {
	k := newKeys(t)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(1, 64, -1)
		c := escrow.Context{EventID: text.Draw(t, "id"), Type: text.Draw(t, "type"), Token: text.Draw(t, "token")}
		value := rapid.OneOf(rapid.String(), rapid.Map(rapid.IntRange(0, 200), func(n int) string { return strings.Repeat("\x00", n) })).Draw(t, "value")
		sealed, err := k.sealer.Seal(c.EventID, c.Type, c.Token, value)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := len(sealed), escrow.Size(len(value)); got != want {
			t.Fatalf("%d bytes became %d, want %d", len(value), got, want)
		}
		if got, err := k.opener.Open(c, sealed); err != nil || got != value {
			t.Fatalf("got %q, %v, want %q", got, err, value)
		}
	})
}

// The figures of the package comment, and the bound of the event around them.
func TestSize(t *testing.T) {
	for _, test := range []struct{ n, want int }{
		{0, 85}, {1, 85}, {31, 85}, {32, 117}, {63, 117}, {64, 149}, {escrow.MaxValue, escrow.MaxValue + 85},
	} {
		if got := escrow.Size(test.n); got != test.want {
			t.Errorf("%d bytes become %d, want %d", test.n, got, test.want)
		}
	}
	for n := range 1000 {
		if more := escrow.Size(n) - n; more < 54 || more > 85 {
			t.Errorf("%d bytes become %d more", n, more)
		}
	}
	if escrow.Size(escrow.MaxValue) > event.MaxCiphertext {
		t.Error("an event has no room for what may be sealed")
	}
}

// Each text has only one length that a reader of the log can see.
func TestLengthIsHidden(t *testing.T) {
	k := newKeys(t)
	if short, long := seal(t, k.sealer, here, "a@b.de"), seal(t, k.sealer, here, "alexandra@example.com"); len(short) != len(long) {
		t.Errorf("got %d and %d bytes", len(short), len(long))
	}
	if bytes.Equal(seal(t, k.sealer, here, original), seal(t, k.sealer, here, original)) {
		t.Error("the same original twice is the same ciphertext: guesses can be confirmed")
	}
}

func TestRefusesToSeal(t *testing.T) {
	k := newKeys(t)
	for _, test := range []struct {
		c     escrow.Context
		value string
		want  string
	}{
		{here, strings.Repeat("x", escrow.MaxValue+1), "it has 65537 bytes: the limit is 65536"},
		{here, "geheim\xff", "it is not valid UTF-8"},
		{escrow.Context{Type: "EMAIL", Token: "t"}, "geheim", "the event id is missing"},
		{escrow.Context{EventID: "e", Token: "t"}, "geheim", "the type is missing"},
		{escrow.Context{EventID: "e", Type: "EMAIL"}, "geheim", "the token is missing"},
	} {
		sealed, err := k.sealer.SealIn(test.c, test.value)
		if err == nil || !strings.Contains(err.Error(), test.want) || sealed != nil {
			t.Errorf("got %x, %v, want %s", sealed, err, test.want)
		}
		if strings.Contains(err.Error(), "geheim") {
			t.Errorf("the error tells the original: %v", err)
		}
	}
	if value := strings.Repeat("x", escrow.MaxValue); len(seal(t, k.sealer, here, value)) != escrow.Size(escrow.MaxValue) {
		t.Error("the longest original has another size")
	}
}

// Whoever moves a sealed original must not make it say something of another
// person, nor by shifting bytes from one part of its place to the next.
func TestMoved(t *testing.T) {
	k := newKeys(t)
	sealed := seal(t, k.sealer, here, original)
	for _, c := range []escrow.Context{
		{here.EventID + "1", here.Type, here.Token},
		{"019aa5c0-7b1e-7000-8000-000000000002", here.Type, here.Token},
		{here.EventID, "PHONE", here.Token},
		{here.EventID, here.Type, "k7m2qa5d3hx5"},
		{here.EventID + "E", "MAIL", here.Token},
		{here.EventID, "EMAILk", here.Token[1:]},
		{here.EventID, here.Token, here.Type},
		{here.EventID, here.Type, ""},
		{},
	} {
		if got, err := k.opener.Open(c, sealed); !errors.Is(err, escrow.ErrOpen) || got != "" {
			t.Errorf("%v: got %q, %v, want ErrOpen", c, got, err)
		}
	}
}

// Every bit counts, and so does every byte that is missing or too many.
func TestDamaged(t *testing.T) {
	k := newKeys(t)
	sealed := seal(t, k.sealer, here, original)
	for i := range 8 * len(sealed) {
		flipped := slices.Clone(sealed)
		flipped[i/8] ^= 1 << (i % 8)
		want := escrow.ErrOpen
		if 1 <= i/8 && i/8 < 5 {
			want = escrow.ErrOtherKey
		}
		if got, err := k.opener.Open(here, flipped); !errors.Is(err, want) || got != "" {
			t.Errorf("bit %d: got %q, %v, want %v", i, got, err, want)
		}
	}
	for n := range sealed {
		if got, err := k.opener.Open(here, sealed[:n]); !errors.Is(err, escrow.ErrOpen) || got != "" {
			t.Errorf("cut to %d bytes: got %q, %v", n, got, err)
		}
	}
	if got, err := k.opener.Open(here, append(slices.Clone(sealed), 0)); !errors.Is(err, escrow.ErrOpen) {
		t.Errorf("a byte more: got %q, %v", got, err)
	}
}

// Somebody else's keyset opens nothing, and it is told that it is the wrong
// one rather than that evidence is damaged.
func TestOtherKeyset(t *testing.T) {
	mine, other := newKeys(t), newKeys(t)
	sealed := seal(t, mine.sealer, here, original)
	if got, err := other.opener.Open(here, sealed); !errors.Is(err, escrow.ErrOtherKey) || got != "" {
		t.Errorf("got %q, %v, want ErrOtherKey", got, err)
	}
	// An id is four bytes: another key may have the same one.
	binary.BigEndian.PutUint32(sealed[1:], other.sealer.KeyID())
	if got, err := other.opener.Open(here, sealed); !errors.Is(err, escrow.ErrOpen) || got != "" {
		t.Errorf("the same id: got %q, %v, want ErrOpen", got, err)
	}
}

// A keyset that was rotated seals to the new key and opens what the old one
// sealed.
func TestRotatedKeyset(t *testing.T) {
	before := newKeys(t)
	old := seal(t, before.sealer, here, original)
	m := keyset.NewManagerFromHandle(before.private)
	added, err := escrow.Generate()
	if err != nil {
		t.Fatal(err)
	}
	entry, err := added.Primary()
	if err != nil {
		t.Fatal(err)
	}
	id, err := m.AddKey(entry.Key())
	if err != nil {
		t.Fatal(err)
	}
	if err := m.SetPrimary(id); err != nil {
		t.Fatal(err)
	}
	private, err := m.Handle()
	if err != nil {
		t.Fatal(err)
	}
	after := keysOf(t, private)
	if after.sealer.KeyID() != id {
		t.Errorf("seals to %d, want %d", after.sealer.KeyID(), id)
	}
	for name, sealed := range map[string][]byte{"old": old, "new": seal(t, after.sealer, here, original)} {
		if got, err := after.opener.Open(here, sealed); err != nil || got != original {
			t.Errorf("%s key: got %q, %v", name, got, err)
		}
	}
	if _, err := before.opener.Open(here, seal(t, after.sealer, here, original)); !errors.Is(err, escrow.ErrOtherKey) {
		t.Errorf("the keyset from before: %v", err)
	}
}

// standard is the private key for the HPKE of the standard library.
func standard(t *testing.T, private *keyset.Handle) stdhpke.PrivateKey {
	t.Helper()
	entry, err := private.Primary()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := ecdh.X25519().NewPrivateKey(entry.Key().(*hpke.PrivateKey).PrivateKeyBytes().Data(insecuresecretdataaccess.Token{}))
	if err != nil {
		t.Fatal(err)
	}
	key, err := stdhpke.NewDHKEMPrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// info is the package comment's context, written down a second time.
func info(c escrow.Context) []byte {
	b := []byte("afterimage/escrow/1\x00")
	for _, s := range []string{c.EventID, c.Type, c.Token} {
		b = append(append(b, byte(len(s))), s...)
	}
	return b
}

// The format is RFC 9180 and what the package comment says: an implementation
// of the one, and nothing of ours, opens it by the other.
func TestForeignOpens(t *testing.T) {
	k := newKeys(t)
	sealed := seal(t, k.sealer, here, original)
	if sealed[0] != 1 || binary.BigEndian.Uint32(sealed[1:]) != k.sealer.KeyID() {
		t.Errorf("the prefix is %x, the key %d", sealed[:5], k.sealer.KeyID())
	}
	padded, err := stdhpke.Open(standard(t, k.private), stdhpke.HKDFSHA256(), stdhpke.AES256GCM(), info(here), sealed[5:])
	if err != nil {
		t.Fatal(err)
	}
	if want := original + "\x80" + strings.Repeat("\x00", 31-len(original)); string(padded) != want {
		t.Errorf("got %q, want %q", padded, want)
	}
}

// What others seal opens as long as it is laid out as ours: nothing else may
// reach a person as an original.
func TestForeignSeals(t *testing.T) {
	k := newKeys(t)
	zeros := strings.Repeat("\x00", 64)
	for _, test := range []struct {
		padded, want string
	}{
		{"a\x80" + zeros[:30], "a"},
		{"\x80" + zeros[:31], ""},
		{strings.Repeat("x", 31) + "\x80", strings.Repeat("x", 31)},
		{strings.Repeat("\x80", 32), "refused"},
		{"a\x80" + zeros[:29], "refused"},
		{strings.Repeat("x", 32) + "\x80", "refused"},
		{"a\x80" + zeros[:62], "refused"},
		{"a" + zeros[:31], "refused"},
		{zeros[:32], "refused"},
		{"", "refused"},
		{"\xff\x80" + zeros[:30], "refused"},
		{strings.Repeat("x", escrow.MaxValue+1) + "\x80" + zeros[:30], "refused"},
	} {
		raw, err := stdhpke.Seal(standard(t, k.private).PublicKey(), stdhpke.HKDFSHA256(), stdhpke.AES256GCM(), info(here), []byte(test.padded))
		if err != nil {
			t.Fatal(err)
		}
		sealed := append(binary.BigEndian.AppendUint32([]byte{1}, k.sealer.KeyID()), raw...)
		got, err := k.opener.Open(here, sealed)
		if test.want == "refused" && !errors.Is(err, escrow.ErrOpen) || test.want != "refused" && (err != nil || got != test.want) {
			t.Errorf("%.40q: got %q, %v, want %q", test.padded, got, err, test.want)
		}
	}
}

// What was sealed once must open for as long as the log is kept: the file is
// never made anew.
func TestGolden(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "v1.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Private json.RawMessage
		Public  json.RawMessage
		Sealed  []struct {
			EventID, Type, Token, Original string
			Ciphertext                     []byte
		}
	}
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	private, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(golden.Private)))
	if err != nil {
		t.Fatal(err)
	}
	if public, err := escrow.Public(private); err != nil || string(public) != string(golden.Public)+"\n" {
		t.Errorf("the public keyset is %s, %v, want %s", public, err, golden.Public)
	}
	k := keysOf(t, private)
	for _, s := range golden.Sealed {
		if got, err := k.opener.Open(escrow.Context{EventID: s.EventID, Type: s.Type, Token: s.Token}, s.Ciphertext); err != nil || got != s.Original {
			t.Errorf("got %q, %v, want %q", got, err, s.Original)
		}
	}
	if len(golden.Sealed) < 3 {
		t.Error("the golden file is empty")
	}
}

func FuzzOpen(f *testing.F) {
	k := newKeys(f)
	f.Add("e", "EMAIL", "t", seal(f, k.sealer, escrow.Context{EventID: "e", Type: "EMAIL", Token: "t"}, original))
	f.Add("", "", "", []byte{1})
	f.Fuzz(func(t *testing.T, id, typ, token string, sealed []byte) {
		if got, err := k.opener.Open(escrow.Context{EventID: id, Type: typ, Token: token}, sealed); err == nil && got != original {
			t.Errorf("opens what was never sealed: %q", got)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	k := newKeys(b)
	b.ReportAllocs()
	for b.Loop() {
		seal(b, k.sealer, here, original)
	}
}

func BenchmarkOpen(b *testing.B) {
	k := newKeys(b)
	sealed := seal(b, k.sealer, here, original)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.opener.Open(here, sealed); err != nil {
			b.Fatal(err)
		}
	}
}
