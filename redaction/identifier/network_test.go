package identifier

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestWholes(t *testing.T) {
	long := strings.Repeat("k", 63)
	for _, tt := range []struct {
		entity         string
		valid, invalid []string
	}{
		{
			"EMAIL",
			[]string{"ada@lovelace.example", "first.last+tag@sub.domain.org", "o'hara@example.ie", `"two words"@example.net`, `"a\"b"@example.net`,
				"用户@例子.广告", "δοκιμή@παράδειγμα.δοκιμή", "a@xn--bcher-kva.example", strings.Repeat("l", 64) + "@" + long + ".org", "x_y-z@d.museum"},
			[]string{"", "@", "ada", "ada@", "@lovelace.example", "ada@lovelace", ".ada@lovelace.example", "ada.@lovelace.example", "a..b@lovelace.example",
				"ada@-lovelace.example", "ada@lovelace-.example", "ada@lovelace..example", "ada@lovelace.e", "ada@192.0.2.1", "ada lovelace@example.org",
				`"ada@example.org`, `"a"b"@example.org`, `"a\"@example.org`, strings.Repeat("l", 65) + "@example.org", "ada@k" + long + ".org",
				"ada@love_lace.example", "ada@example.org ", " ada@example.org", "ada@example.c0m", "ada@example.org.", "ada@b@example.org"},
		},
		{
			"URL",
			[]string{"https://go.dev", "go.dev/doc?x=1#y", "HTTPS://Go.Dev/", "ftp://ftp.example.org:21/pub", "http://user:secret@example.org/", "http://[2001:db8::1]:8080/x",
				"http://192.0.2.7", "http://bücher.example", "http://例え.テスト/パス", "example.org:8080/x", "http://example.org/a:b@c", "http://example.org?u=http://x", "https://a.b-c.example"},
			[]string{"", "https://", "http:///x", "http://localhost", "gopher://example.org", "//example.org", "mailto:ada@example.org", "data:text/plain,x", "http://example.org:65536/",
				"http://example.org:0", "http://example.org:+80", "http://example.org/a b", "http://exa mple.org", "http://[2001:db8::g]/", "http://[192.0.2.7]/", "http://256.0.2.7/", "http://a:b:c@example.org",
				"http://ex_ample.org", "http://-example.org", "http://example..org", "http://example.o", "http://x@y@example.org", "http://example.org\n", "http://" + strings.Repeat("a.", 1100) + "org"},
		},
		{
			"IP_ADDRESS",
			[]string{"192.0.2.7", "0.0.0.7", "2001:db8::7", "2001:DB8:0:0:1:0:0:1", "::ffff:192.0.2.7", "fe80::1%en0", "2001:db8::%a-b_c"},
			[]string{"", "192.0.2", "192.0.2.07", "192.0.2.256", "192.0.2.7.1", "2001:db8:::7", "2001:db8::7::", "2001:db8:77", "12001::", "fe80::7:7%", "fe80::1%a%b", "fe80::1%a:b", "192.0.2.7%x", " 192.0.2.7", "192.0.2.7/24"},
		},
		{
			"MAC_ADDRESS",
			[]string{"00:00:5E:00:53:af", "00-00-5e-00-53-af", "00 00 5E 00 53 AF", "0000.5e00.53af", "00005e0053af", "02:00:5e:10:00:00:00:01", "0200.5e10.0000.0001", "02005e1000000001"},
			[]string{"", "00:00:5e:00:53", "00:00:5e:00:53:af:01", "00:00-5e:00:53:af", "00:00:5g:00:53:af", "0000:5e00:53af", "000.05e0.053a.f00", "0:0:5e:0:53:af", "00:00:5e:00:53:af ", "00::5e:00:53:af:", "00005e0053a", "00:00:5e:00:53:é"},
		},
		{
			"JWT",
			[]string{ // RFC 7515 appendix A.1 and RFC 7516 appendix A.3, without line breaks
				"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
				"eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2In0.6KB707dM9YTIgHtLvtgWQ8mKwboJW3of9locizkDTHzBC2IlrT1oOQ.AxY8DCtDaGlsbGljb3RoZQ.KDlTtXchhZTGufMYmOYGS4HffxPSUrfmqCHXaI9wOGY.U0m_YmjN04DJvceFICbCVQ",
			},
			[]string{"", "..", "eyJhbGciOiJIUzI1NiJ9.e30.", "eyJhbGciOiJIUzI1NiJ9.e30", "e30.e30.AAAA", "eyJhbGciOiJIUzI1NiJ9.W10.AAAA", "eyJhbGciOiJIUzI1NiJ9.e30.AA=A", "eyJhbGciOiJIUzI1NiJ9.e30.A.A.A", "bm8.e30.AAAA"},
		},
	} {
		for _, v := range tt.valid {
			if !Valid(tt.entity, "", v) {
				t.Errorf("%s: %q is refused", tt.entity, v)
			}
		}
		for _, v := range tt.invalid {
			if Valid(tt.entity, "", v) {
				t.Errorf("%s: %q is accepted", tt.entity, v)
			}
		}
	}
}

