package keyring

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// TestMain has this process trust the certificate of httptest's servers, as an
// operator would with one of their own.
func TestMain(m *testing.M) {
	s := httptest.NewTLSServer(nil)
	file := filepath.Join(os.TempDir(), fmt.Sprintf("afterimage-test-ca-%d.pem", os.Getpid()))
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	s.Close()
	if err := errors.Join(os.WriteFile(file, ca, 0o600), os.Setenv("SSL_CERT_FILE", file)); err != nil {
		log.Fatal(err)
	}
	code := m.Run()
	if err := os.Remove(file); err != nil {
		log.Fatal(err)
	}
	os.Exit(code)
}

// keys is what the fake services have behind their protocols: named keys that
// truly encrypt, and a note of every call.
type keys struct {
	mu    sync.Mutex
	named map[string]tink.AEAD
	calls []string // operation, key, use
	down  bool
}

func (k *keys) do(t *testing.T, op, name string, text, use []byte) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.down {
		return nil, errors.New("out of order")
	}
	k.calls = append(k.calls, op+" "+name+" "+string(use))
	a := k.named[name]
	if a == nil {
		handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
		if err != nil {
			t.Error(err)
		}
		if a, err = aead.New(handle); err != nil {
			t.Error(err)
		}
		if k.named == nil {
			k.named = make(map[string]tink.AEAD)
		}
		k.named[name] = a
	}
	if op == "encrypt" {
		return a.Encrypt(text, use)
	}
	return a.Decrypt(text, use)
}

// startAWS is AWS KMS as far as Encrypt and Decrypt go: the JSON 1.1 protocol,
// signed requests, encryption contexts, and ciphertexts that name their key.
func startAWS(t *testing.T) string {
	uri, _ := awsFake(t)
	return uri
}

func awsFake(t *testing.T) (uri string, k *keys) {
	t.Helper()
	k = new(keys)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		auth := r.Header.Get("Authorization")
		if r.Header.Get("Content-Type") != "application/x-amz-json-1.1" || !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential=AKIDTEST/") || !strings.Contains(auth, "/eu-central-1/kms/aws4_request") {
			t.Errorf("not a signed JSON 1.1 request: %v", r.Header)
		}
		var request struct {
			KeyID                     string `json:"KeyId"`
			Plaintext, CiphertextBlob []byte
			EncryptionContext         map[string]string
		}
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			t.Error(err)
		}
		use, err := hex.DecodeString(request.EncryptionContext["associatedData"])
		if err != nil || len(request.EncryptionContext) != 1 {
			t.Errorf("encryption context %v: %v", request.EncryptionContext, err)
		}
		answer, bad := map[string]any{"KeyId": request.KeyID}, ""
		switch target := r.Header.Get("X-Amz-Target"); target {
		case "TrentService.Encrypt":
			b, err := k.do(t, "encrypt", request.KeyID, request.Plaintext, use)
			if err != nil {
				bad = "KMSInternalException"
			}
			answer["CiphertextBlob"] = append([]byte(request.KeyID+"\n"), b...)
		case "TrentService.Decrypt":
			name, b, _ := bytes.Cut(request.CiphertextBlob, []byte("\n"))
			if string(name) != request.KeyID {
				bad = "IncorrectKeyException"
				break
			}
			if answer["Plaintext"], err = k.do(t, "decrypt", request.KeyID, b, use); err != nil {
				bad = "InvalidCiphertextException"
			}
		default:
			t.Errorf("target %q", target)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if bad != "" {
			w.WriteHeader(http.StatusBadRequest)
			answer = map[string]any{"__type": bad, "message": "no"}
		}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_KMS": s.URL, "AWS_ACCESS_KEY_ID": "AKIDTEST", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_PROFILE": "",
		"AWS_MAX_ATTEMPTS": "2",
	} {
		t.Setenv(name, value)
	}
	return "aws-kms://arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", k
}

