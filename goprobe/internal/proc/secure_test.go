//go:build linux

package proc

import (
	"testing"
	"unsafe"
)

func words(values ...uintptr) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), len(values)*int(unsafe.Sizeof(uintptr(0))))
}

func TestTheAuxiliaryVectorTellsOfSetID(t *testing.T) {
	for name, c := range map[string]struct {
		auxv []byte
		want bool
	}{
		"plain":     {words(6, 4096, atSecure, 0, atNull, 0), false},
		"secure":    {words(6, 4096, atSecure, 1, atNull, 0), true},
		"a value":   {words(6, atSecure, atSecure, 0, atNull, 0), false},
		"missing":   {words(6, 4096, atNull, 0, atSecure, 0), true},
		"no end":    {words(6, 4096), true},
		"cut off":   {words(atSecure, 0)[:unsafe.Sizeof(uintptr(0))+1], true},
		"no vector": {nil, true},
	} {
		if got := secureIn(c.auxv); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if MoreTrusted() {
		t.Error("this test has set-id bits")
	}
}
