package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/afterimage/afterimage/eventlog/keyring"
)

// The environment that stands for a passphrase file. Nothing of the passphrase
// itself is ever on a command line, which other users can read.
const (
	passphraseVariable   = "AFTERIMAGE_KEYS_PASSPHRASE"
	passphraseCredential = "afterimage-keys-passphrase"
	googleEndpoint       = "AFTERIMAGE_GCP_KMS_ENDPOINT"
)

// keyFlags say where keys are and how they open.
type keyFlags struct {
	Keys       string `name:"keys" default:"afterimage-keys" placeholder:"DIR" help:"Where the keys are (default ${default})."`
	Passphrase string `name:"keys-passphrase-file" placeholder:"FILE" help:"A file with the passphrase of the local keys, which nobody else may read."`
}

// options reads the passphrase: from the file, else from the environment, else
// from systemd's credentials.
func (f keyFlags) options() (keyring.Options, error) {
	o := keyring.Options{GCPEndpoint: os.Getenv(googleEndpoint)}
	var err error
	credentials := os.Getenv("CREDENTIALS_DIRECTORY")
	switch text := os.Getenv(passphraseVariable); {
	case f.Passphrase != "":
		if o.Passphrase, err = keyring.Passphrase(f.Passphrase); err != nil {
			return o, usage("--keys-passphrase-file: %w", err)
		}
	case text != "":
		o.Passphrase = []byte(text)
	case credentials != "":
		o.Passphrase, err = keyring.Passphrase(filepath.Join(credentials, passphraseCredential))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // systemd passes it others too
			return o, err
		}
	}
	return o, nil
}

type keysCmd struct {
	Show      keysShowCmd      `cmd:"" default:"withargs" help:"Show whose keys they are and what protects them."`
	Rotate    keysRotateCmd    `cmd:"" help:"Wrap the keys anew, and give up the key that wrapped them."`
	Protect   keysProtectCmd   `cmd:"" help:"Protect the local keys with a passphrase, or with another."`
	Unprotect keysUnprotectCmd `cmd:"" help:"Take the passphrase of the local keys away."`
}

// Help implements kong's HelpProvider.
func (keysCmd) Help() string {
	return `The key directory holds the keys of the log, wrapped by one key, the KEK: a local one in
kek.json, in clear or under a passphrase, or one in a key management service.

    afterimage keys show
    afterimage keys protect --new-passphrase-file FILE
    afterimage keys rotate                                   a new local KEK
    afterimage keys rotate --kek aws-kms://arn:aws:kms:…     or one in a service

A passphrase comes from a file, from AFTERIMAGE_KEYS_PASSPHRASE, or from the systemd credential
afterimage-keys-passphrase. Services find their credentials where their own tools do (AWS_…,
GOOGLE_APPLICATION_CREDENTIALS, VAULT_…). All of this may be done while the store runs, and done
again after a crash.`
}

type keysShowCmd struct {
	keyFlags
	format
}

// Run prints what is no secret.
func (c *keysShowCmd) Run(_ context.Context, s streams) error {
	d, err := keyring.Describe(c.Keys)
	if err != nil {
		return err
	}
	opts, err := c.options()
	if err != nil {
		return err
	}
	ring, err := keyring.OpenWith(c.Keys, opts)
	if err != nil {
		return err
	}
	vkey, err := ring.VerifierKey("afterimage.invalid/" + d.Store)
	if err != nil {
		return err
	}
	if c.json() {
		return json.NewEncoder(s.out).Encode(struct {
			Store       string `json:"store"`
			Epoch       uint64 `json:"epoch,string"`
			KEK         string `json:"kek"`
			Protected   bool   `json:"protected"`
			Unfinished  bool   `json:"unfinished"`
			VerifierKey string `json:"verifierKey"`
		}{d.Store, d.Epoch, d.KEK, d.Protected, d.Unfinished, vkey})
	}
	fmt.Fprintf(s.out, "store  %s\nepoch  %d\nkek    %s\nkey    %s\n", d.Store, d.Epoch, kekLine(d), vkey)
	return nil
}

// kekLine says what wraps the keys.
func kekLine(d keyring.Description) string {
	line := d.KEK
	switch {
	case d.KEK != keyring.Local:
	case d.Protected:
		line += ", under a passphrase"
	default:
		line += ", in clear"
	}
	if d.Unfinished {
		line += " (a rotation did not end: do it again)"
	}
	return line
}

// protection says in a few words what the keys are.
func protection(dir string) string {
	d, err := keyring.Describe(dir)
	switch {
	case err != nil || d.KEK == keyring.Local && !d.Protected:
		return "plain files"
	case d.Protected:
		return "files under a passphrase"
	}
	return "files wrapped by " + d.KEK
}

type keysRotateCmd struct {
	KEK string `name:"kek" placeholder:"URI" help:"What wraps the keys from now on: local, aws-kms://…, gcp-kms://… or hcvault://… (default: a new one of the kind they have)."`
	keyFlags
}

// Help implements kong's HelpProvider.
func (keysRotateCmd) Help() string {
	return `Copies of epoch.json made before the rotation open only with the KEK that was given up: a local
one is overwritten and removed, as far as the disk does what it is told. Copies of the whole key
directory open as before: what was forgotten since they were made can be read with them and a copy
of the data from then.

    afterimage keys rotate
    afterimage keys rotate --kek hcvault://vault.internal:8200/transit/keys/afterimage
    afterimage keys rotate --kek local`
}

// Run rotates the KEK.
func (c *keysRotateCmd) Run(_ context.Context, s streams) error {
	opts, err := c.options()
	if err != nil {
		return err
	}
	if err := keyring.Rotate(c.Keys, opts, c.KEK); err != nil {
		return err
	}
	if err := c.report(s); err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.out, "backups from before the rotation open only with the KEK that was given up: take a new backup now")
	return err
}

func (f keyFlags) report(s streams) error {
	d, err := keyring.Describe(f.Keys)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "the keys of store %s are wrapped by: %s\n", d.Store, kekLine(d))
	return nil
}

type keysProtectCmd struct {
	New string `name:"new-passphrase-file" required:"" placeholder:"FILE" help:"A file with the passphrase to be, which nobody else may read."`
	keyFlags
}

// Help implements kong's HelpProvider.
func (keysProtectCmd) Help() string {
	return `The passphrase is stretched with Argon2id. Without it the keys, and all that was recorded, are lost.
A copy of the keys from before is not protected: where one may exist, rotate too. A store that runs
needs a new start, with the passphrase.

    afterimage keys protect --new-passphrase-file FILE
    afterimage keys protect --keys-passphrase-file OLD --new-passphrase-file NEW`
}

// Run protects.
func (c *keysProtectCmd) Run(_ context.Context, s streams) error {
	opts, err := c.options()
	if err != nil {
		return err
	}
	passphrase, err := keyring.Passphrase(c.New)
	if err != nil {
		return usage("--new-passphrase-file: %w", err)
	}
	if err := keyring.SetPassphrase(c.Keys, opts.Passphrase, passphrase); err != nil {
		return err
	}
	return c.report(s)
}

type keysUnprotectCmd struct {
	keyFlags
}

// Run takes the passphrase away.
func (c *keysUnprotectCmd) Run(_ context.Context, s streams) error {
	opts, err := c.options()
	if err != nil {
		return err
	}
	if err := keyring.SetPassphrase(c.Keys, opts.Passphrase, nil); err != nil {
		return err
	}
	return c.report(s)
}
