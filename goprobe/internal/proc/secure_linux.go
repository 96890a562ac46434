package proc

import (
	"encoding/binary"
	"unsafe"

	"hotgate/goprobe/internal/bounds"
)

const (
	auxvFile = "/proc/self/auxv"
	maxAuxv  = 64 << 10
	atNull   = 0  // AT_NULL, include/uapi/linux/auxvec.h
	atSecure = 23 // AT_SECURE
)

// MoreTrusted tells whether this program may do more than its caller, by set-id bits or file capabilities. What
// cannot be read is taken for so.
func MoreTrusted() bool {
	auxv, err := bounds.ReadFile(auxvFile, maxAuxv)
	if err != nil {
		return true
	}
	return secureIn(auxv)
}

// secureIn reads AT_SECURE out of an auxiliary vector: pairs of words, a type and a value; see getauxval(3).
func secureIn(auxv []byte) bool {
	const word = int(unsafe.Sizeof(uintptr(0)))
	one := uint16(1)
	order := binary.ByteOrder(binary.BigEndian)
	if *(*byte)(unsafe.Pointer(&one)) == 1 {
		order = binary.LittleEndian
	}
	read := func(at int) uint64 {
		if word == 4 {
			return uint64(order.Uint32(auxv[at:]))
		}
		return order.Uint64(auxv[at:])
	}
	for at := 0; at+2*word <= len(auxv); at += 2 * word {
		switch read(at) {
		case atSecure:
			return read(at+word) != 0
		case atNull:
			return true
		}
	}
	return true
}
