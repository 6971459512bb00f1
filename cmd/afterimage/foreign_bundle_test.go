package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterimage/afterimage/witness/witnesstest"
)

// A bundle stands up without our software: tools that nobody here wrote check its
// files, the bag that it is, the proof of every event against witnesses, and the
// time-stamp; and see a change that is made.
func TestForeignBundle(t *testing.T) {
	r := newRig(t)
	authority := witnesstest.NewAuthority(t)
	roots := r.write("authority.pem", authority.Root)
	server := r.serve()
	w := newWitnessRig(t, r.head().VerifierKey)
	server.stop(os.Interrupt)
	watching := w.watch()
	r.flags = []string{"--witness", "http://" + w.http + "=" + w.key, "--witness-every", "20ms",
		"--timestamp-url", authority.URL, "--timestamp-every", "20ms", "--timestamp-roots", roots}
	server = r.serve()
	r.grow(300)
	for !strings.HasPrefix(string(r.get("/tlog/timestamp/")), "300\n") {
		time.Sleep(5 * time.Millisecond) // another process: there is nothing else to wait on
	}
	r.export("bag")
	server.stop(os.Interrupt)
	watching.stop(os.Interrupt)

	said := r.run("verify", "bag", "--policy", "bag/proofs/trust.policy")
	for _, want := range []string{"verified: 298 events of 1 sessions", "cosigned by w1 at ", " events were time-stamped at "} {
		if !strings.Contains(said, want) {
			t.Errorf("our own verify does not say %q: %s", want, said)
		}
	}
	bag := filepath.Join(r.dir, "bag")
	stamps, err := filepath.Glob(filepath.Join(bag, "proofs", "*.tsr"))
	if err != nil || len(stamps) != 1 {
		t.Fatalf("got time-stamps %v, error %v", stamps, err)
	}
	stamped := strings.TrimSuffix("proofs/"+filepath.Base(stamps[0]), ".tsr")
	tools := map[string]func() *exec.Cmd{
		"sha256sum": func() *exec.Cmd {
			return exec.Command("sha256sum", "--quiet", "-c", "manifest-sha256.txt", "tagmanifest-sha256.txt")
		},
		"sha512sum": func() *exec.Cmd {
			return exec.Command("sha512sum", "--quiet", "-c", "manifest-sha512.txt", "tagmanifest-sha512.txt")
		},
		"bagit.py":    func() *exec.Cmd { return exec.Command("bagit.py", "--validate", ".") },
		"bundlecheck": bundlecheck(t),
		"openssl": func() *exec.Cmd {
			return exec.Command("openssl", "ts", "-verify", "-data", stamped+".checkpoint", "-in", stamped+".tsr", "-CAfile", roots)
		},
	}
	run := func(name string) error {
		cmd := tools[name]()
		if cmd == nil {
			return errNotHere
		}
		if _, err := exec.LookPath(cmd.Path); err != nil {
			return errNotHere
		}
		cmd.Dir = bag
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %.2000s", err, out)
		}
		return nil
	}
	changes := map[string]string{ // a file that each of them looks at
		"sha256sum": "data/records/7.json", "sha512sum": "proofs/7.tlog-proof", "bagit.py": "data/custody.jsonl",
		"bundlecheck": "proofs/7.tlog-proof", "openssl": stamped + ".checkpoint",
	}
	for name, file := range changes {
		t.Run(name, func(t *testing.T) {
			if err := run(name); errors.Is(err, errNotHere) {
				t.Skipf("no %s here", name)
			} else if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(bag, file)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			bent := slices.Clone(whole)
			bent[len(bent)/3] ^= 1
			if err := os.WriteFile(path, bent, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := run(name); err == nil {
				t.Errorf("it does not see that %s was changed", file)
			}
			if err := os.WriteFile(path, whole, 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
}

var errNotHere = errors.New("is not here")

// bundlecheck builds what checks proofs with torchwood, which wants a newer Go; nil
// where that cannot be had.
func bundlecheck(t *testing.T) func() *exec.Cmd {
	path := filepath.Join(t.TempDir(), "bundlecheck")
	build := exec.Command("go", "build", "-C", "../../tools/bundlecheck", "-o", path, ".")
	build.Env = append(os.Environ(), "GOTOOLCHAIN=go1.27.3", "GOFLAGS=-mod=mod")
	if out, err := build.CombinedOutput(); err != nil {
		t.Logf("bundlecheck cannot be built: %v: %s", err, out)
		return func() *exec.Cmd { return nil }
	}
	return func() *exec.Cmd { return exec.Command(path, ".") }
}

// export exports everything.
func (r *rig) export(to string, flags ...string) string {
	r.Helper()
	return r.run(append([]string{"export", "--server", r.grpc, "--tenant", r.tenant, "--actor", "responder-2", "--reason", "INC-7", "--to", to}, flags...)...)
}
