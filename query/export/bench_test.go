package export

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/transparency-dev/formats/log"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/bag"
	"github.com/afterimage/afterimage/query/querytest"
	"github.com/afterimage/afterimage/witness"
)

// How long a bundle of 10,000 events of the corpus takes, from the request to the
// last byte on the disk, and to verify it: the target is 10 s on two cores.
func BenchmarkBundle(b *testing.B) {
	n := querytest.Events(b, 10_000)
	evidence := querytest.Open(b, n)
	for _, format := range []pb.Exported_Format{pb.Exported_BAGIT, pb.Exported_NDJSON, pb.Exported_PARQUET} {
		b.Run(format.String(), func(b *testing.B) {
			x := New(Config{Log: evidence, Engine: query.New(query.Config{Log: evidence}), Software: "bench"})
			ctx, cancel := context.WithCancel(b.Context())
			ran := make(chan error, 1)
			go func() { ran <- x.Run(ctx) }()
			name := filepath.Join(b.TempDir(), "bundle.zip")
			var handed Handed
			for b.Loop() {
				began, spent := time.Now(), processors(b)
				handed = exportTo(b, x, querytest.Tenant, Request{Actor: "bench", Reason: "bench", Format: format}, name)
				b.Logf("%s: %d events, %.1f MB in %v, %v of processors", format, handed.Events, float64(handed.Bytes)/1e6,
					time.Since(began).Round(time.Millisecond), (processors(b) - spent).Round(time.Millisecond))
			}
			b.ReportMetric(float64(handed.Events), "events")
			b.ReportMetric(float64(handed.Bytes)/1e6, "MB")
			cancel()
			if err := <-ran; err != nil {
				b.Error(err)
			}
			if format == pb.Exported_BAGIT {
				verifyTimed(b, name, evidence.VerifierKey())
			}
		})
	}
}

func verifyTimed(b *testing.B, name, key string) {
	b.Helper()
	trust, err := witness.Trust(key)
	if err != nil {
		b.Fatal(err)
	}
	fsys, closer, err := bag.Open(name)
	if err != nil {
		b.Fatal(err)
	}
	defer closer.Close()
	began, spent := time.Now(), processors(b)
	v, err := Verify(b.Context(), fsys, Verification{
		Trust:  func(signed []byte) (log.Checkpoint, error) { return trust.Signed(signed) },
		Signed: trust.Signed, Stamp: witness.CheckStamp, Software: "bench",
		Report: func(p bag.Problem) { b.Errorf("%s %s", p.File, p.Reason) },
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("verified %d events of %d sessions in %v, %v of processors", v.Events, v.Sessions,
		time.Since(began).Round(time.Millisecond), (processors(b) - spent).Round(time.Millisecond))
}

// processors is how much time of processors this process has taken, which other
// work on the machine changes less than the clock.
func processors(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// exportTo exports into a file.
func exportTo(t testing.TB, x *Exporter, tenant event.Tenant, r Request, name string) Handed {
	t.Helper()
	op := gathered(t, x, tenant, r)
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	handed, err := x.Download(t.Context(), tenant, Download{Operation: op}, f)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return handed
}

// gathered asks for an export and returns its id when it is done.
func gathered(t testing.TB, x *Exporter, tenant event.Tenant, r Request) string {
	t.Helper()
	op, err := x.Start(t.Context(), tenant, r)
	if err != nil {
		t.Fatal(err)
	}
	id := op.GetMetadata().GetRequest().GetOperation()
	for !op.GetDone() {
		runtime.Gosched() // The ledger says when: there is nothing else to wait on.
		if op, err = x.Get(t.Context(), tenant, id); err != nil {
			t.Fatal(err)
		}
	}
	if op.GetResponse() == nil {
		t.Fatalf("the export ended with %v", op.GetError())
	}
	return id
}
