package server_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/server"
)

// backUp asks the store for a backup and returns the last message.
func (s *store) backUp(dir string) (*pb.Backup, error) {
	stream, err := pb.NewLogServiceClient(s.conn).Backup(s.t.Context(), &pb.BackupRequest{Directory: dir})
	if err != nil {
		s.t.Fatal(err)
	}
	var last *pb.BackupResponse
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return last.GetBackup(), nil
		}
		if err != nil {
			return nil, err
		}
		if last != nil && r.GetDoneBytes() < last.GetDoneBytes() || r.GetDoneBytes() > r.GetTotalBytes() {
			s.t.Errorf("progress %v after %v", r, last)
		}
		last = r
	}
}

// A client has backups made in the directory for them, and nowhere else.
func TestBackupStaysInItsDirectory(t *testing.T) {
	root := filepath.Join(t.TempDir(), "backups")
	outside := t.TempDir()
	s := start(t, func(c *server.Config) { c.Backups = root })
	for asked, want := range map[string]string{"": root, "a/b": filepath.Join(root, "a", "b"), filepath.Join(root, "c"): filepath.Join(root, "c")} {
		b, err := s.backUp(asked)
		if err != nil {
			t.Fatalf("%q: %v", asked, err)
		}
		if filepath.Dir(b.GetDirectory()) != want || b.GetBytes() == 0 {
			t.Errorf("%q: got %v, want it in %s", asked, b, want)
		}
		if _, err := os.Stat(filepath.Join(b.GetDirectory(), "backup.json")); err != nil {
			t.Error(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(outside, "x"), filepath.Join(root, "nowhere")); err != nil {
		t.Fatal(err)
	}
	for _, asked := range []string{outside, "..", "../x", "a/../../x", root + "x", "link", "link/x", "nowhere", "nowhere/x", "/"} {
		_, err := s.backUp(asked)
		st := status.Convert(err)
		if st.Code() != codes.InvalidArgument || !strings.Contains(st.Message()+st.String(), "directory") {
			t.Errorf("%q: got %v, want InvalidArgument", asked, err)
		}
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("outside there is %v, %v", left, err)
	}

	none := start(t, nil)
	_, err := none.backUp("")
	st := status.Convert(err)
	if st.Code() != codes.FailedPrecondition || len(st.Details()) == 0 || st.Details()[0].(*errdetails.ErrorInfo).GetReason() != "NO_BACKUPS" {
		t.Errorf("no directory for backups: got %v, want FailedPrecondition NO_BACKUPS", err)
	}
}
