package image

import (
	"bytes"
	"debug/elf"
	"io"
	"reflect"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// MarkFlag is the address of the runtime's writeBarrier.enabled (runtime/mgc.go), which is 1 exactly while the collector
// marks. The runtime has no call for it and, since Go 1.23, does not let others link against it, so the running image's
// symbol table tells the address; without one it is not known.
type MarkFlag struct{ address uintptr }

const markSymbol = "runtime.writeBarrier"

// Marking tells whether the collector marks right now, if that is known.
func (f *MarkFlag) Marking() (marking, known bool) {
	if f == nil {
		return false, false
	}
	// The address is a variable of the runtime, not an object of the heap: no pointer arithmetic is hidden from the collector.
	at := *(*unsafe.Pointer)(unsafe.Pointer(&f.address))
	return atomic.LoadUint32((*uint32)(at)) != 0, true
}

// FindMarkFlag goes through the symbols once, in pieces, so that a large table costs no memory.
func FindMarkFlag() *MarkFlag {
	file, err := elf.Open(running)
	if err != nil || file.Class != elf.ELFCLASS64 {
		return nil
	}
	defer file.Close()
	symbols := file.SectionByType(elf.SHT_SYMTAB)
	if symbols == nil || int(symbols.Link) >= len(file.Sections) || symbols.Flags&elf.SHF_COMPRESSED != 0 {
		return nil
	}
	names := file.Sections[symbols.Link]
	anchor := reflect.ValueOf(FindMarkFlag).Pointer()
	anchorName := runtime.FuncForPC(anchor).Name()
	wanted := findNames(names.Open(), markSymbol, anchorName)
	var flag, here uint64
	reader := symbols.Open()
	piece := make([]byte, 24<<10)
	for {
		n, err := io.ReadFull(reader, piece)
		for entry := piece[:n-n%24]; len(entry) > 0; entry = entry[24:] {
			name := wanted[uint64(file.ByteOrder.Uint32(entry))]
			size := file.ByteOrder.Uint64(entry[16:])
			switch {
			case name == markSymbol && entry[4]&0xf == byte(elf.STT_OBJECT) && size >= 4:
				flag = file.ByteOrder.Uint64(entry[8:])
			case name == anchorName && entry[4]&0xf == byte(elf.STT_FUNC):
				here = file.ByteOrder.Uint64(entry[8:])
			}
		}
		if err != nil {
			break
		}
	}
	if flag == 0 || here == 0 || flag%4 != 0 {
		return nil
	}
	address := uintptr(flag + uint64(anchor) - here) // moved together, where the image was loaded elsewhere
	if !inWritableData(file, flag) {
		return nil
	}
	return &MarkFlag{address}
}

// findNames gives the offsets in a string table at which one of the names stands.
func findNames(table io.Reader, names ...string) map[uint64]string {
	found := map[uint64]string{}
	const overlap = 512 // longer than any name that is looked for
	buffer := make([]byte, 0, 64<<10)
	base := uint64(0)
	for {
		n, err := io.ReadFull(table, buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		for _, name := range names {
			needle := append([]byte(name), 0)
			for at := 0; ; {
				i := bytes.Index(buffer[at:], needle)
				if i < 0 {
					break
				}
				found[base+uint64(at+i)] = name
				at += i + 1
			}
		}
		if err != nil {
			return found
		}
		keep := len(buffer) - overlap
		base += uint64(keep)
		buffer = buffer[:copy(buffer[:cap(buffer)], buffer[keep:])]
	}
}

// inWritableData tells whether the symbol lies in a segment that the image maps writable.
func inWritableData(file *elf.File, value uint64) bool {
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_LOAD && segment.Flags&elf.PF_W != 0 && value >= segment.Vaddr &&
			value+4 <= segment.Vaddr+segment.Memsz {
			return true
		}
	}
	return false
}
