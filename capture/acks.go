package capture

import (
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// acks publishes messages and receives JetStream's acknowledgements of them.
//
// The library's PublishAsync does the same but cannot be ended: what it starts
// for a JetStream context lives as long as the connection, and where it is
// cleaned up early, for ever (nats.go 1.55, resetPendingAcksOnReconnect).
type acks struct {
	conn *nats.Conn
	wg   sync.WaitGroup

	mu      sync.Mutex // guards what follows
	prefix  string     // of the subjects of acknowledgements
	sub     *nats.Subscription
	status  chan nats.Status
	last    uint64
	waiting map[string]chan<- error // by subject; buffered, so that nobody waits to tell
}

// publish sends a message once. The channel receives nil when JetStream has
// stored it, or an error; forget must be called when nobody waits any more.
func (a *acks) publish(m *nats.Msg) (ack <-chan error, forget func(), err error) {
	reply, ch, err := a.expect()
	if err != nil {
		return nil, nil, err
	}
	forget = func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.waiting, reply)
	}
	err = a.conn.PublishMsg(&nats.Msg{Subject: m.Subject, Reply: reply, Header: m.Header, Data: m.Data})
	if err != nil {
		forget()
		return nil, nil, err
	}
	return ch, forget, nil
}

// expect makes a subject for one acknowledgement.
func (a *acks) expect() (reply string, ch chan error, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sub == nil {
		if err := a.subscribe(); err != nil {
			return "", nil, fmt.Errorf("subscribe to acknowledgements: %w", err)
		}
	}
	a.last++
	reply = a.prefix + strconv.FormatUint(a.last, 10)
	ch = make(chan error, 1)
	a.waiting[reply] = ch
	return reply, ch, nil
}

// subscribe starts to receive acknowledgements. a.mu is held.
func (a *acks) subscribe() error {
	a.prefix = a.conn.NewInbox() + "."
	sub, err := a.conn.Subscribe(a.prefix+"*", a.receive)
	if err != nil {
		return err
	}
	a.sub = sub
	a.waiting = make(map[string]chan<- error)
	status := a.conn.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	a.status = status
	a.wg.Go(func() {
		for range status {
			a.disconnected()
		}
	})
	return nil
}

// receive tells who waits for the message what became of theirs.
func (a *acks) receive(m *nats.Msg) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if ch, ok := a.waiting[m.Subject]; ok {
		ch <- outcome(m)
		delete(a.waiting, m.Subject)
	}
}

// disconnected tells everyone that no acknowledgement will come.
func (a *acks) disconnected() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, ch := range a.waiting {
		ch <- nats.ErrDisconnected
	}
	clear(a.waiting)
}

// outcome reads an acknowledgement.
func outcome(m *nats.Msg) error {
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		return jetstream.ErrNoStreamResponse
	}
	var ack struct {
		Error  *jetstream.APIError `json:"error"`
		Stream string              `json:"stream"`
	}
	if err := json.Unmarshal(m.Data, &ack); err != nil {
		return jetstream.ErrInvalidJSAck
	}
	if ack.Error != nil {
		return ack.Error
	}
	if ack.Stream == "" {
		return jetstream.ErrInvalidJSAck
	}
	return nil
}

// close ends the reception. Nothing is published any more.
func (a *acks) close() {
	a.mu.Lock()
	sub, status := a.sub, a.status
	a.mu.Unlock()
	if sub != nil {
		_ = sub.Unsubscribe() // fails where the connection is closed, which does the same
		a.conn.RemoveStatusListener(status)
	}
	a.wg.Wait()
}
