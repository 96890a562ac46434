// Command types prints what reflect says of its own types, as JSON: an oracle for readers of type descriptors.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"unsafe"

	"example.com/types/native"
	"example.com/types/shapes"
)

type member struct {
	Name, Type, Tag, Package string
	Offset                   uintptr
	Embedded                 bool
}

type described struct {
	Name, String, Kind, Package, Elem, Key string
	Size, PtrData                          uintptr
	Hash                                   uint32
	Align, FieldAlign, Length, Direction   int
	Named, Variadic                        bool
	In, Out                                []string
	Fields, Methods                        []member
}

// full is the name with import paths written out.
func full(t reflect.Type) string {
	if t.Name() != "" {
		if t.PkgPath() == "" {
			return t.Name()
		}
		return t.PkgPath() + "." + t.Name()
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + full(t.Elem())
	case reflect.Slice:
		return "[]" + full(t.Elem())
	case reflect.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), full(t.Elem()))
	case reflect.Map:
		return fmt.Sprintf("map[%s]%s", full(t.Key()), full(t.Elem()))
	case reflect.Chan:
		elem := full(t.Elem())
		if t.ChanDir() != reflect.RecvDir && strings.HasPrefix(elem, "<-") {
			elem = "(" + elem + ")"
		}
		return t.ChanDir().String() + " " + elem
	case reflect.Func:
		return "func" + signature(t)
	case reflect.Struct:
		var parts []string
		for i := 0; i < t.NumField(); i++ {
			f := t.Field(i)
			part := full(f.Type)
			if !f.Anonymous {
				part = f.Name + " " + part
			}
			if f.Tag != "" {
				part += fmt.Sprintf(" %q", string(f.Tag))
			}
			parts = append(parts, part)
		}
		if parts == nil {
			return "struct {}"
		}
		return "struct { " + strings.Join(parts, "; ") + " }"
	case reflect.Interface:
		var parts []string
		for i := 0; i < t.NumMethod(); i++ {
			m := t.Method(i)
			name := m.Name
			if m.PkgPath != "" {
				name = m.PkgPath + "." + name
			}
			parts = append(parts, name+signature(m.Type))
		}
		if parts == nil {
			return "interface {}"
		}
		return "interface { " + strings.Join(parts, "; ") + " }"
	}
	panic(t.String())
}

func signature(t reflect.Type) string {
	var in, out []string
	for i := 0; i < t.NumIn(); i++ {
		name := full(t.In(i))
		if t.IsVariadic() && i == t.NumIn()-1 {
			name = "..." + strings.TrimPrefix(name, "[]")
		}
		in = append(in, name)
	}
	for i := 0; i < t.NumOut(); i++ {
		out = append(out, full(t.Out(i)))
	}
	text := "(" + strings.Join(in, ", ") + ")"
	switch len(out) {
	case 0:
		return text
	case 1:
		return text + " " + out[0]
	}
	return text + " (" + strings.Join(out, ", ") + ")"
}

type printer struct {
	seen map[reflect.Type]bool
	out  []described
}

func (p *printer) add(t reflect.Type) {
	if p.seen[t] {
		return
	}
	p.seen[t] = true
	// The words of an abi.Type: reflect does not tell the pointer bytes and the hash.
	words := (*[3]uintptr)((*[2]unsafe.Pointer)(unsafe.Pointer(&t))[1])
	d := described{
		Name: full(t), String: t.String(), Kind: t.Kind().String(), Package: t.PkgPath(), Named: t.Name() != "",
		Size: t.Size(), PtrData: words[1], Hash: uint32(words[2]), Align: t.Align(), FieldAlign: t.FieldAlign(),
	}
	switch t.Kind() {
	case reflect.Array, reflect.Chan, reflect.Map, reflect.Pointer, reflect.Slice:
		d.Elem = full(t.Elem())
		p.add(t.Elem())
	case reflect.Struct:
		for i := 0; i < t.NumField(); i++ {
			f := t.Field(i)
			d.Fields = append(d.Fields, member{f.Name, full(f.Type), string(f.Tag), f.PkgPath, f.Offset, f.Anonymous})
			p.add(f.Type)
		}
	case reflect.Func:
		d.Variadic = t.IsVariadic()
		for i := 0; i < t.NumIn(); i++ {
			d.In = append(d.In, full(t.In(i)))
			p.add(t.In(i))
		}
		for i := 0; i < t.NumOut(); i++ {
			d.Out = append(d.Out, full(t.Out(i)))
			p.add(t.Out(i))
		}
	}
	switch t.Kind() {
	case reflect.Array:
		d.Length = t.Len()
	case reflect.Chan:
		d.Direction = int(t.ChanDir())
	case reflect.Map:
		d.Key = full(t.Key())
		p.add(t.Key())
	}
	for i := 0; i < t.NumMethod(); i++ {
		m := t.Method(i)
		name := ""
		if t.Kind() == reflect.Interface {
			name = full(m.Type)
			p.add(m.Type)
		}
		d.Methods = append(d.Methods, member{Name: m.Name, Type: name, Package: m.PkgPath})
	}
	p.out = append(p.out, d)
}

func main() {
	p := printer{seen: map[reflect.Type]bool{}}
	for _, value := range shapes.Values()[native.One()-1:] {
		p.add(reflect.TypeOf(value))
	}
	if err := json.NewEncoder(os.Stdout).Encode(p.out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
