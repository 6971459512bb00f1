package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/ingest"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// What is published over HTTP and gRPC while the stream's key changes waits a
// moment and is stored, and nobody is told of an error; the store says that it
// is ready all the while.
func TestPublishWaitsForRekey(t *testing.T) {
	const tenant, changes = "default", 4
	dir := t.TempDir()
	logger := slog.New(slog.NewTextHandler(t.Output(), nil))
	log, err := eventlog.Open(t.Context(), eventlog.Config{Dir: filepath.Join(dir, "log"), KeysDir: filepath.Join(dir, "keys")})
	if err != nil {
		t.Fatal(err)
	}
	s, err := openStream(t.Context(), serveFlags{Data: dir, NATS: "127.0.0.1:0", MinFreeMiB: 1}, "key 0", "", logger)
	if err != nil {
		t.Fatal(err)
	}
	policies, err := openPolicies(t.Context(), log, policy.Default(), nil, logger)
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := ingest.New(ingest.Config{Log: log, JetStream: s.js, Policy: policies.now, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(t.Context())
	var workers, publishers sync.WaitGroup
	for _, run := range []func(context.Context) error{s.run, consumer.Run} {
		workers.Go(func() {
			if err := run(running); err != nil {
				t.Error(err)
			}
		})
	}
	publishing, enough := context.WithCancel(t.Context())
	var published [3]int
	for i := range published {
		publishers.Go(func() {
			for ; publishing.Err() == nil; published[i]++ {
				e := &pb.Event{Id: fmt.Sprint(i, "-", published[i]), Time: timestamppb.Now(), Session: "s", Body: &pb.Event_Interaction{
					Interaction: &pb.Interaction{Input: []*pb.Message{{Role: "user", Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: "hello"}}}}}}}}
				if err := errors.Join(s.publish(t.Context(), tenant, []*pb.Event{e}), s.ready()); err != nil {
					t.Errorf("publish: %v", err)
					return
				}
			}
		})
	}
	until := func(what string, done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(60 * time.Second); !done(); {
			if time.Now().After(deadline) {
				t.Fatal(what)
			}
		}
	}
	for n := range changes {
		floor := log.Size()
		until("nothing more reaches the log", func() bool { return log.Size() > floor+10 })
		if err := s.embedded.Rekey(t.Context(), fmt.Sprint("key ", n+1), fmt.Sprint("key ", n)); err != nil {
			t.Fatal(err)
		}
	}
	enough()
	publishers.Wait()
	want := published[0] + published[1] + published[2] + 1 // and the policy
	until("not everything reaches the log", func() bool { return int(log.Size()) >= want })
	stop()
	workers.Wait()
	if got := int(log.Size()); got != want {
		t.Errorf("the log has %d events, want %d", got, want)
	}
	if err := errors.Join(s.close(), log.Close()); err != nil {
		t.Error(err)
	}
}
