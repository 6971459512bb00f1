package identifier

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"golang.org/x/crypto/sha3"
)

// CryptoAddress reports whether the text is an address of a currency whose
// addresses have a checksum: Bitcoin, Litecoin, Dogecoin, Dash, Zcash, Tron,
// XRP, Monero, Ethereum, Cardano, Stellar, Algorand and Bitcoin Cash. Those of
// Ethereum in lower or upper case alone have none and are accepted for their
// form. Addresses of Solana and others without checksum are not.
func CryptoAddress(text string) bool {
	switch n := len(text); {
	case n < 14 || n > 128:
		return false
	case strings.HasPrefix(text, "0x"):
		return ethereum(text[2:])
	case n == 95 || n == 106:
		if monero(text) {
			return true
		}
	case n == 56 && text[0] == 'G':
		return stellar(text)
	case n == 58 && algorand(text):
		return true
	}
	return base58Address(text) || SegWit(text) || cashAddr(text)
}

// base58Alphabet is Bitcoin's; XRP permutes it.
const (
	base58Alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	xrpAlphabet    = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
)

// base58Decode decodes into big-endian bytes; nil for what is not base58.
// Leading zeros are written as the first letter each.
func base58Decode(text, alphabet string) []byte {
	var out []byte // little-endian
	zeros := 0
	for zeros < len(text) && text[zeros] == alphabet[0] {
		zeros++
	}
	for i := zeros; i < len(text); i++ {
		carry := strings.IndexByte(alphabet, text[i])
		if carry < 0 {
			return nil
		}
		for j := range out {
			carry += int(out[j]) * 58
			out[j] = byte(carry)
			carry >>= 8
		}
		for ; carry > 0; carry >>= 8 {
			out = append(out, byte(carry))
		}
	}
	decoded := make([]byte, zeros+len(out))
	for i, b := range out {
		decoded[len(decoded)-1-i] = b
	}
	return decoded
}

// base58Address reports whether text is Base58Check of a hash of 20 bytes with
// the version bytes of a known network.
func base58Address(text string) bool {
	if len(text) > 36 {
		return false
	}
	b := base58Decode(text, base58Alphabet)
	switch len(b) {
	case 25:
		// Bitcoin and its testnets, Litecoin, Dogecoin, Dash, Tron.
		return bytes.IndexByte([]byte{0x00, 0x05, 0x6F, 0xC4, 0x30, 0x32, 0x3A, 0x1E, 0x16, 0x71, 0x4C, 0x10, 0x8C, 0x13, 0x41}, b[0]) >= 0 && doubleSHA256(b) ||
			xrp(text)
	case 26: // Zcash
		return b[0] == 0x1C && (b[1] == 0xB8 || b[1] == 0xBD || b[1] == 0xBA) && doubleSHA256(b)
	}
	return xrp(text)
}

func xrp(text string) bool {
	if text[0] != xrpAlphabet[0] {
		return false
	}
	b := base58Decode(text, xrpAlphabet)
	return len(b) == 25 && b[0] == 0 && doubleSHA256(b)
}

// doubleSHA256 checks the four bytes at the end.
func doubleSHA256(b []byte) bool {
	first := sha256.Sum256(b[:len(b)-4])
	sum := sha256.Sum256(first[:])
	return bytes.Equal(sum[:4], b[len(b)-4:])
}

// bech32Alphabet is that of BIP 173.
const bech32Alphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// The constants that the checksums of BIP 173 and BIP 350 end in.
const (
	bech32Const  = 1
	bech32mConst = 0x2BC830A3
)

// SegWit reports whether the text is a witness address of Bitcoin or Litecoin
// (BIP 173, BIP 350), or an address of Cardano (CIP 19): all lower or all upper
// case.
func SegWit(text string) bool {
	lower := strings.ToLower(text)
	if lower != text && strings.ToUpper(text) != text {
		return false
	}
	i := strings.LastIndexByte(lower, '1')
	if i < 1 || len(lower)-i < 7 {
		return false
	}
	hrp, values, ok := lower[:i], make([]byte, 0, len(lower)), true
	for _, c := range []byte(lower[i+1:]) {
		v := strings.IndexByte(bech32Alphabet, c)
		ok = ok && v >= 0
		values = append(values, byte(v))
	}
	if !ok {
		return false
	}
	sum := bech32Sum(hrp, values)
	data := values[:len(values)-6]
	switch hrp {
	case "bc", "tb", "bcrt", "ltc", "tltc":
		return len(text) <= 90 && witness(data, sum)
	case "addr", "addr_test", "stake", "stake_test":
		program, ok := squash(data)
		return ok && sum == bech32Const && len(program) >= 29
	}
	return false
}

// witness checks version and length of a witness program, and that version 0
// alone has the older checksum.
func witness(data []byte, sum uint32) bool {
	if len(data) == 0 || data[0] > 16 {
		return false
	}
	program, ok := squash(data[1:])
	if !ok || len(program) < 2 || len(program) > 40 {
		return false
	}
	if data[0] == 0 {
		return sum == bech32Const && (len(program) == 20 || len(program) == 32)
	}
	return sum == bech32mConst
}

