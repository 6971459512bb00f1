package escrow

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/tink-crypto/tink-go/v2/hybrid"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// MaxValue is how many bytes an original may have.
const MaxValue = 64 << 10

// block is what originals are padded to a multiple of: most of those that are
// found in text become alike, at less than the cost of the key beside them.
const block = 32

// prefixSize is the size of Tink's output prefix: 0x01 and the id of the key.
const prefixSize = 5

// Overhead is how many bytes a sealed original has beside the padded one.
const Overhead = prefixSize + 32 + 16

// domain separates this use of a key, and this layout, from every other.
const domain = "afterimage/escrow/1\x00"

// The errors that people act on.
var (
	// ErrOtherKey reports that something was sealed to a key that the keyset
	// does not have, or that its first bytes are damaged.
	ErrOtherKey = errors.New("sealed to another keyset")
	// ErrOpen reports that something does not open although its key is there:
	// it was changed, or moved from another event, type or token.
	ErrOpen = errors.New("damaged, or moved here from another event, type or token")
	// ErrValue reports an original that cannot be sealed.
	ErrValue = errors.New("the original cannot be sealed")
)

// A Context is where a sealed original belongs, and the only place where it
// opens. The tenant is no part of it: a publisher may not know its tenant.
type Context struct {
	EventID string // Event.id
	Type    string // as in the replacement, e.g. EMAIL
	Token   string // as in the replacement, e.g. k7m2qa5d3hx4
}

// info encodes the context so that no two have the same encoding.
func (c Context) info() ([]byte, error) {
	info := []byte(domain)
	for _, part := range []struct{ name, value string }{{"event id", c.EventID}, {"type", c.Type}, {"token", c.Token}} {
		if part.value == "" {
			return nil, fmt.Errorf("the %s is missing", part.name)
		}
		info = binary.AppendUvarint(info, uint64(len(part.value)))
		info = append(info, part.value...)
	}
	return info, nil
}

// A Sealer seals originals to a public keyset.
type Sealer struct {
	encrypt tink.HybridEncrypt
	keyID   uint32
}

// NewSealer returns the sealer for a public keyset as Public returned it.
func NewSealer(public []byte) (*Sealer, error) {
	handle, err := readPublic(public)
	if err != nil {
		return nil, err
	}
	ids, err := keyIDs(handle)
	if err != nil {
		return nil, err
	}
	encrypt, err := hybrid.NewHybridEncrypt(handle)
	if err != nil {
		return nil, fmt.Errorf("%w: its key does not encrypt", ErrKeyset)
	}
	return &Sealer{encrypt, ids[0]}, nil
}

// KeyID is the id of the key that it seals to.
func (s *Sealer) KeyID() uint32 { return s.keyID }

// Seal seals one original of an event; see [Sealer.SealIn].
func (s *Sealer) Seal(eventID, typ, token, value string) ([]byte, error) {
	return s.SealIn(Context{eventID, typ, token}, value)
}

// SealIn seals one original, of at most MaxValue bytes of UTF-8, so that it
// opens in this context alone. What cannot be sealed is ErrValue.
func (s *Sealer) SealIn(c Context, value string) ([]byte, error) {
	info, err := c.info()
	if err != nil {
		return nil, fmt.Errorf("seal original: %w", err)
	}
	switch {
	case len(value) > MaxValue:
		return nil, fmt.Errorf("%w: it has %d bytes: the limit is %d", ErrValue, len(value), MaxValue)
	case !utf8.ValidString(value):
		return nil, fmt.Errorf("%w: it is not valid UTF-8", ErrValue)
	}
	sealed, err := s.encrypt.Encrypt(pad(value), info)
	if err != nil {
		return nil, fmt.Errorf("seal original: %w", err)
	}
	return sealed, nil
}

// Size is how many bytes an original of n bytes has when it is sealed.
func Size(n int) int { return Overhead + (n/block+1)*block }

func pad(value string) []byte {
	b := make([]byte, Size(len(value))-Overhead)
	copy(b, value)
	b[len(value)] = 0x80
	return b
}

// unpad is the inverse of pad. It accepts nothing that pad does not make.
func unpad(b []byte) (string, bool) {
	value := bytes.TrimRight(b, "\x00")
	if len(b)%block != 0 || len(b)-len(value) >= block {
		return "", false
	}
	value, ok := bytes.CutSuffix(value, []byte{0x80})
	return string(value), ok && len(value) <= MaxValue && utf8.Valid(value)
}

// An Opener opens what was sealed to the keys of a private keyset.
type Opener struct {
	decrypt tink.HybridDecrypt
	ids     []uint32
}

// NewOpener returns the opener for a private keyset.
func NewOpener(private *keyset.Handle) (*Opener, error) {
	ids, err := keyIDs(private)
	if err != nil {
		return nil, err
	}
	decrypt, err := hybrid.NewHybridDecrypt(private)
	if err != nil {
		return nil, fmt.Errorf("%w: it is no private one", ErrKeyset)
	}
	return &Opener{decrypt, ids}, nil
}

// Open returns the original that was sealed in the context, else ErrOtherKey
// or ErrOpen.
func (o *Opener) Open(c Context, sealed []byte) (string, error) {
	info, err := c.info()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrOpen, err)
	}
	if len(sealed) < Size(0) {
		return "", fmt.Errorf("%w: it has %d bytes, and none is shorter than %d", ErrOpen, len(sealed), Size(0))
	}
	if id := binary.BigEndian.Uint32(sealed[1:prefixSize]); !slices.Contains(o.ids, id) {
		return "", fmt.Errorf("%w: its key is %d", ErrOtherKey, id)
	}
	padded, err := o.decrypt.Decrypt(sealed, info)
	if err != nil {
		return "", ErrOpen
	}
	value, ok := unpad(padded)
	if !ok {
		return "", fmt.Errorf("%w: it opens, and it was not sealed by afterimage", ErrOpen)
	}
	return value, nil
}