// TestCryptoAddresses has the examples of the currencies' own specifications.
func TestCryptoAddresses(t *testing.T) {
	for _, v := range []string{
		"0x52908400098527886E0F7030069857D2E4169EE7", "0xde709f2102306220921060314715629080e2fb77", "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", // EIP-55
		"1PMycacnJaSqwwJqjawXBErnLsZ7RkXUAs", "3P14159f73E4gFr7JterCCQh9QjiTjiZrG", // BIP 13 and the wiki on addresses
		"tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7", "BC1SW50QGDZ25J", "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", // BIP 173, BIP 350
		"bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
		"ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L", "LaMT348PWRnrqeeWArpwQPbuanpXDZGEUz",
		"GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGZ", "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
		"addr1qx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzer3n0d3vllmyqwsx5wktcd8cc3sq835lu7drv2xwl2wywfgse35a3x", "stake1uyehkck0lajq8gr28t9uxnuvgcqrc6070x3k9r8048z8y5gh6ffgw",
		"888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H",
		"Y76M3MSY6DKBRHBL7C3NNDXGS5IIMQVQVUAB6MP4XEMMGVF2QWNPL226CA", // Algorand's zero-fee sink of MainNet
	} {
		if !CryptoAddress(v) || !Valid("CRYPTO_ADDRESS", "", "\n"+v+" ") {
			t.Errorf("%s is refused", v)
		}
	}
	for _, v := range []string{
		"", "0x52908400098527886E0F7030069857D2E4169EE", "0xDbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "52908400098527886E0F7030069857D2E4169EE7", "0x52908400098527886E0F7030069857D2E4169EEG",
		"tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "BC13W508D6QEJXTDG4Y5R3ZARVARY0C5XW7KN40WF2", // BIP 173
		"bc1rw5uspcuh", "bc10w508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kw5rljs90", "bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du", "bc1gmk9yu",
		"bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7k7grplx",                                                                     // bech32 where bech32m is due
		"7S8WEpYDkSxkVEqz5EKHBmsEEWmAGfhWYZ6VBcpCbYvT", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTg", "GA7QYNF7SOWQ3GLR2BGMZEHXAVIRZA4KVWLTJJFC7MGXUA74P7UJVSGA", // Solana has no checksum
		"888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3J", strings.Repeat("z", 95), "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
	} {
		if CryptoAddress(v) {
			t.Errorf("%s is accepted", v)
		}
	}
}

// base58Check encodes with long division, in a way of its own.
func base58Check(payload []byte) string {
	first := sha256.Sum256(payload)
	sum := sha256.Sum256(first[:])
	all := append(slices.Clip(payload), sum[:4]...)
	n, digit, text := new(big.Int).SetBytes(all), new(big.Int), ""
	for n.Sign() > 0 {
		n.DivMod(n, big.NewInt(58), digit)
		text = base58Alphabet[digit.Int64():digit.Int64()+1] + text
	}
	for _, b := range all {
		if b != 0 {
			break
		}
		text = "1" + text
	}
	return text
}

