package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/afterimage/afterimage/eventlog/keyring"
	"github.com/afterimage/afterimage/redaction/escrow"
)

type escrowCmd struct {
	Keygen escrowKeygenCmd `cmd:"" help:"Make the keys to which originals are sealed and with which they are opened."`
	Open   escrowOpenCmd   `cmd:"" help:"Open sealed originals in events that were found."`
}

// Help implements kong's HelpProvider.
func (escrowCmd) Help() string {
	return `Redaction may seal the originals of what it replaces, and keep them in the event. Services and the
store have only the public keyset, which seals; whoever has the private one opens, here, on a machine
of their own, without the store.

    afterimage escrow keygen --private officer.json --public escrow.json --passphrase-file FILE
    afterimage search --filter 'session == "c-17"' -o json | afterimage escrow open --private officer.json --passphrase-file FILE`
}

// escrowKeyFlags say where the private keyset is and how it opens.
type escrowKeyFlags struct {
	Private    string `required:"" placeholder:"FILE" help:"The private keyset, which opens."`
	Passphrase string `name:"passphrase-file" placeholder:"FILE" help:"A file with the private keyset's passphrase, which nobody else may read."`
}

// passphrase is nil where there is none.
func (f escrowKeyFlags) passphrase() ([]byte, error) {
	if f.Passphrase == "" {
		return nil, nil
	}
	passphrase, err := keyring.Passphrase(f.Passphrase)
	if err != nil {
		return nil, usage("--passphrase-file: %w", err)
	}
	return passphrase, nil
}

// opener opens the private keyset.
func (f escrowKeyFlags) opener(passphrase []byte) (*escrow.Opener, error) {
	private, err := keyring.OpenKeyset(f.Private, escrow.Use, "afterimage escrow keygen makes another", passphrase)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, usage("--private: %w", err)
	case errors.Is(err, keyring.ErrPassphrase) && passphrase == nil:
		return nil, fmt.Errorf("--private: %w: name its file with --passphrase-file", err)
	case err != nil:
		return nil, fmt.Errorf("--private: %w", err)
	}
	opener, err := escrow.NewOpener(private)
	if err != nil {
		return nil, fmt.Errorf("--private: %s: %w", f.Private, err)
	}
	return opener, nil
}

type escrowKeygenCmd struct {
	escrowKeyFlags
	Public string `required:"" placeholder:"FILE" help:"The public keyset, which seals: what services and the store are given."`
}

// Help implements kong's HelpProvider.
func (escrowKeygenCmd) Help() string {
	return `Makes two new files; one that exists is never written over. The private one has mode 0600, and is
encrypted if there is a passphrase, stretched with Argon2id. The public one is a line of JSON and no
secret.

    afterimage escrow keygen --private officer.json --public escrow.json --passphrase-file FILE

The private keyset is the only way to the originals. If it is lost, or its passphrase is, they are
gone for good: nobody can open them, and no backup of the store helps. If it is shared or copied,
whoever has it reads all originals that were or will be sealed to it, and nothing tells that they
did. Make it where it is to stay: not on a machine of the store or of a service. Give the file to one
person and the passphrase to another, and it takes both to open anything.`
}

// Run makes the keys.
func (c *escrowKeygenCmd) Run(_ context.Context, s streams) error {
	if filepath.Clean(c.Private) == filepath.Clean(c.Public) {
		return usage("--private and --public are the same file")
	}
	passphrase, err := c.passphrase()
	if err != nil {
		return err
	}
	if err := errors.Join(vacant("--private", c.Private), vacant("--public", c.Public)); err != nil {
		return err
	}
	keyID, err := c.create(passphrase)
	if err != nil {
		return err
	}
	c.report(s, keyID, passphrase != nil)
	return nil
}

// vacant refuses what exists, a dangling link too.
func vacant(flag, path string) error {
	switch _, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", flag, err)
	}
	return fmt.Errorf("%s: %s exists, and is not written over: what is sealed to it would be lost: name another file", flag, path)
}

// create makes both files or none. The private one is on disk before the
// public one exists, so that nothing is ever sealed to a key that a crash took
// away.
func (c *escrowKeygenCmd) create(passphrase []byte) (keyID uint32, err error) {
	private, err := escrow.Generate()
	if err != nil {
		return 0, err
	}
	public, err := escrow.Public(private)
	if err != nil {
		return 0, err
	}
	if err := keyring.CreateKeyset(c.Private, escrow.Use, private, passphrase); err != nil {
		return 0, fmt.Errorf("--private: %w", err)
	}
	if err := createFile(c.Public, public); err != nil {
		return 0, fmt.Errorf("--public: %w", errors.Join(err, os.Remove(c.Private)))
	}
	if keyID, err = c.try(passphrase); err != nil {
		return 0, fmt.Errorf("the keys that were made do not work: %w", errors.Join(err, os.Remove(c.Private), os.Remove(c.Public)))
	}
	return keyID, nil
}

// createFile makes a file that others may read, whole or not at all.
func createFile(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // the public key is for everybody
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// try seals and opens with what is on disk now: a key that does not open is
// found out before anything is sealed to it.
func (c *escrowKeygenCmd) try(passphrase []byte) (keyID uint32, err error) {
	public, err := os.ReadFile(c.Public)
	if err != nil {
		return 0, err
	}
	sealer, err := escrow.NewSealer(public)
	if err != nil {
		return 0, err
	}
	opener, err := c.opener(passphrase)
	if err != nil {
		return 0, err
	}
	at, text := escrow.Context{EventID: "try", Type: "TRY", Token: "try"}, "afterimage"
	sealed, err := sealer.SealIn(at, text)
	if err != nil {
		return 0, err
	}
	if got, err := opener.Open(at, sealed); err != nil || got != text {
		return 0, errors.Join(errors.New("what was sealed does not open"), err)
	}
	return sealer.KeyID(), nil
}

// report says what there is now, and, on standard error so that it is not
// redirected away, what it means.
func (c *escrowKeygenCmd) report(s streams, keyID uint32, protected bool) {
	state := "in clear"
	if protected {
		state = "under a passphrase"
	}
	fmt.Fprintf(s.out, "private  %s, %s\npublic   %s\nkey      %d\n", c.Private, state, c.Public, keyID)
	fmt.Fprintf(s.err, `
WARNING: %[1]s is the only way to the originals.
  If it is lost, nobody can open them, ever: keep a copy in another place.
  If it is shared, whoever has it reads all of them, past and to come, and nothing tells.
  Take it off this machine if this is one of the store or of a service: they need only %[2]s.
`, c.Private, c.Public)
	if protected {
		fmt.Fprintln(s.err, "  Without its passphrase it is lost too. Give file and passphrase to two people: it then takes both.")
	} else {
		fmt.Fprintln(s.err, "  It has NO PASSPHRASE: whoever reads the file can open everything. --passphrase-file protects it.")
	}
}
