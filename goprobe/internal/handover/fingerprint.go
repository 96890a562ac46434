package handover

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"reflect"

	"hotgate/goprobe/internal/bounds"
)

// maxTypes bounds how many types a fingerprint goes through.
const maxTypes = 10_000

// Fingerprint is the SHA-256 in hex of a type's structure: names, kinds, fields with their types, tags and offsets, and
// everything that these reach. Types are numbered in the order in which they are met, so that recursion ends.
func Fingerprint(t reflect.Type) string {
	sum := sha256.New()
	seen := map[reflect.Type]int{}
	queue := []reflect.Type{t}
	ref := func(t reflect.Type) int {
		if at, ok := seen[t]; ok {
			return at
		}
		seen[t] = len(seen)
		if len(queue) < maxTypes {
			queue = append(queue, t)
		}
		return seen[t]
	}
	if t != nil {
		seen[t] = 0
	}
	for i := 0; i < len(queue) && queue[i] != nil; i++ {
		describe(sum, queue[i], ref)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func describe(w io.Writer, t reflect.Type, ref func(reflect.Type) int) {
	fmt.Fprintf(w, "%s %q %d\n", t.Kind(), TypeName(t), t.Size())
	switch t.Kind() {
	case reflect.Array:
		fmt.Fprintf(w, "[%d] %d\n", t.Len(), ref(t.Elem()))
	case reflect.Slice, reflect.Pointer, reflect.Chan:
		fmt.Fprintf(w, "of %d\n", ref(t.Elem()))
	case reflect.Map:
		fmt.Fprintf(w, "map %d %d\n", ref(t.Key()), ref(t.Elem()))
	case reflect.Struct:
		for i := 0; i < t.NumField(); i++ {
			f := t.Field(i)
			fmt.Fprintf(w, "%q %d %q %d %t\n", f.Name, ref(f.Type), f.Tag, f.Offset, f.Anonymous)
		}
	case reflect.Interface:
		for i := 0; i < t.NumMethod(); i++ {
			fmt.Fprintf(w, "%q %d\n", t.Method(i).Name, ref(t.Method(i).Type))
		}
	case reflect.Func:
		for i := 0; i < t.NumIn(); i++ {
			fmt.Fprintf(w, "in %d\n", ref(t.In(i)))
		}
		for i := 0; i < t.NumOut(); i++ {
			fmt.Fprintf(w, "out %d\n", ref(t.Out(i)))
		}
	}
}

// TypeName is a type's name with its whole package path; that of reflect.Type has only the last part.
func TypeName(t reflect.Type) string {
	if t.PkgPath() == "" {
		return bounds.Cut(t.String())
	}
	return bounds.Cut(t.PkgPath() + "." + t.Name())
}
