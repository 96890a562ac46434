//go:build cgo && linux

package signals

import (
	"testing"

	"hotgate/goprobe/internal/cfaults"
)

func TestHandlersOfCAreFound(t *testing.T) {
	if got := FindHandlers(); !got.Known || len(got.Rows) != 0 {
		t.Fatalf("before: %+v", got)
	}
	if !cfaults.Handle() {
		t.Fatal("no handler")
	}
	defer cfaults.Unhandle()
	got := FindHandlers()
	if len(got.Rows) != 1 || got.Rows[0].Signal != "SIGUSR1" || got.Rows[0].Module == "" {
		t.Errorf("%+v", got)
	}
}