// vaultFake is the transit engine of Vault over TLS.
func vaultFake(t *testing.T) (uri string, k *keys) {
	t.Helper()
	k = new(keys)
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		op, name, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/transit/"), "/")
		if !ok || r.Header.Get("X-Vault-Token") != "s.token" || (r.Method != http.MethodPut && r.Method != http.MethodPost) {
			t.Errorf("%s %s with token %q", r.Method, r.URL.Path, r.Header.Get("X-Vault-Token"))
		}
		var request struct {
			Plaintext      []byte `json:"plaintext"`
			Ciphertext     string `json:"ciphertext"`
			AssociatedData []byte `json:"associated_data"`
		}
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			t.Error(err)
		}
		var data map[string]string
		var err error
		var b []byte
		switch op {
		case "encrypt":
			b, err = k.do(t, op, name, request.Plaintext, request.AssociatedData)
			data = map[string]string{"ciphertext": "vault:v1:" + base64.StdEncoding.EncodeToString(b)}
		case "decrypt":
			sealed, e := base64.StdEncoding.DecodeString(strings.TrimPrefix(request.Ciphertext, "vault:v1:"))
			b, err = k.do(t, op, name, sealed, request.AssociatedData)
			err = errors.Join(err, e)
			data = map[string]string{"plaintext": base64.StdEncoding.EncodeToString(b)}
		}
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintln(w, `{"errors":["cipher: message authentication failed"]}`)
			return
		}
		if err := json.NewEncoder(w).Encode(map[string]any{"data": data}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	t.Setenv("VAULT_TOKEN", "s.token")
	t.Setenv("VAULT_ADDR", "https://127.0.0.1:1") // the URI wins
	return strings.Replace(s.URL, "https://", "hcvault://", 1) + "/transit/keys/afterimage", k
}

// googleFake is Cloud KMS over gRPC and TLS, with a service account's token.
type googleFake struct {
	kmspb.UnimplementedKeyManagementServiceServer
	t    *testing.T
	keys keys
}

func crc(b []byte) int64 { return int64(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))) }

func (g *googleFake) authorised(ctx context.Context) {
	md, _ := metadata.FromIncomingContext(ctx)
	if auth := md.Get("authorization"); len(auth) != 1 || !strings.HasPrefix(auth[0], "Bearer ") {
		g.t.Errorf("authorization %q", auth)
	}
}

// Encrypt implements kmspb.KeyManagementServiceServer.
func (g *googleFake) Encrypt(ctx context.Context, r *kmspb.EncryptRequest) (*kmspb.EncryptResponse, error) {
	g.authorised(ctx)
	if r.PlaintextCrc32C.GetValue() != crc(r.Plaintext) || r.AdditionalAuthenticatedDataCrc32C.GetValue() != crc(r.AdditionalAuthenticatedData) {
		return nil, status.Error(codes.InvalidArgument, "checksum")
	}
	b, err := g.keys.do(g.t, "encrypt", r.Name, r.Plaintext, r.AdditionalAuthenticatedData)
	if err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return &kmspb.EncryptResponse{Name: r.Name + "/cryptoKeyVersions/1", Ciphertext: b, CiphertextCrc32C: wrapperspb.Int64(crc(b)),
		VerifiedPlaintextCrc32C: true, VerifiedAdditionalAuthenticatedDataCrc32C: true}, nil
}

// Decrypt implements kmspb.KeyManagementServiceServer.
func (g *googleFake) Decrypt(ctx context.Context, r *kmspb.DecryptRequest) (*kmspb.DecryptResponse, error) {
	g.authorised(ctx)
	b, err := g.keys.do(g.t, "decrypt", r.Name, r.Ciphertext, r.AdditionalAuthenticatedData)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "Decryption failed")
	}
	return &kmspb.DecryptResponse{Plaintext: b, PlaintextCrc32C: wrapperspb.Int64(crc(b))}, nil
}

func startGoogle(t *testing.T) (uri, endpoint string, k *keys) {
	t.Helper()
	tokens := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintln(w, `{"access_token":"ya29.token","token_type":"Bearer","expires_in":3600}`)
	}))
	t.Cleanup(tokens.Close)
	g := &googleFake{t: t}
	s := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&tokens.TLS.Certificates[0])))
	kmspb.RegisterKeyManagementServiceServer(s, g)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() { s.Stop(); serving.Wait() })
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "p", "private_key_id": "1", "client_email": "store@p.iam.gserviceaccount.com", "client_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), "token_uri": tokens.URL,
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "account.json")
	if err := os.WriteFile(file, account, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file)
	return "gcp-kms://projects/p/locations/europe-west3/keyRings/afterimage/cryptoKeys/kek", l.Addr().String(), &g.keys
}

// services starts every kind of service, each under its name.
func services(t *testing.T) map[string]struct {
	opts Options
	name string
	keys *keys
} {
	t.Helper()
	aws, awsKeys := awsFake(t)
	vault, vaultKeys := vaultFake(t)
	google, endpoint, googleKeys := startGoogle(t)
	return map[string]struct {
		opts Options
		name string
		keys *keys
	}{
		"aws":    {Options{KEK: aws}, strings.TrimPrefix(aws, "aws-kms://"), awsKeys},
		"vault":  {Options{KEK: vault}, "afterimage", vaultKeys},
		"google": {Options{KEK: google, GCPEndpoint: endpoint}, strings.TrimPrefix(google, "gcp-kms://"), googleKeys},
	}
}

