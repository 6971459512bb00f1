// Package witnesstest has what tests need of the world outside: a time-stamp
// authority that runs in the process, by a library that others use for real
// ones.
package witnesstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/digitorus/timestamp"
)

// An Authority time-stamps whatever it is sent, RFC 3161.
type Authority struct {
	URL  string
	Root []byte // its root certificate, in PEM

	// Change alters a time-stamp before it is signed; nil: it does not.
	Change func(*timestamp.Timestamp)

	cert *x509.Certificate
	key  crypto.Signer
}

// NewAuthority starts an authority, which ends with the test.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := new(Authority)
	root, rootKey := certificate(t, "A Root", nil, nil)
	a.cert, a.key = certificate(t, "An Authority", root, rootKey)
	a.Root = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})
	web := httptest.NewServer(http.HandlerFunc(a.serve))
	t.Cleanup(web.Close)
	a.URL = web.URL
	return a
}

// certificate makes a certificate for time-stamps, or, without a parent, one
// that signs others.
func certificate(t testing.TB, name string, parent *x509.Certificate, by crypto.Signer) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), //nolint:forbidigo // Of a test.
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	if parent == nil {
		parent, by = template, key
	} else {
		usages, err := asn1.Marshal([]asn1.ObjectIdentifier{{1, 3, 6, 1, 5, 5, 7, 3, 8}}) // RFC 3161 §2.3: time-stamping, critical
		if err != nil {
			t.Fatal(err)
		}
		template.SerialNumber, template.IsCA, template.KeyUsage = big.NewInt(2), false, x509.KeyUsageDigitalSignature
		template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 37}, Critical: true, Value: usages}}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

func (a *Authority) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	asked, err := timestamp.ParseRequest(body)
	if err != nil || r.Header.Get("Content-Type") != "application/timestamp-query" {
		http.Error(w, "not a time-stamp request", http.StatusBadRequest)
		return
	}
	stamp := &timestamp.Timestamp{
		HashAlgorithm: asked.HashAlgorithm, HashedMessage: asked.HashedMessage, Nonce: asked.Nonce,
		Policy: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 4146, 2, 3}, Time: time.Now().UTC(), //nolint:forbidigo // Of a test.
		AddTSACertificate: asked.Certificates,
	}
	if a.Change != nil {
		a.Change(stamp)
	}
	answer, err := stamp.CreateResponseWithOpts(a.cert, a.key, crypto.SHA256)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/timestamp-reply")
	_, _ = w.Write(answer)
}
