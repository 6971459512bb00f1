package witness

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/digitorus/pkcs7"
	"github.com/digitorus/timestamp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/afterimage/afterimage/eventlog"
)

// StampConfig says who time-stamps a log's checkpoints.
type StampConfig struct {
	Log   *eventlog.Log  // required
	URL   string         // of an RFC 3161 authority, http:// or https://; required
	Roots *x509.CertPool // that its certificate must lead to; nil: any certificate is taken

	Every  time.Duration // between time-stamps while the log grows; 0: an hour
	Logger *slog.Logger  // nil: discard
}

// A Stamper has a log's checkpoints time-stamped: then nobody can say that they
// were made up later, not even whoever has the log's keys. Its metrics are a
// collector to be registered by who made it.
type Stamper struct {
	cfg      StampConfig
	log      *slog.Logger
	http     *http.Client
	size     prometheus.Gauge
	failures prometheus.Counter
}

// Bounds of the stamper.
const (
	stampEvery = time.Hour
	stampRetry = time.Minute // after a failure; doubled at each more, up to Every
	maxStamp   = 64 << 10    // bytes
)

// NewStamper makes a stamper and checks its configuration. Run does the work.
func NewStamper(cfg StampConfig) (*Stamper, error) {
	if cfg.Log == nil {
		return nil, errors.New("time-stamp configuration: Log is missing")
	}
	if !strings.HasPrefix(cfg.URL, "https://") && !strings.HasPrefix(cfg.URL, "http://") {
		return nil, fmt.Errorf("time-stamp configuration: URL %q is not http:// or https://", cfg.URL)
	}
	if cfg.Every <= 0 {
		cfg.Every = stampEvery
	}
	return &Stamper{
		cfg: cfg, log: discard(cfg.Logger), http: &http.Client{Timeout: answerTimeout},
		size: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "afterimage_timestamp_size", Help: "Events that the checkpoint covers that was time-stamped last.",
		}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "afterimage_timestamp_failures_total", Help: "How often there was no time-stamp to be had.",
		}),
	}, nil
}

// Describe implements prometheus.Collector.
func (s *Stamper) Describe(out chan<- *prometheus.Desc) {
	s.size.Describe(out)
	s.failures.Describe(out)
}

// Collect implements prometheus.Collector.
func (s *Stamper) Collect(out chan<- prometheus.Metric) {
	s.size.Collect(out)
	s.failures.Collect(out)
}

// Run has checkpoints time-stamped until ctx ends; then it returns nil. It
// returns an error only where the log fails.
func (s *Stamper) Run(ctx context.Context) error {
	wait, err := s.sinceLast(ctx)
	if err != nil {
		return fmt.Errorf("time-stamps: %w", err)
	}
	for retry := stampRetry; ; {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
		wait = s.cfg.Every
		err := s.stamp(ctx)
		unavailable, is := errors.AsType[*failure](err)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			retry = stampRetry
		case is, errors.Is(err, eventlog.ErrDiskFull):
			wait = min(retry, s.cfg.Every)
			retry = wait * 2
			s.failures.Inc()
			if is {
				err = unavailable
			}
			s.log.WarnContext(ctx, "checkpoint not time-stamped", "again_in", wait, "err", err)
		default:
			return fmt.Errorf("time-stamps: %w", err)
		}
	}
}

// sinceLast returns how long it is until the next time-stamp is due.
func (s *Stamper) sinceLast(ctx context.Context) (time.Duration, error) {
	sizes, err := s.cfg.Log.Stamps(ctx, 1)
	if err != nil || len(sizes) == 0 {
		return 0, err
	}
	s.size.Set(float64(sizes[0]))
	stored, err := s.cfg.Log.Stamp(ctx, sizes[0])
	if err != nil {
		return 0, err
	}
	last, err := parseStamp(stored)
	if err != nil {
		return 0, nil //nolint:nilerr // It is damaged, which harms nobody: there will be another.
	}
	return min(max(0, s.cfg.Every-time.Since(last.Time)), s.cfg.Every), nil
}