func TestBase58CheckGenerated(t *testing.T) {
	versions := [][]byte{{0x00}, {0x05}, {0x6F}, {0xC4}, {0x30}, {0x32}, {0x1E}, {0x16}, {0x4C}, {0x41}, {0x1C, 0xB8}, {0x1C, 0xBD}}
	rapid.Check(t, func(t *rapid.T) {
		version := rapid.SampledFrom(versions).Draw(t, "version")
		hash := rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "hash")
		address := base58Check(append(slices.Clip(version), hash...))
		if !CryptoAddress(address) {
			t.Fatalf("%s is refused", address)
		}
		wrong := []byte(address)
		at := rapid.IntRange(0, len(wrong)-1).Draw(t, "at")
		wrong[at] = base58Alphabet[(strings.IndexByte(base58Alphabet, wrong[at])+rapid.IntRange(1, 57).Draw(t, "by"))%58]
		if CryptoAddress(string(wrong)) {
			t.Fatalf("%s is accepted like %s", wrong, address)
		}
		if other := base58Check(append([]byte{0x80}, hash...)); CryptoAddress(other) {
			t.Fatalf("%s of an unknown version is accepted", other)
		}
	})
}

// TestBech32SingleError replaces every character by every other: BIP 173
// promises that up to four errors are found.
func TestBech32SingleError(t *testing.T) {
	const address = "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs"
	for i := 3; i < len(address); i++ {
		for _, c := range []byte(bech32Alphabet) {
			if wrong := address[:i] + string(c) + address[i+1:]; c != address[i] && CryptoAddress(wrong) {
				t.Errorf("%s is accepted", wrong)
			}
		}
	}
}

func TestKeccak(t *testing.T) {
	for text, want := range map[string]string{
		"":    "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
		"abc": "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
	} {
		if got := hex.EncodeToString(keccak([]byte(text))); got != want {
			t.Errorf("Keccak-256 of %q is %s, want %s", text, got, want)
		}
	}
}

// TestTokensGenerated computes checksums of tokens and changes characters.
func TestTokensGenerated(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.StringMatching(`^[0-9A-Za-z]{30}$`).Draw(t, "body")
		base62 := new(big.Int).SetUint64(uint64(crc32.ChecksumIEEE([]byte(body)))).Text(62)
		swapped := strings.Map(func(r rune) rune { // math/big has lower case before upper
			switch {
			case 'a' <= r && r <= 'z':
				return r - 0x20
			case 'A' <= r && r <= 'Z':
				return r + 0x20
			}
			return r
		}, fmt.Sprintf("%06s", base62))
		prefix := rapid.SampledFrom(strings.Fields(gitHubPrefixes)).Draw(t, "prefix")
		token := prefix + body + swapped
		if !GitHubToken(token) || !Valid("API_KEY", "", token) || !ChecksumToken("npm_"+body+swapped) {
			t.Fatalf("%s is refused", token)
		}
		wrong := []byte(token)
		at := rapid.IntRange(4, len(wrong)-1).Draw(t, "at")
		wrong[at] ^= 1
		if GitHubToken(string(wrong)) || Valid("API_KEY", "", string(wrong)) {
			t.Fatalf("%s is accepted like %s", wrong, token)
		}

		part := "ATATT3" + rapid.StringMatching(`^[0-9A-Za-z_-]{60}$`).Draw(t, "part") + "="
		atlassian := fmt.Sprintf("%s%08X", part, crc32.ChecksumIEEE([]byte(part)))
		if !AtlassianToken(atlassian) || AtlassianToken(atlassian[1:]) || AtlassianToken("B"+atlassian[1:]) || AtlassianToken(atlassian+"0") {
			t.Fatalf("%s or a part of it is judged wrongly", atlassian)
		}
		broken := []byte(atlassian)
		broken[rapid.IntRange(6, 66).Draw(t, "broken")] ^= 1
		if AtlassianToken(string(broken)) {
			t.Fatalf("%s is accepted like %s", broken, atlassian)
		}
	})
	for _, v := range []string{"", "ghp_", "_", "ghx_" + strings.Repeat("0", 36), "ghp_" + strings.Repeat("é", 18), "=" + strings.Repeat("0", 8)} {
		if GitHubToken(v) || ChecksumToken(v) || AtlassianToken(v) {
			t.Errorf("%q is accepted", v)
		}
	}
}

// FuzzWholes looks for texts that stop the judges: what they read is not
// trusted.
func FuzzWholes(f *testing.F) {
	for _, v := range []string{"a@b.cd", "http://[::1", "x:y@z", "0x", "1", strings.Repeat("1", 95), "bc1", "_______", strings.Repeat("é", 30), "G" + strings.Repeat("=", 55)} {
		f.Add(v)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		for _, w := range wholes() {
			w.valid(text)
		}
		GitHubToken(text)
	})
}
