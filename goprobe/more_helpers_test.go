package goprobe

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"testing"
)

func fetch(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return string(body)
}

func sscan(text string, into ...any) (int, error) { return fmt.Sscan(text, into...) }

func execCommand(name string, arguments ...string) *exec.Cmd { return exec.Command(name, arguments...) }

func listenTCP(t *testing.T) *net.TCPListener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener.(*net.TCPListener)
}
