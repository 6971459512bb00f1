package capture

import (
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/event"
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
	if c.Linger < 0 || c.BatchEvents < 0 || c.BatchBytes < 0 || c.MaxPending < 0 ||
		c.AckTimeout < 0 || c.Retries < 0 || c.RetryWait < 0 {
		return c, errors.New("a field of Config is negative")
	}
	if c.BatchEvents > event.DefaultBatchEvents {
		return c, fmt.Errorf("Config.BatchEvents is above %d", event.DefaultBatchEvents)
	}
	if c.BatchBytes > event.DefaultBatchBytes {
		return c, fmt.Errorf("Config.BatchBytes is above %d", event.DefaultBatchBytes)
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
		c.Now = time.Now
	}
	return c, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