// bech32Sum is the checksum polynomial over prefix and values.
func bech32Sum(hrp string, values []byte) uint32 {
	sum := uint32(1)
	for _, c := range []byte(hrp) {
		sum = bech32Step(sum, c>>5)
	}
	sum = bech32Step(sum, 0)
	for _, c := range []byte(hrp) {
		sum = bech32Step(sum, c&31)
	}
	for _, v := range values {
		sum = bech32Step(sum, v)
	}
	return sum
}

func bech32Step(sum uint32, v byte) uint32 {
	top := sum >> 25
	sum = sum&0x1FFFFFF<<5 ^ uint32(v)
	for i, g := range [5]uint32{0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3} {
		if top>>i&1 == 1 {
			sum ^= g
		}
	}
	return sum
}

// squash turns groups of five bits into bytes; fewer than five bits, all zero,
// may be left over.
func squash(values []byte) ([]byte, bool) {
	var out []byte
	acc, bits := uint32(0), 0
	for _, v := range values {
		acc, bits = acc<<5|uint32(v), bits+5
		if bits >= 8 {
			bits -= 8
			out = append(out, byte(acc>>bits))
			acc &= 1<<bits - 1
		}
	}
	return out, bits < 5 && acc == 0
}

// cashAddr reports whether text is an address of Bitcoin Cash with its prefix
// (CashAddr specification): a checksum of 40 bits.
func cashAddr(text string) bool {
	rest, ok := strings.CutPrefix(strings.ToLower(text), "bitcoincash:")
	if !ok || len(rest) != 42 {
		return false
	}
	sum := uint64(1)
	for _, c := range []byte("bitcoincash") {
		sum = cashStep(sum, c&31)
	}
	sum = cashStep(sum, 0)
	for _, c := range []byte(rest) {
		v := strings.IndexByte(bech32Alphabet, c)
		if v < 0 {
			return false
		}
		sum = cashStep(sum, byte(v))
	}
	return sum == 1
}

func cashStep(sum uint64, v byte) uint64 {
	top := sum >> 35
	sum = sum&0x07FFFFFFFF<<5 ^ uint64(v)
	for i, g := range [5]uint64{0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470} {
		if top>>i&1 == 1 {
			sum ^= g
		}
	}
	return sum
}

// ethereum reports whether s is 40 hexadecimal digits, of one case or with the
// case that EIP-55 gives the letters.
func ethereum(s string) bool {
	if _, err := hex.DecodeString(s); err != nil || len(s) != 40 {
		return false
	}
	lower := strings.ToLower(s)
	if s == lower || s == strings.ToUpper(s) {
		return true
	}
	hash := keccak([]byte(lower))
	for i := range s {
		nibble := hash[i/2] >> (4 * (1 - i%2)) & 15
		if s[i] >= 'A' && (nibble >= 8) != (s[i] <= 'F') {
			return false
		}
	}
	return true
}

// keccak is Keccak-256 as it was before SHA-3 changed the padding.
func keccak(b []byte) []byte {
	h := sha3.NewLegacyKeccak256()
	h.Write(b)
	return h.Sum(nil)
}

// monero reports whether text is an address of Monero's: base58 in blocks of
// eight bytes, a network byte, two keys, in integrated addresses a payment id
// of eight bytes, and four bytes of Keccak-256.
func monero(text string) bool {
	var b []byte
	for len(text) > 0 {
		n := min(11, len(text))
		block := moneroBlock(text[:n])
		if block == nil {
			return false
		}
		b, text = append(b, block...), text[n:]
	}
	switch {
	case len(b) == 69 && bytes.IndexByte([]byte{18, 42, 53, 63, 24, 36}, b[0]) >= 0:
	case len(b) == 77 && bytes.IndexByte([]byte{19, 54, 25}, b[0]) >= 0:
	default:
		return false
	}
	return bytes.Equal(keccak(b[:len(b)-4])[:4], b[len(b)-4:])
}

// moneroBlock decodes eleven characters to eight bytes, or fewer to fewer.
func moneroBlock(s string) []byte {
	size := [12]int{0, -1, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8}[len(s)]
	if size < 0 {
		return nil
	}
	n := uint64(0)
	for i := range s {
		v := strings.IndexByte(base58Alphabet, s[i])
		if v < 0 || n > (1<<64-1-uint64(v))/58 {
			return nil
		}
		n = n*58 + uint64(v)
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	for _, c := range b[:8-size] {
		if c != 0 {
			return nil
		}
	}
	return b[8-size:]
}

// stellar reports whether text is the base32 of an account's key with a CRC-16
// of XMODEM (SEP-23).
func stellar(text string) bool {
	b, err := base32.StdEncoding.DecodeString(text)
	if err != nil || len(b) != 35 || b[0] != 6<<3 {
		return false
	}
	crc := uint16(0)
	for _, c := range b[:33] {
		crc ^= uint16(c) << 8
		for range 8 {
			carry := crc >> 15
			crc = crc<<1 ^ carry*0x1021
		}
	}
	return binary.LittleEndian.Uint16(b[33:]) == crc
}

// algorand reports whether text is the base32 of a key and the last four bytes
// of its SHA-512/256.
func algorand(text string) bool {
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil || len(b) != 36 {
		return false
	}
	sum := sha512.Sum512_256(b[:32])
	return bytes.Equal(sum[28:], b[32:])
}
