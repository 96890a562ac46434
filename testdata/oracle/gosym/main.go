// Gosym prints what Go's own reader (debug/gosym) finds in the function table of a binary that need not have symbols.
//
// Usage: gosym BINARY. Lines are separated by tabs:
//
//	F entry end name
//	L pc file line
package main

import (
	"bufio"
	"bytes"
	"debug/elf"
	"debug/gosym"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gosym BINARY")
		os.Exit(2)
	}
	if err := dump(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "gosym:", err)
		os.Exit(1)
	}
}

func dump(path string) error {
	file, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	data, address, err := lineTable(file)
	if err != nil {
		return err
	}
	base, err := textBase(file, data, address)
	if err != nil {
		return err
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(data, base))
	if err != nil {
		return err
	}
	if len(table.Funcs) == 0 {
		return errors.New("debug/gosym reads no function from this table")
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for i := range table.Funcs {
		f := &table.Funcs[i]
		fmt.Fprintf(out, "F\t%d\t%d\t%s\n", f.Entry, f.End, f.Name)
		step := (f.End - f.Entry) / 4 &^ 3
		if step == 0 {
			step = 4
		}
		for pc := f.Entry; pc < f.End; pc += step {
			if name, line, fn := table.PCToLine(pc); fn != nil && line > 0 {
				fmt.Fprintf(out, "L\t%d\t%s\t%d\n", pc, name, line)
			}
		}
	}
	return nil
}

// lineTable finds the table: by its section, else by its magic in the relocated data, where the C linker puts it.
func lineTable(file *elf.File) ([]byte, uint64, error) {
	for _, name := range []string{".gopclntab", ".data.rel.ro.gopclntab"} {
		if section := file.Section(name); section != nil {
			data, err := section.Data()
			return data, section.Addr, err
		}
	}
	section := file.Section(".data.rel.ro")
	if section == nil {
		return nil, 0, errors.New("no section holds a function table")
	}
	data, err := section.Data()
	if err != nil {
		return nil, 0, err
	}
	for _, magic := range []uint32{0xfffffff1, 0xfffffff0, 0xfffffffa} {
		start := binary.LittleEndian.AppendUint32(nil, magic)
		for from := 0; ; {
			at := bytes.Index(data[from:], start)
			if at < 0 {
				break
			}
			at += from
			// Two zeros, the quantum and the size of a pointer follow.
			if at+8 <= len(data) && data[at+4] == 0 && data[at+5] == 0 && data[at+7] == 8 {
				return data[at:], section.Addr + uint64(at), nil
			}
			from = at + 4
		}
	}
	return nil, 0, errors.New("no function table in .data.rel.ro")
}

// textBase is what entries are relative to: the header has it up to Go 1.25, in a PIE by a relocation.
func textBase(file *elf.File, data []byte, address uint64) (uint64, error) {
	text := file.Section(".text")
	if text == nil {
		return 0, errors.New("no .text section")
	}
	if magic := binary.LittleEndian.Uint32(data); magic == 0xfffffffa || len(data) < 32 {
		return text.Addr, nil
	}
	if start := binary.LittleEndian.Uint64(data[24:]); start != 0 {
		return start, nil
	}
	if relocations := file.Section(".rela.dyn"); relocations != nil {
		entries, err := relocations.Data()
		if err != nil {
			return 0, err
		}
		for ; len(entries) >= 24; entries = entries[24:] {
			if binary.LittleEndian.Uint64(entries) == address+24 {
				return binary.LittleEndian.Uint64(entries[16:]), nil
			}
		}
	}
	return text.Addr, nil
}
