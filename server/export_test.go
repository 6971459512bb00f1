package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query/bag"
	"github.com/afterimage/afterimage/query/export"
	"github.com/afterimage/afterimage/server"
)

// startExporting is start of a server that hands evidence over.
func startExporting(t *testing.T) *store {
	t.Helper()
	var x *export.Exporter
	s := start(t, func(cfg *server.Config) {
		x = export.New(export.Config{Log: cfg.Log, Engine: cfg.Query, Software: "test"})
		cfg.Exports = x
	})
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- x.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	return s
}

// An operation is what the API says of one.
type operation struct {
	Name     string
	Done     bool
	Metadata struct {
		Seq     string
		Request struct{ Actor, Filter string }
	}
	Response struct{ Events, FileName, MediaType string }
	Error    struct{ Message string }
}

// exported asks for an export and waits until it is done.
func (s *store) exported(body string) (op operation) {
	s.t.Helper()
	code, text := s.do("POST", "/v1/tenants/acme/events:export", body)
	for {
		if code != http.StatusOK {
			s.t.Fatalf("%s: got %d %s", body, code, text)
		}
		op = operation{}
		if err := json.Unmarshal([]byte(text), &op); err != nil {
			s.t.Fatal(err)
		}
		if op.Done {
			return op
		}
		code, text = s.do("GET", "/v1/"+op.Name, "") // It says when: there is nothing else to wait on.
	}
}

// Whoever has nothing but curl gets evidence: asks, waits, downloads, goes on where
// it broke off; and all of it is on record.
func TestExportOverHTTP(t *testing.T) {
	s := startExporting(t)
	s.must(interaction("e1", "s", "hello", "hi"), interaction("e2", "t", "what", "that"))
	op := s.exported(`{"actor":"responder-2","reason":"INC-7","filter":"user == \"alice@example.com\""}`)
	if op.Response.Events != "2" && op.Response.Events != "" || op.Metadata.Request.Actor != "responder-2" || strings.Contains(op.Metadata.Request.Filter, "alice") {
		t.Errorf("got %+v", op)
	}
	op = s.exported(`{"actor":"responder-2","reason":"INC-7"}`)
	if op.Response.Events != "2" || op.Response.MediaType != "application/zip" {
		t.Errorf("got %+v", op)
	}
	response, err := s.client.Get(s.url + "/v1/" + op.Name + ":download")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(whole)
	if got, want := response.Trailer.Get("Repr-Digest"), "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":"; got != want {
		t.Errorf("got digest %s, want %s", got, want)
	}
	if got := response.Header.Get("Content-Disposition"); !strings.Contains(got, op.Response.FileName) {
		t.Errorf("got disposition %s, want the name %s", got, op.Response.FileName)
	}
	fsys, err := bag.OpenZip(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fsys.Open("data/records/0.json"); err != nil {
		t.Error(err)
	}
	if code, rest := s.do("GET", "/v1/"+op.Name+":download?offset=1000", ""); code != http.StatusOK || rest != string(whole[1000:]) {
		t.Errorf("from byte 1000: got %d, %d bytes, want %d", code, len(rest), len(whole)-1000)
	}
	code, text := s.do("GET", "/v1/tenants/acme/operations?pageSize=1", "")
	var page struct {
		Operations    []operation
		NextPageToken string
	}
	if err := json.Unmarshal([]byte(text), &page); err != nil || code != http.StatusOK || len(page.Operations) != 1 || page.Operations[0].Name != op.Name {
		t.Fatalf("got %d %s", code, text)
	}
	if _, text = s.do("GET", "/v1/tenants/acme/operations?pageToken="+page.NextPageToken, ""); strings.Contains(text, op.Name) || !strings.Contains(text, `"operations":[{`) {
		t.Errorf("the next page: got %s", text)
	}
	if _, text = s.do("POST", "/v1/"+op.Name+":cancel", "{}"); !strings.Contains(text, `"response":{"events":"2"`) {
		t.Errorf("called off when it is done: got %s", text)
	}
	if _, text = s.do("GET", "/v1/tenants/acme/events:search?filter="+url.QueryEscape(`exported.stage == "HANDED_OVER"`), ""); strings.Count(text, `"sha256":"`) != 2 {
		t.Errorf("the two downloads are on record as %s", text)
	}
}

