package capture

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/redaction/known"
)

// Config says how a [Publisher] works. The zero value of every field but
// Tenant is usable.
type Config struct {
	// Tenant is whose evidence is published. Required.
	Tenant event.Tenant
	// Linger is how long an event waits for others to share its message.
	// 0 means 5 ms. More makes larger messages, which cost everyone less.
	Linger time.Duration
	// BatchEvents is the most events in a message, up to 4,096. 0 means 256.
	BatchEvents int
	// BatchBytes is the most bytes of events in a message before compression.
	// 0 means what the server accepts, up to 1 MiB. A larger event travels
	// alone.
	BatchBytes int
	// MaxPending is the most messages that are filled, sent or waited for at
	// a time. 0 means 64. Publish blocks beyond, so that it bounds memory to
	// MaxPending × BatchBytes.
	MaxPending int
	// AckTimeout is how long to wait for JetStream to acknowledge a message
	// before it is sent again. 0 means 10 s.
	AckTimeout time.Duration
	// Retries is how often a message is sent again before its events are
	// given up. 0 means until it is acknowledged or the publisher is closed.
	Retries int
	// RetryWait is the pause before the first retry; it doubles up to 5 s.
	// 0 means 100 ms.
	RetryWait time.Duration
	// Redactor takes personal data out of events before they leave the
	// process, and Pseudonym, which is then required, makes the tokens that
	// stand for it. nil means that events leave as they are, protected by the
	// connection alone, and that the store redacts them.
	//
	// The store finds a person by the pseudonyms that it makes itself. Unless
	// Pseudonym makes the same, `user == "alice@example.com"` does not find
	// what was redacted here; the pseudonym does. See the package comment.
	Redactor  *redaction.Redactor
	Pseudonym redaction.Pseudonym
	// Known, if not nil, returns what the service knows of the user of an
	// event: name, addresses, numbers. Their every occurrence is replaced, too.
	// It is called once for each event, by one goroutine after another, and
	// needs Redactor. What it returns is not kept.
	Known func(*pb.Event) []known.Value
	// Now tells the time for validation. nil means time.Now.
	Now func() time.Time
}

const (
	defaultLinger      = 5 * time.Millisecond
	defaultBatchEvents = 256
	defaultMaxPending  = 64
	defaultAckTimeout  = 10 * time.Second
	defaultRetryWait   = 100 * time.Millisecond
	maxRetryWait       = 5 * time.Second

	// maxBatchBytes is the largest message worth sending: NATS recommends to
	// stay under its default limit of 1 MiB, and a longer batch compresses no
	// better.
	maxBatchBytes = 1 << 20
	// headroom is what subject and headers take of the server's limit.
	headroom = 4 << 10
)

// withDefaults fills in zero fields and refuses what makes no sense, naming
// the field.
func (c Config) withDefaults(js jetstream.JetStream) (Config, error) {
	if _, err := event.ParseTenant(string(c.Tenant)); err != nil {
		return c, fmt.Errorf("Config.Tenant: %w", err)
	}
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"Config.Linger", int64(c.Linger)}, {"Config.BatchEvents", int64(c.BatchEvents)}, {"Config.BatchBytes", int64(c.BatchBytes)},
		{"Config.MaxPending", int64(c.MaxPending)}, {"Config.AckTimeout", int64(c.AckTimeout)}, {"Config.Retries", int64(c.Retries)},
		{"Config.RetryWait", int64(c.RetryWait)},
	} {
		if f.value < 0 {
			return c, fmt.Errorf("%s is negative", f.name)
		}
	}
	if c.BatchEvents > event.DefaultBatchEvents {
		return c, fmt.Errorf("Config.BatchEvents is above %d", event.DefaultBatchEvents)
	}
	if c.BatchBytes > event.DefaultBatchBytes {
		return c, fmt.Errorf("Config.BatchBytes is above %d", event.DefaultBatchBytes)
	}
	if (c.Redactor == nil) != (c.Pseudonym == nil) {
		return c, errors.New("Config.Redactor and Config.Pseudonym need one another")
	}
	if c.Known != nil && c.Redactor == nil {
		return c, errors.New("Config.Known needs Config.Redactor")
	}
	setDefault(&c.Linger, defaultLinger)
	setDefault(&c.BatchEvents, defaultBatchEvents)
	setDefault(&c.MaxPending, defaultMaxPending)
	setDefault(&c.AckTimeout, defaultAckTimeout)
	setDefault(&c.RetryWait, defaultRetryWait)
	if c.BatchBytes == 0 {
		c.BatchBytes = maxBatchBytes
		if limit := int(js.Conn().MaxPayload()); limit > headroom {
			c.BatchBytes = min(maxBatchBytes, limit-headroom)
		}
	}
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // The default of Config.Now.
	}
	return c, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
