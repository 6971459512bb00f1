package capture_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/capture"
	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
)

// A service records what a model answered and what the user saw.
func Example() {
	ctx := context.Background()
	js, stop := connect(ctx)
	defer stop()

	tenant, err := event.ParseTenant("acme")
	if err != nil {
		log.Fatal(err)
	}
	p, err := capture.New(js, capture.Config{Tenant: tenant})
	if err != nil {
		log.Fatal(err)
	}
	text := func(role, s string) *pb.Message {
		return &pb.Message{Role: role, Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: s}}}}
	}
	err = p.Publish(ctx, &pb.Event{
		Id:      "019aa5c0-7b1e-7000-8000-000000000001",
		Time:    timestamppb.Now(),
		Session: "c-17",
		Turn:    1,
		User:    "alice@example.com",
		Source:  &pb.Source{Service: "chat", Deployment: "medical-triage"},
		Body: &pb.Event_Interaction{Interaction: &pb.Interaction{
			Model:  &pb.Model{Provider: "openai", Name: "gpt-4o"},
			Input:  []*pb.Message{text("user", "How much may I take?")},
			Output: []*pb.Message{text("assistant", "As much as you like.")},
			Shown:  []*pb.Message{text("assistant", "Please ask a pharmacist.")},
		}},
	}, func(err error) {
		fmt.Println("stored:", err == nil)
	})
	if err != nil {
		log.Fatal(err)
	}
	closing, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := p.Close(closing); err != nil {
		log.Fatal(err)
	}
	// Output: stored: true
}

// A service redacts before anything leaves it: with its own key of pseudonyms,
// for the countries of its users, and its own choice of what becomes of what
// is found.
func Example_redaction() {
	ctx := context.Background()
	js, stop := connect(ctx)
	defer stop()

	redactor, err := redaction.New(redaction.Config{
		Regions: []string{"DE", "FR"},
		Operators: map[string]redaction.Operator{
			"IP_ADDRESS": redaction.Generalise, // where from, roughly, is enough
			"EMAIL":      redaction.Mask,       // that there was one is enough
			"IBAN":       redaction.Drop,
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	// A service keeps its key and makes it with NewPseudonymKey.
	key, err := redaction.RandomPseudonymKey()
	if err != nil {
		log.Fatal(err)
	}
	const tenant event.Tenant = "acme"
	p, err := capture.New(js, capture.Config{Tenant: tenant, Redactor: redactor, Pseudonym: key.For(string(tenant), "2026-Q4")})
	if err != nil {
		log.Fatal(err)
	}
	err = p.PublishBatch(ctx, []*pb.Event{{
		Id: "e1", Time: timestamppb.Now(), Session: "c-17", User: "alice@example.com",
		Body: &pb.Event_Report{Report: &pb.Report{
			Session: "c-17", Category: "privacy",
			Comment: "It told 198.51.100.7 that I am alice@example.com!",
		}},
	}})
	if err != nil {
		log.Fatal(err)
	}
	sent := first(ctx, js)
	fmt.Println(sent.GetReport().GetComment())
	fmt.Println(sent.GetCapture().GetContent(), strings.HasPrefix(sent.GetUser(), "[USER:"))
	if err := p.Close(ctx); err != nil {
		log.Fatal(err)
	}
	// Output:
	// It told [IP_ADDRESS:~198.51.100.0/24] that I am [EMAIL]!
	// REDACTED true
}

// first returns the first event that the stream holds.
func first(ctx context.Context, js jetstream.JetStream) *pb.Event {
	stream, err := js.Stream(ctx, "evidence")
	if err != nil {
		log.Fatal(err)
	}
	msg, err := stream.GetMsg(ctx, 1)
	if err != nil {
		log.Fatal(err)
	}
	events, err := event.Decode(msg.Header.Get(event.HeaderContentType), msg.Header.Get(event.HeaderContentEncoding), msg.Data, event.Limits{})
	if err != nil {
		log.Fatal(err)
	}
	return events[0]
}

// connect connects to a server in this process; a service connects to
// Afterimage's or to its own.
func connect(ctx context.Context) (js jetstream.JetStream, stop func()) {
	dir, err := os.MkdirTemp("", "capture")
	if err != nil {
		log.Fatal(err)
	}
	s, err := server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: dir, NoLog: true, NoSigs: true})
	if err != nil {
		log.Fatal(err)
	}
	s.Start()
	conn, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		log.Fatal(err)
	}
	if js, err = jetstream.New(conn); err != nil {
		log.Fatal(err)
	}
	_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: "evidence", Subjects: []string{event.Subjects}})
	if err != nil {
		log.Fatal(err)
	}
	return js, func() {
		conn.Close()
		s.Shutdown()
		s.WaitForShutdown()
		_ = os.RemoveAll(dir) // a temporary directory
	}
}
