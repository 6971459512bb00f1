package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// carryWindow bounds the bytes under way between two servers.
const carryWindow = 8 << 20

// carryStream copies a stream from one private server into another, message
// by message: positions, times, gaps and the state of its consumers stay as
// they are. It is NATS's own backup (JS.API.STREAM.SNAPSHOT, its second
// format) and restore, joined within the process, where a restore over the
// network would write the backup to disk in clear.
func carryStream(ctx context.Context, from, to *server.Server, name string) error {
	nc, err := nats.Connect("", nats.InProcessServer(from), nats.NoReconnect(),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // the restore says what went wrong
	if err != nil {
		return fmt.Errorf("connect to the old files: %w", err)
	}
	defer nc.Close()
	backup, writer := io.Pipe()
	defer func() { _ = backup.Close() }() // nothing reads on: what still writes is told
	defer context.AfterFunc(ctx, func() { writer.CloseWithError(ctx.Err()) })()
	inbox := nats.NewInbox()
	if _, err := nc.Subscribe(inbox, func(m *nats.Msg) { pass(m, writer) }); err != nil {
		return fmt.Errorf("subscribe to the backup: %w", err)
	}
	config, err := requestBackup(ctx, nc, name, inbox)
	if err != nil {
		return err
	}
	if _, err := to.GlobalAccount().RestoreStreamV2(config, backup); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

// requestBackup has the server send a stream's backup to the inbox, and
// returns the stream's configuration.
func requestBackup(ctx context.Context, nc *nats.Conn, name, inbox string) (*server.StreamConfig, error) {
	request, err := json.Marshal(server.JSApiStreamSnapshotRequest{DeliverSubject: inbox, WindowSize: carryWindow})
	if err != nil {
		return nil, err
	}
	reply, err := nc.RequestWithContext(ctx, fmt.Sprintf(server.JSApiStreamSnapshotT, name), request)
	if err != nil {
		return nil, fmt.Errorf("ask for a backup: %w", err)
	}
	var response server.JSApiStreamSnapshotResponse
	if err := json.Unmarshal(reply.Data, &response); err != nil {
		return nil, fmt.Errorf("ask for a backup: %w", err)
	}
	if response.Error != nil {
		return nil, fmt.Errorf("ask for a backup: %w", response.Error)
	}
	return response.Config, nil
}

// pass writes a chunk of the backup to the reader and asks for the next. An
// empty chunk is the end, with the error that caused it, if any.
func pass(m *nats.Msg, w *io.PipeWriter) {
	if len(m.Data) == 0 {
		var err error
		if status := m.Header.Get("Status"); status != "" && status != "204" {
			err = errors.New("backup ended early: " + m.Header.Get("Description"))
		}
		w.CloseWithError(err)
		return
	}
	if _, err := w.Write(m.Data); err != nil {
		return // the reader has ended: no further chunk is asked for
	}
	if m.Reply != "" {
		_ = m.Respond(nil) // where it is lost, the server ends the backup with an error
	}
}

// streamState is what of a stream a copy must have too. Of one whose messages
// expire it is the last position alone.
type streamState struct {
	Msgs, Bytes, First, Last uint64
	Deleted                  int
	FirstTime, LastTime      time.Time
	Consumers                map[string]consumerState // the durable ones
}

// consumerState is how far a consumer is: stream positions, and deliveries
// counted by itself.
type consumerState struct {
	Delivered, Floor, DeliveredCount, FloorCount uint64
	Pending                                      int
}

// equal reports whether two streams hold the same. An empty one that was carried
// over does not know any more when its last message came, and nobody asks.
func (s streamState) equal(t streamState) bool {
	if s.Msgs == 0 {
		s.FirstTime, s.LastTime, t.FirstTime, t.LastTime = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	}
	return s.Msgs == t.Msgs && s.Bytes == t.Bytes && s.First == t.First && s.Last == t.Last && s.Deleted == t.Deleted &&
		s.FirstTime.Equal(t.FirstTime) && s.LastTime.Equal(t.LastTime) && maps.Equal(s.Consumers, t.Consumers)
}

// streamStates returns the streams that a server has on disk, by name.
func streamStates(ns *server.Server) (map[string]streamState, error) {
	info, err := ns.Jsz(&server.JSzOptions{Accounts: true, Streams: true, Consumer: true, Config: true})
	if err != nil {
		return nil, fmt.Errorf("ask the NATS server for its streams: %w", err)
	}
	states := make(map[string]streamState)
	for _, account := range info.AccountDetails {
		for _, d := range account.Streams {
			if d.Config.Storage == server.FileStorage {
				states[d.Name] = stateOf(d)
			}
		}
	}
	return states, nil
}

func stateOf(d server.StreamDetail) streamState {
	if d.Config.MaxAge > 0 || d.Config.AllowMsgTTL {
		return streamState{Last: d.State.LastSeq}
	}
	s := streamState{d.State.Msgs, d.State.Bytes, d.State.FirstSeq, d.State.LastSeq, d.State.NumDeleted,
		d.State.FirstTime, d.State.LastTime, make(map[string]consumerState)}
	if s.Msgs == 0 {
		s.First = s.Last + 1 // a stream that never had any says 0
	}
	for _, c := range d.Consumer {
		if c.Config.Durable == "" {
			continue // it ends by itself
		}
		s.Consumers[c.Name] = consumerState{c.Delivered.Stream, c.AckFloor.Stream, c.Delivered.Consumer, c.AckFloor.Consumer, c.NumAckPending}
	}
	return s
}