// What cannot be asked for is refused, with its reason, and nothing is on record.
func TestExportRefuses(t *testing.T) {
	s := startExporting(t)
	s.must(interaction("e1", "s", "hello", "hi"))
	for body, want := range map[string]string{
		`{}`:             `"actor"`,
		`{"actor":"a"}`:  `"reason"`,
		`{"reason":"r"}`: `"actor"`,
		`{"actor":"alice@example.com","reason":"r"}`:                                    "personal data",
		`{"actor":"a","reason":"for alice@example.com"}`:                                "personal data",
		`{"actor":"a","reason":"r","incident":"alice@example.com"}`:                     "personal data",
		`{"actor":"a","reason":"r","filter":"session == \"alice@example.com\""}`:        "personal data",
		`{"actor":"a","reason":"r","filter":"nonsense =="}`:                             "INVALID_FILTER",
		`{"actor":"a","reason":"r","format":"TAR"}`:                                     "none of BAGIT, NDJSON, PARQUET",
		`{"actor":"a","reason":"r","text":"\"phrase"}`:                                  "text",
		`{"actor":"a","reason":"r","since":"soon"}`:                                     "invalid time",
		`{"actor":"a","reason":"r","sessions":[""]}`:                                    "sessions",
		`{"actor":"a","reason":"r\nPayload-Oxum: 1.1"}`:                                 "printed",
		`{"actor":"a","reason":"r","incident":"` + strings.Repeat("x", 257) + `"}`:      "256",
		`{"actor":"a","reason":"r","filter":"` + strings.Repeat(" ", 17<<10) + `true"}`: "filter",
		`{"actor":"a","reason":"r","everything":true}`:                                  "everything",
	} {
		if code, text := s.do("POST", "/v1/tenants/acme/events:export", body); code != http.StatusBadRequest || !strings.Contains(text, want) {
			t.Errorf("%.100s: got %d %.300s, want %s", body, code, text, want)
		}
	}
	if _, text := s.do("GET", `/v1/tenants/acme/events:search?filter=kind=="exported"`, ""); strings.Contains(text, "exported") {
		t.Errorf("on record is %s", text)
	}
	for path, want := range map[string]int{
		"/v1/tenants/acme/operations/nothing":                   http.StatusNotFound,
		"/v1/tenants/acme/operations/nothing:download":          http.StatusNotFound,
		"/v1/tenants/acme/operations/e1:download":               http.StatusNotFound,
		"/v1/tenants/a.b/operations/e1:download":                http.StatusBadRequest,
		"/v1/tenants/acme/operations/nothing:download?offset=x": http.StatusBadRequest,
		"/v1/tenants/acme/operations/nothing:download?x=1":      http.StatusBadRequest,
		"/v1/tenants/acme/operations?pageToken=bm90aGluZw":      http.StatusBadRequest,
		"/v1/tenants/acme/operations?pageSize=1001":             http.StatusBadRequest,
	} {
		if code, text := s.do("GET", path, ""); code != want {
			t.Errorf("%s: got %d %s, want %d", path, code, text, want)
		}
	}
	op := s.exported(`{"actor":"a","reason":"r"}`)
	if code, text := s.do("GET", "/v1/"+strings.Replace(op.Name, "acme", "other", 1), ""); code != http.StatusNotFound {
		t.Errorf("another tenant's: got %d %s", code, text)
	}
	if code, text := s.do("GET", "/v1/"+op.Name+":download?offset=100000000", ""); code != http.StatusBadRequest {
		t.Errorf("from beyond the end: got %d %s", code, text)
	}
	without := start(t, nil)
	if code, text := without.do("POST", "/v1/tenants/acme/events:export", `{"actor":"a","reason":"r"}`); code != http.StatusMethodNotAllowed {
		t.Errorf("where nothing is exported: got %d %s", code, text)
	}
}

// A download of what was forgotten meanwhile is refused with a reason of its own,
// by which whoever asked knows to throw away what came before.
func TestExportOfWhatChanged(t *testing.T) {
	s := startExporting(t)
	s.must(interaction("e1", "s", "hello", "hi"))
	op := s.exported(`{"actor":"a","reason":"r"}`)
	err := s.log.Forget(t.Context(), []eventlog.Forgetting{{Tenant: "acme", Seqs: []event.Seq{0}, Ledger: &pb.Event{
		Id: "forget", Time: timestamppb.New(noon), Class: eventlog.LedgerClass,
		Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: pb.Forgotten_ERASED}},
	}}}, func(eventlog.ForgetProgress) {})
	if err != nil {
		t.Fatal(err)
	}
	if code, text := s.do("GET", "/v1/"+op.Name+":download", ""); code != http.StatusConflict || !strings.Contains(text, "CHANGED") {
		t.Errorf("got %d %s", code, text)
	}
	id := op.Name[strings.LastIndexByte(op.Name, '/')+1:]
	stream, err := pb.NewExportServiceClient(s.conn).DownloadExport(t.Context(), &pb.DownloadExportRequest{Tenant: "acme", Operation: id})
	if err == nil {
		_, err = stream.Recv()
	}
	st := status.Convert(err)
	if st.Code() != codes.Aborted || len(st.Details()) == 0 || st.Details()[0].(*errdetails.ErrorInfo).GetReason() != "CHANGED" {
		t.Errorf("got %v", err)
	}
}
