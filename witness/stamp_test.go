package witness

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/digitorus/timestamp"

	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/witness/witnesstest"
)

func newStamper(t testing.TB, l *eventlog.Log, url string, roots ...[]byte) *Stamper {
	t.Helper()
	cfg := StampConfig{Log: l, URL: url}
	for _, r := range roots {
		cfg.Roots = x509.NewCertPool()
		cfg.Roots.AppendCertsFromPEM(r)
	}
	s, err := NewStamper(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.http.CloseIdleConnections)
	return s
}

// A checkpoint's time-stamp is over the note that is served beside it, and is
// there after a restart.
func TestStamp(t *testing.T) {
	s := openStore(t)
	authority := witnesstest.NewAuthority(t)
	stamper := newStamper(t, s.Log, authority.URL, authority.Root)
	if err := stamper.stamp(t.Context()); err != nil { // nothing to be stamped
		t.Fatal(err)
	}
	c := s.grow(s.Newest(), 5)
	for range 2 { // once is enough
		if err := stamper.stamp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Log.Close(); err != nil {
		t.Fatal(err)
	}
	s.open()
	sizes, err := s.Stamps(t.Context(), 10)
	if err != nil || len(sizes) != 1 || sizes[0] != c.Size {
		t.Fatalf("got sizes %v, %v, want %d", sizes, err, c.Size)
	}
	stored, err := s.Stamp(t.Context(), c.Size)
	if err != nil {
		t.Fatal(err)
	}
	got, err := timestamp.ParseResponse(stored)
	signed, err2 := s.Signed(t.Context(), c.Size)
	if hash := sha256.Sum256(signed.Note); err != nil || err2 != nil || !bytes.Equal(got.HashedMessage, hash[:]) {
		t.Errorf("got a time-stamp of %x, %v, %v, want of %x", got.HashedMessage, err, err2, hash)
	}
	if _, err := s.Stamp(t.Context(), c.Size+1); !errors.Is(err, eventlog.ErrNotFound) {
		t.Errorf("of no checkpoint: got %v, want ErrNotFound", err)
	}
	if err := s.KeepStamp(t.Context(), c.Size+1, stored); !errors.Is(err, eventlog.ErrNotFound) {
		t.Errorf("kept for no checkpoint: got %v, want ErrNotFound", err)
	}
}

// What is not a time-stamp of what we asked for, by whom we trust, is not kept.
func TestStampRefuses(t *testing.T) {
	s := openStore(t)
	s.grow(s.Newest(), 5)
	authority, another := witnesstest.NewAuthority(t), witnesstest.NewAuthority(t)
	odd := map[string]http.HandlerFunc{
		"500":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"html": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"garbage": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/timestamp-reply")
			fmt.Fprint(w, "garbage")
		},
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/timestamp-reply")
			_, _ = w.Write(make([]byte, maxStamp+2))
		},
		"refused": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/timestamp-reply")
			answer, err := timestamp.CreateErrorResponse(timestamp.Rejection, timestamp.TimeNotAvailable)
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(answer)
		},
	}
	for name, serve := range odd {
		web := httptest.NewServer(serve)
		err := newStamper(t, s.Log, web.URL).stamp(t.Context())
		web.Close()
		if _, is := errors.AsType[*failure](err); !is {
			t.Errorf("%s: got %v, want a failure", name, err)
		}
	}
	for name, change := range map[string]func(*timestamp.Timestamp){
		"another hash":  func(s *timestamp.Timestamp) { s.HashedMessage[0] ^= 1 },
		"another nonce": func(s *timestamp.Timestamp) { s.Nonce = big.NewInt(7) },
		"no nonce":      func(s *timestamp.Timestamp) { s.Nonce = nil },
		"unsigned":      func(s *timestamp.Timestamp) { s.AddTSACertificate = false },
		"long ago":      func(s *timestamp.Timestamp) { s.Time = time.Unix(0, 0) }, // before its certificate
	} {
		authority.Change = change
		err := newStamper(t, s.Log, authority.URL, authority.Root).stamp(t.Context())
		if _, is := errors.AsType[*failure](err); !is {
			t.Errorf("%s: got %v, want a failure", name, err)
		}
	}
	authority.Change = nil
	if err := newStamper(t, s.Log, authority.URL, another.Root).stamp(t.Context()); err == nil {
		t.Error("an authority that we do not trust: got no error")
	}
	if sizes, err := s.Stamps(t.Context(), 1); err != nil || len(sizes) > 0 {
		t.Errorf("got time-stamps %v, %v, want none", sizes, err)
	}
	if err := newStamper(t, s.Log, authority.URL).stamp(t.Context()); err != nil {
		t.Errorf("any authority: %v", err)
	}
}

// checking returns a stamper, and a right answer to a request of its.
func checking(t testing.TB) (s *Stamper, hash [sha256.Size]byte, nonce *big.Int, answer []byte) {
	t.Helper()
	authority := witnesstest.NewAuthority(t)
	dir := t.TempDir()
	l, err := eventlog.Open(context.Background(), eventlog.Config{Dir: dir + "/data", KeysDir: dir + "/keys", MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s = newStamper(t, l, authority.URL, authority.Root)
	hash, nonce = sha256.Sum256([]byte("a checkpoint")), big.NewInt(99)
	answer, err = s.ask(context.Background(), timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: hash[:], Certificates: true, Nonce: nonce})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.check(answer, hash, nonce); err != nil {
		t.Fatal(err)
	}
	return s, hash, nonce, answer
}

// Nothing that an authority sends may end the store: the library panics on the
// first of these, a tag that goes on where the answer ends.
func TestStampMalformed(t *testing.T) {
	s, hash, nonce, answer := checking(t)
	if _, err := s.check([]byte{0x30, 9, 0x30, 3, 2, 1, 0, 0x30, 2, 0x1f, 0}, hash, nonce); err == nil {
		t.Error("an endless tag: got no error")
	}
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 20_000 {
		m := bytes.Clone(answer)
		for range 1 + random.IntN(4) {
			m[random.IntN(len(m))] = byte(random.IntN(256))
		}
		if i%3 == 0 {
			m = m[:random.IntN(len(m))]
			if _, err := s.check(m, hash, nonce); err == nil {
				t.Fatalf("cut to %d bytes, it is a time-stamp still", len(m))
			}
			continue
		}
		if at, err := s.check(m, hash, nonce); err == nil && at.IsZero() {
			t.Fatalf("%x is a time-stamp without a time", m)
		}
	}
}

func FuzzStampCheck(f *testing.F) {
	s, hash, nonce, answer := checking(f)
	f.Add(answer)
	f.Fuzz(func(t *testing.T, answer []byte) {
		if at, err := s.check(answer, hash, nonce); err == nil && at.IsZero() {
			t.Error("a time-stamp without a time")
		}
	})
}
