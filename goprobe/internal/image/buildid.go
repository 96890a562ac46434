// Package image reads the file of the running image, which may have been deleted or replaced on disk.
package image

import (
	"debug/elf"
	"encoding/hex"
	"io"

	"hotgate/goprobe/internal/bounds"
)

// Note types of the two build ids: Go's (cmd/internal/buildid, note.go) and binutils' NT_GNU_BUILD_ID.
const (
	goBuildIDNote  = 4
	gnuBuildIDNote = 3
	maxNotes       = 64 << 10
)

// BuildIDs reads the build ids of the running image, which may have been deleted or replaced on disk; "" where it has none.
func BuildIDs() (goID, gnuID string) {
	file, err := elf.Open(running)
	if err != nil {
		return "", ""
	}
	defer file.Close()
	for _, segment := range file.Progs {
		if segment.Type != elf.PT_NOTE || segment.Filesz > maxNotes {
			continue
		}
		data, err := io.ReadAll(segment.Open())
		if err != nil {
			continue
		}
		for len(data) >= 12 {
			order := file.ByteOrder
			nameSize, descSize, kind := order.Uint32(data), order.Uint32(data[4:]), order.Uint32(data[8:])
			data = data[12:]
			nameEnd, descEnd := uint64(nameSize+3)&^3, uint64(descSize+3)&^3
			if nameEnd+descEnd > uint64(len(data)) || uint64(nameSize) > nameEnd || uint64(descSize) > descEnd {
				break
			}
			name, desc := string(data[:nameSize]), data[nameEnd:nameEnd+uint64(descSize)]
			switch {
			case name == "Go\x00\x00" && kind == goBuildIDNote:
				goID = string(desc)
			case name == "GNU\x00" && kind == gnuBuildIDNote:
				gnuID = hex.EncodeToString(desc)
			}
			data = data[nameEnd+descEnd:]
		}
	}
	return bounds.Cut(goID), bounds.Cut(gnuID)
}
