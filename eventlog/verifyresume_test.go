package eventlog

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// However often a verification is interrupted, it finds what one that is not
// does, and checks no block twice; of a log that has grown meanwhile it begins anew.
func TestVerifyResumes(t *testing.T) {
	cfg := tamperable(t, nil)
	l := open(t, cfg)
	err := l.Forget(t.Context(), []Forgetting{{Tenant: "acme", Seqs: []event.Seq{3, 100, 200}, Ledger: &pb.Event{
		Id: "forgetting", Time: timestamppb.New(start0), Class: LedgerClass,
		Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: pb.Forgotten_ERASED}},
	}}}, func(ForgetProgress) {})
	if err != nil {
		t.Fatal(err)
	}
	redact(t, l, redaction("acme", "redaction", 10, 110, 210, 211))
	for n := 300; n < 400; n += 10 {
		add(t, l, "acme", n, n+10)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	keys, vals := values(t, cfg, "x")
	for _, i := range []int{0, len(keys) - 2} {
		vals[i][len(vals[i])/2] ^= 1
		put(t, cfg, keys[i], vals[i])
	}
	want := dirFindings(t, cfg)
	inOrder := func(a, b Finding) int { return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Part, b.Part)) }
	slices.SortFunc(want, inOrder)
	if len(want) < 2 {
		t.Fatalf("got %d findings of two tampered blocks: %+v", len(want), want)
	}
	file := filepath.Join(t.TempDir(), "verification")
	// run checks so many blocks and is then interrupted.
	run := func(blocks int) (checked int, found []Finding, out Verified, err error) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		out, err = ResumeVerifyDir(ctx, cfg, file, func(f Finding) { found = append(found, f) }, func(Progress) {
			if checked++; checked == blocks {
				cancel()
			}
		})
		return checked, found, out, err
	}
	all, _, whole, err := run(-1)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for interruptions := 0; ; interruptions++ {
		checked, found, out, err := run(3)
		total += checked
		if errors.Is(err, context.Canceled) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if interruptions < 3 || total != all {
			t.Errorf("with %d interruptions %d blocks were checked: want %d", interruptions, total, all)
		}
		slices.SortFunc(found, inOrder)
		if !slices.Equal(found, want) || out.Checkpoint.Size != whole.Checkpoint.Size || !slices.Equal(out.Forgotten, whole.Forgotten) || !slices.Equal(out.Redacted, whole.Redacted) {
			t.Errorf("got %+v and %v, want %+v and %v", found, out.Forgotten, want, whole.Forgotten)
		}
		break
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there when all is checked: %v", err)
	}

	if _, _, _, err := run(5); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	l = open(t, cfg)
	add(t, l, "acme", 400, 410)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if checked, _, _, err := run(-1); err != nil || checked <= all {
		t.Errorf("of a log that has grown: got %d blocks checked, error %v: want more than %d", checked, err, all)
	}

	// Another copy of the same log, or one in which a file was changed, is checked
	// from the start.
	if _, _, _, err := run(5); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	original := cfg.Dir
	cfg.Dir = filepath.Join(t.TempDir(), "copy")
	copyDir(t, original, cfg.Dir)
	if checked, _, _, err := run(-1); err != nil || checked <= all {
		t.Errorf("of another copy: got %d blocks checked, error %v: want more than %d", checked, err, all)
	}
	cfg.Dir = original
	if _, _, _, err := run(5); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-1] ^= 1 // It was not sealed by who has the keys.
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if checked, _, _, err := run(-1); err != nil || checked <= all {
		t.Errorf("with a forged file: got %d blocks checked, error %v: want more than %d", checked, err, all)
	}

	if err := os.WriteFile(file, []byte("somebody's thesis"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := run(-1); err == nil {
		t.Error("a file that no verification kept was taken for one")
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "somebody's thesis" {
		t.Errorf("somebody's file is %q now, %v", text, err)
	}
}
