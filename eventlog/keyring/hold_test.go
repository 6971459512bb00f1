package keyring

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// One process at a time holds keys, until it lets go or ends.
func TestHold(t *testing.T) {
	const env = "AFTERIMAGE_TEST_HOLD"
	if dir := os.Getenv(env); dir != "" {
		_, err := Hold(dir)
		fmt.Println(errors.Is(err, ErrInUse), err)
		os.Exit(0)
	}
	dir := t.TempDir()
	other := func() string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHold$")
		cmd.Env = append(os.Environ(), env+"="+dir)
		said, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		return string(said)
	}
	held, err := Hold(dir)
	if err != nil {
		t.Fatal(err)
	}
	if said, want := other(), fmt.Sprintf("true %s: %v\n", dir, ErrInUse); said != want {
		t.Errorf("while they are held: got %q, want %q", said, want)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // It ends without letting go.
		if said, want := other(), "false <nil>\n"; said != want {
			t.Errorf("afterwards: got %q, want %q", said, want)
		}
	}
}
