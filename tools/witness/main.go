// Witness is what others wrote of C2SP tlog-witness, for tests: the witness of
// transparency-dev, and their client of one, with Tessera's client of a log.
//
//	witness serve ADDRESS NAME LOG-VKEY   cosigns the log; prints its verifier key
//	witness ask WITNESS-URL WITNESS-VKEY LOG-URL LOG-VKEY OLD-SIZE
//
// The second asks a witness that has seen OLD-SIZE to cosign the log's newest
// checkpoint, checks what it answers, and prints the size.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"time"

	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/tessera/client"
	witnessclient "github.com/transparency-dev/witness/client/http"
	"github.com/transparency-dev/witness/config"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch args := os.Args[1:]; {
	case len(args) == 4 && args[0] == "serve":
		err = serve(ctx, args[1], args[2], args[3])
	case len(args) == 6 && args[0] == "ask":
		err = ask(ctx, args[1], args[2], args[3], args[4], args[5])
	default:
		err = errors.New("want serve or ask, see the source")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "witness:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, address, name, logKey string) error {
	verifier, err := note.NewVerifier(logKey)
	if err != nil {
		return err
	}
	private, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return err
	}
	signer, err := fnote.NewSignerForCosignatureV1(private)
	if err != nil {
		return err
	}
	vkey, err := fnote.VKeyToCosignatureV1(public)
	if err != nil {
		return err
	}
	seen := inmemory.New()
	if err := seen.AddLogs(ctx, []config.Log{{VKey: logKey, Verifier: verifier, Origin: verifier.Name()}}); err != nil {
		return err
	}
	w, err := witness.New(ctx, witness.Opts{
		Persistence: seen,
		Signers:     []note.Signer{signer},
		VerifierForLog: func(_ context.Context, origin string) (note.Verifier, bool, error) {
			return verifier, origin == verifier.Name(), nil
		},
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add-checkpoint", witness.NewHTTPHandler(w).AddCheckpoint)
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	fmt.Println(vkey)
	server := &http.Server{Handler: mux, ReadTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func ask(ctx context.Context, witnessURL, witnessKey, logURL, logKey, oldSize string) error {
	old, err := strconv.ParseUint(oldSize, 10, 64)
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(logKey)
	if err != nil {
		return err
	}
	cosigner, err := fnote.NewVerifierForCosignatureV1(witnessKey)
	if err != nil {
		return err
	}
	root, err := url.Parse(logURL)
	if err != nil {
		return err
	}
	log, err := client.NewHTTPFetcher(root, nil)
	if err != nil {
		return err
	}
	checkpoint, raw, _, err := client.FetchCheckpoint(ctx, log.ReadCheckpoint, verifier, verifier.Name())
	if err != nil {
		return err
	}
	var proof [][]byte
	if old > 0 {
		builder, err := client.NewProofBuilder(ctx, checkpoint.Size, log.ReadTile)
		if err != nil {
			return err
		}
		if proof, err = builder.ConsistencyProof(ctx, old, checkpoint.Size); err != nil {
			return err
		}
	}
	to, err := url.Parse(witnessURL)
	if err != nil {
		return err
	}
	lines, size, err := witnessclient.NewWitness(to, http.DefaultClient).Update(ctx, old, raw, proof)
	if err != nil {
		return fmt.Errorf("%w (it has seen %d)", err, size)
	}
	if _, err := note.Open(append(raw, lines...), note.VerifierList(cosigner)); err != nil {
		return fmt.Errorf("cosignature: %w", err)
	}
	fmt.Println(checkpoint.Size)
	return nil
}
