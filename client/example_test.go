package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/client"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// What an investigator's program does first: find what was said, see one session
// as its user saw it, and tell what was forgotten from what never was.
func Example() {
	address, stop := exampleStore()
	defer stop()

	store, err := client.New(client.Config{Address: address})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	ctx := context.Background()

	request := client.SearchRequest{
		Text: `"twice the dose" -refused`, In: []pb.TextKind{pb.TextKind_TEXT_SHOWN},
		Since: time.Now().Add(-24 * time.Hour), Fields: []string{"session", "turn"},
	}
	for found, err := range store.Search(ctx, "default", request) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("found in", found.Event.GetSession(), "turn", found.Event.GetTurn())
	}

	for frame, err := range store.Replay(ctx, "default", "visit-1052", client.ReplayRequest{View: pb.View_USER}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %s\n", frame.GetRole(), frame.GetText())
	}

	_, err = store.Lookup(ctx, "default", "nowhere")
	switch {
	case errors.Is(err, client.ErrErased):
		fmt.Println("it was forgotten")
	case errors.Is(err, client.ErrNotFound):
		fmt.Println("it never was")
	}
	// Output:
	// found in visit-1052 turn 1
	// user: How much may she have?
	// assistant: Give her twice the dose.
	// it never was
}

// exampleStore serves a store with one event.
func exampleStore() (address string, stop func()) {
	dir, err := os.MkdirTemp("", "client-example-")
	if err != nil {
		log.Fatal(err)
	}
	address, end, err := serve(dir)
	if err != nil {
		log.Fatal(err)
	}
	store, err := client.New(client.Config{Address: address})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	said := func(role, text string) []*pb.Message {
		return []*pb.Message{{Role: role, Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: text}}}}}
	}
	event := &pb.Event{
		Id: "e1", Time: timestamppb.New(time.Now().Add(-time.Hour)), Session: "visit-1052", Turn: 1,
		Body: &pb.Event_Interaction{Interaction: &pb.Interaction{Input: said("user", "How much may she have?"), Output: said("assistant", "Give her twice the dose.")}},
	}
	if err := store.Publish(context.Background(), "default", event); err != nil {
		log.Fatal(err)
	}
	return address, func() {
		if err := errors.Join(end(), os.RemoveAll(dir)); err != nil {
			log.Fatal(err)
		}
	}
}