// stamp has the newest checkpoint time-stamped, unless it is already.
func (s *Stamper) stamp(ctx context.Context) error {
	c, err := s.cfg.Log.Checkpoint(ctx)
	if err != nil || c.Size == 0 {
		return err
	}
	if _, err := s.cfg.Log.Stamp(ctx, c.Size); !errors.Is(err, eventlog.ErrNotFound) {
		return err
	}
	hash := sha256.Sum256(c.Note)
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 63))
	if err != nil {
		return fmt.Errorf("make nonce: %w", err)
	}
	response, err := s.ask(ctx, timestamp.Request{HashAlgorithm: crypto.SHA256, HashedMessage: hash[:], Certificates: true, Nonce: nonce})
	if err != nil {
		return err
	}
	at, err := s.check(response, hash, nonce)
	if err != nil {
		return fail(reasonMalformed, "the authority's answer: %w", err)
	}
	if err := s.cfg.Log.KeepStamp(ctx, c.Size, response); err != nil {
		return err
	}
	s.size.Set(float64(c.Size))
	s.log.InfoContext(ctx, "checkpoint time-stamped", "size", c.Size, "time", at)
	return nil
}

// ask sends a request and returns the answer.
func (s *Stamper) ask(ctx context.Context, request timestamp.Request) ([]byte, error) {
	body, err := request.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode time-stamp request: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fail(reasonUnreachable, "%w", err)
	}
	r.Header.Set("Content-Type", "application/timestamp-query")
	response, err := s.http.Do(r)
	if err != nil {
		return nil, fail(reasonUnreachable, "%w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fail(reasonUnreachable, "%s", response.Status)
	}
	if kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err != nil || kind != "application/timestamp-reply" {
		return nil, fail(reasonMalformed, "the answer is no application/timestamp-reply")
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxStamp+1))
	if err != nil {
		return nil, fail(reasonUnreachable, "read the answer: %w", err)
	}
	if len(answer) > maxStamp {
		return nil, fail(reasonMalformed, "the answer has more than %d bytes", maxStamp)
	}
	return answer, nil
}

// check checks that an answer is a time-stamp of what was asked for, signed by
// whom we trust, and returns its time.
func (s *Stamper) check(response []byte, hash [sha256.Size]byte, nonce *big.Int) (_ time.Time, err error) {
	defer malformed(&err)
	t, err := parseStamp(response)
	switch {
	case err != nil:
		return time.Time{}, err
	case t.HashAlgorithm != crypto.SHA256, !bytes.Equal(t.HashedMessage, hash[:]):
		return time.Time{}, errors.New("it is a time-stamp of something else")
	case t.Nonce == nil || t.Nonce.Cmp(nonce) != 0:
		return time.Time{}, errors.New("it does not have our nonce: an old answer again?")
	}
	token, err := pkcs7.Parse(t.RawToken)
	if err != nil {
		return time.Time{}, err
	}
	signer := token.GetOnlySigner()
	if signer == nil {
		return time.Time{}, errors.New("it does not say who signed it")
	}
	if s.cfg.Roots == nil {
		return t.Time, token.Verify()
	}
	between := x509.NewCertPool()
	for _, c := range token.Certificates {
		between.AddCert(c)
	}
	return t.Time, token.VerifyWithOpts(x509.VerifyOptions{
		Roots: s.cfg.Roots, Intermediates: between, CurrentTime: t.Time, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping},
	})
}

// CheckStamp reports whether an authority's answer, as Log.Stamp returns it, is a
// time-stamp of a text with a sound signature, and returns its time. Whose the
// signature is it does not tell: for that there are other programs (openssl ts).
func CheckStamp(response, text []byte) (_ time.Time, err error) {
	defer malformed(&err)
	t, err := parseStamp(response)
	if err != nil {
		return time.Time{}, err
	}
	if hash := sha256.Sum256(text); t.HashAlgorithm != crypto.SHA256 || !bytes.Equal(t.HashedMessage, hash[:]) {
		return time.Time{}, errors.New("it is a time-stamp of something else")
	}
	token, err := pkcs7.Parse(t.RawToken)
	if err != nil {
		return time.Time{}, err
	}
	return t.Time, token.Verify()
}

// parseStamp reads an authority's answer.
func parseStamp(response []byte) (_ *timestamp.Timestamp, err error) {
	defer malformed(&err)
	return timestamp.ParseResponse(response)
}

// malformed makes a panic an error. The library reads what an authority sent,
// and its ASN.1 decoder runs over the end of some of it (TestStampMalformed); it
// only computes, so nothing is left half done. The store must not end for it.
func malformed(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("malformed: %v", p)
	}
}
