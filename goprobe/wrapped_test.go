//go:build linux

package goprobe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate writes cert.pem and key.pem for 127.0.0.1, and gives what trusts them.
func certificate(t *testing.T, folder string) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: cert}, "key.pem": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// What the service wraps around its listener does not keep the probe from pausing it: every order that was answered
// comes over.
func TestWrappedListenersLoseNothing(t *testing.T) {
	for _, wrap := range []string{"tls", "tls listener", "limit"} {
		wrap := wrap
		t.Run(wrap, func(t *testing.T) {
			if wrap != "tls listener" {
				skipShort(t)
			}
			t.Parallel()
			folder := t.TempDir()
			secure := certificate(t, folder)
			s := startService(t, "GOPROBE_TEST_WRAP="+wrap, "GOPROBE_TEST_TLS="+folder)
			if wrap != "limit" {
				s.secure = secure
			}
			l := s.load(12)
			for generation := 2; generation <= 3; generation++ {
				time.Sleep(300 * time.Millisecond)
				s.upgrade()
				if address := s.ready(generation); address != s.address {
					t.Fatalf("listens on %s, not on %s", address, s.address)
				}
			}
			time.Sleep(300 * time.Millisecond)
			sent, failed := l.stop()
			if failed != 0 || sent < 200 {
				t.Errorf("%d of %d requests failed", failed, sent)
			}
			transport := &http.Transport{TLSClientConfig: s.secure.Clone()}
			defer transport.CloseIdleConnections()
			client := &http.Client{Transport: transport}
			response, err := client.Get(s.url("/orders"))
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			var n int64
			if _, err := fmt.Fscan(response.Body, &n); err != nil || n != sent+1 {
				t.Errorf("%d orders are counted, %d were taken (%v)", n, sent+1, err)
			}
		})
	}
}

// A socket that nobody hands over is no ground for an upgrade that promises to lose nothing.
func TestAForeignListenerRefusesTheUpgrade(t *testing.T) {
	s := startService(t, "GOPROBE_TEST_WRAP=foreign")
	eventually(t, "it serves", func() bool { return s.order(http.DefaultClient) == nil })
	s.upgrade()
	if said := s.line("upgrade:"); !strings.Contains(said, "listens on "+s.address+" without the probe") {
		t.Error(said)
	}
	update := s.status().Update
	if update.State != stateFailed || len(update.Refused) != 1 || update.Refused[0].Code != ReasonDrain {
		t.Errorf("%+v", update)
	}
}

// The probe's own port answers while the service's listeners are paused.
func TestTheEndpointsAnswerDuringTheDrain(t *testing.T) {
	p := start(t, quiet)
	address, err := p.ServeEndpoints("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.listeners.pause()
	late, err := p.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	get(t, "http://"+address.String()+status, 200, nil)
	accepted := make(chan error, 1)
	go func() {
		conn, err := late.Accept()
		if err == nil {
			conn.Close()
		}
		accepted <- err
	}()
	conn, err := net.Dial("tcp", late.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	select {
	case err := <-accepted:
		t.Errorf("a listener that was opened meanwhile accepts: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	p.listeners.unpause()
	if err := <-accepted; err != nil {
		t.Error(err)
	}
}
