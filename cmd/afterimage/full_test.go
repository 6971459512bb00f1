package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The size of the disk that is filled, and what must stay free of it, in MiB.
const (
	diskMiB    = 1000   // Pebble alone reserves 70 for each of its logs
	diskFree   = 128    // which Pebble alone can take half of at once
	diskEvents = 15_000 // more than 5 MiB; of TestDiskFull twice as many
)

// onSmallDisk gives the store a small disk of its own, where one can be
// mounted.
func (r *rig) onSmallDisk() {
	r.Helper()
	data := filepath.Join(r.dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		r.Fatal(err)
	}
	options := fmt.Sprintf("size=%dm", diskMiB)
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", data).CombinedOutput(); err != nil {
		r.Skipf("no disk can be mounted here: %v %s", err, out)
	}
	r.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", data).CombinedOutput(); err != nil {
			r.Errorf("umount: %v %s", err, out)
		}
	})
	r.flags = []string{"--min-free-mib", strconv.Itoa(diskFree)}
}

func (r *rig) ballast() string { return filepath.Join(r.dir, "data", "ballast") }

// fillDisk leaves so many MiB free on the store's disk; 0 fills it to the
// last byte.
func (r *rig) fillDisk(leave uint64) {
	r.Helper()
	f, err := os.OpenFile(r.ballast(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.Fatal(err)
	}
	defer f.Close()
	for piece := make([]byte, 1<<20); r.freeMiB() > leave || leave == 0; {
		if _, err := f.Write(piece); errors.Is(err, syscall.ENOSPC) {
			return
		} else if err != nil {
			r.Fatal(err)
		}
	}
}

func (r *rig) freeMiB() uint64 {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(filepath.Join(r.dir, "data"), &disk); err != nil {
		r.Fatal(err)
	}
	return disk.Bavail * uint64(disk.Bsize) >> 20
}

// ready returns what /readyz says, "" when the store cannot be reached.
func (r *rig) ready() (text string, yes bool) {
	response, err := http.Get("http://" + r.http + "/readyz")
	if err != nil {
		return "", false
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.Fatal(err)
	}
	return string(body), response.StatusCode == http.StatusOK
}

// awaitReady waits until the store says whether it takes events in.
func (r *rig) awaitReady(want bool) (text string) {
	r.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) { // another process
		text, yes := r.ready()
		if yes == want {
			return text
		}
	}
	r.Fatalf("waited %v in vain for /readyz to become %v", patience, want)
	return ""
}

// While the disk is nearly full, publishers are refused and told why; what was
// acknowledged is kept, and with room it goes on by itself.
func TestDiskNearlyFull(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a disk")
	}
	r := newRig(t)
	r.onSmallDisk()
	r.writeEvents(seeded(t), diskEvents)
	server := r.serve()
	r.fillDisk(diskFree + 2)
	p := r.publishFor(2*time.Second, "events.ndjson")
	<-p.ended
	if code := p.cmd.ProcessState.ExitCode(); code != exitFailed {
		t.Errorf("got exit code %d from the publisher, want %d", code, exitFailed)
	}
	if said := p.stderr.String(); !strings.Contains(said, "is its disk full?") || !strings.Contains(said, "resource limits exceeded") {
		t.Errorf("the publisher does not say why: %.2000s", said)
	}
	if text := r.awaitReady(false); !strings.Contains(text, "make room") {
		t.Errorf("/readyz says %q", text)
	}
	event := `{"events":[{"id":"x","time":"` + time.Now().UTC().Format(time.RFC3339) + `","session":"s","report":{"session":"s","category":"c"}}]}`
	response, err := http.Post("http://"+r.http+"/v1/tenants/default/events:publish", "application/json", strings.NewReader(event))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(text), "make room") {
		t.Errorf("publish over HTTP: got %s %s", response.Status, text)
	}
	if err := os.Remove(r.ballast()); err != nil {
		t.Fatal(err)
	}
	r.awaitReady(true)
	p = r.publish("events.ndjson")
	<-p.ended
	r.mustSucceed(p)
	r.checkKept(diskEvents)
	server.stop(os.Interrupt)
	r.run("verify", "--data", "data", "--keys", "keys")
}

// The disk is filled by somebody else, to the last byte, while events come in.
// The store may go on, or stop with a line that says what to do; with room it
// has everything that was acknowledged.
func TestDiskFull(t *testing.T) {
	if testing.Short() {
		t.Skip("fills a disk")
	}
	r := newRig(t)
	r.onSmallDisk()
	r.writeEvents(seeded(t), 2*diskEvents)
	server := r.serve()
	p := r.publishFor(2*time.Second, "events.ndjson")
	for r.metric("afterimage_log_size") < 2 { // until it is under way
		time.Sleep(time.Millisecond) // polls another process
	}
	r.fillDisk(0)
	<-p.ended
	t.Logf("the publisher ended with exit code %d", p.cmd.ProcessState.ExitCode())
	select {
	case <-server.ended:
		lines := strings.Split(strings.TrimSpace(server.stderr.String()), "\n")
		if last := lines[len(lines)-1]; server.cmd.ProcessState.ExitCode() != exitFailed || !strings.HasPrefix(last, "afterimage: ") || !strings.Contains(last, "start again") {
			t.Errorf("the store ended with exit code %d: %s", server.cmd.ProcessState.ExitCode(), last)
		}
		t.Log("the store ended")
	default:
		r.awaitReady(false)
		t.Log("the store goes on")
	}
	if err := os.Remove(r.ballast()); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) { // another process
		select {
		case <-server.ended: // now, or a moment after it was asked
			server = r.serve()
		default:
		}
		if _, yes := r.ready(); yes {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain for the store to take events again", patience)
		}
	}
	p = r.publish("events.ndjson")
	<-p.ended
	r.mustSucceed(p)
	r.checkKept(2 * diskEvents)
	server.stop(os.Interrupt)
	r.run("verify", "--data", "data", "--keys", "keys")
}