// Keys wrapped by a service open only with it; the service sees what each is
// for; the files name it, so that a later start finds it.
func TestKMS(t *testing.T) {
	for name, s := range services(t) {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "keys")
			r, err := CreateWith(dir, s.opts)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(kekPath(dir)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("there is a local KEK: %v", err)
			}
			found := s.opts
			found.KEK = "" // the one on record
			sameKeys(t, r, found)
			sameKeys(t, r, s.opts)
			for _, use := range []string{"afterimage/epoch/" + r.Store().String() + "/1", "afterimage/signing/" + r.Store().String()} {
				for _, op := range []string{"encrypt ", "decrypt "} {
					if want := op + s.name + " " + use; !slices.Contains(s.keys.calls, want) {
						t.Errorf("the service was not asked to %s, but %q", want, s.keys.calls)
					}
				}
			}
			if d, err := Describe(dir); err != nil || d.KEK != s.opts.KEK || d.Unfinished || d.Protected {
				t.Errorf("described as %+v, %v", d, err)
			}

			// Another KEK than the one on record, and another use of what is wrapped.
			for _, kek := range []string{Local, s.opts.KEK + "x"} {
				other := s.opts
				other.KEK = kek
				if _, err := OpenWith(dir, other); !errors.Is(err, ErrWrongKeys) || !strings.Contains(err.Error(), "keys rotate") {
					t.Errorf("with %s: %v, want ErrWrongKeys and what to do", kek, err)
				}
			}
			another, err := CreateWith(filepath.Join(t.TempDir(), "keys"), s.opts)
			if err != nil {
				t.Fatal(err)
			}
			foreign := bytes.ReplaceAll(read(t, another.Dir(), epochFile), []byte(another.Store().String()), []byte(r.Store().String()))
			write(t, dir, epochFile, foreign)
			if _, err := OpenWith(dir, s.opts); !errors.Is(err, ErrKMS) {
				t.Errorf("with another store's keyset: %v, want ErrKMS", err)
			}
		})
	}
}

// A service that is down, or nowhere, is a clear error within its time, and
// nothing is made or changed.
func TestKMSDown(t *testing.T) {
	all := services(t)
	for name, s := range all {
		t.Run(name, func(t *testing.T) {
			r, err := CreateWith(filepath.Join(t.TempDir(), "keys"), s.opts)
			if err != nil {
				t.Fatal(err)
			}
			before := files(t, r.Dir())
			local := create(t)
			localBefore := files(t, local.Dir())
			s.keys.down = true
			start := time.Now()
			for what, try := range map[string]func() error{
				"open":      func() error { _, err := OpenWith(r.Dir(), s.opts); return err },
				"rotate":    func() error { return Rotate(r.Dir(), s.opts, Local) },
				"rotate to": func() error { return Rotate(local.Dir(), Options{GCPEndpoint: s.opts.GCPEndpoint}, s.opts.KEK) },
				"create": func() error {
					dir := filepath.Join(t.TempDir(), "a", "keys")
					_, err := CreateWith(dir, s.opts)
					if _, there := os.Stat(filepath.Dir(dir)); !errors.Is(there, fs.ErrNotExist) {
						t.Errorf("create left %s", dir)
					}
					return err
				},
			} {
				if err := try(); !errors.Is(err, ErrKMS) || !strings.Contains(err.Error(), s.opts.KEK) {
					t.Errorf("%s: %v, want ErrKMS and which", what, err)
				}
			}
			if took := time.Since(start); took > 8*kmsTimeout {
				t.Errorf("took %v", took)
			}
			if !maps.Equal(files(t, r.Dir()), before) || !maps.Equal(files(t, local.Dir()), localBefore) {
				t.Error("files changed")
			}
		})
	}
	for _, uri := range []string{"aws-kms://not-an-arn", "hcvault://127.0.0.1:1/transit/keys/x", "hcvault://127.0.0.1:1/x", "file:///x", "aws-kms", "ftp://x"} {
		dir := filepath.Join(t.TempDir(), "keys")
		if _, err := CreateWith(dir, Options{KEK: uri}); err == nil {
			t.Errorf("%s: keys were made", uri)
		}
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: left %s", uri, dir)
		}
	}
}

// files are the files in a directory, the lock left out.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, e := range entries {
		if e.Name() != lockFile && !e.IsDir() {
			all[e.Name()] = string(read(t, dir, e.Name()))
		}
	}
	return all
}
