package handover

import (
	"bytes"
	"reflect"
	"testing"
)

func TestConnectionsAreReadAsTheyWereWritten(t *testing.T) {
	want := []Connection{
		{FD: 7, Inode: 1 << 40, Session: []byte("{}"), Read: []byte("half"), Unsent: []byte("rest")},
		{FD: 8, Inode: 2, Session: []byte{}, Read: []byte{}, Unsent: []byte{}},
		{FD: 1 << 20, Inode: 3, Session: []byte("x"), Read: []byte{}, Unsent: bytes.Repeat([]byte("y"), 1000)},
	}
	var out bytes.Buffer
	for _, c := range want {
		if err := WriteConnection(&out, c); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := ReadConnections(out.Bytes(), len(want)); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, n := range []int{-1, 0, 2, 4, 1 << 30} {
		if _, err := ReadConnections(out.Bytes(), n); err == nil {
			t.Errorf("%d records were taken", n)
		}
	}
	for cut := 0; cut < out.Len(); cut++ {
		if _, err := ReadConnections(out.Bytes()[:cut], len(want)); err == nil {
			t.Errorf("%d bytes were taken", cut)
		}
	}
	for at := 12; at < 32; at++ { // lengths
		data := append([]byte(nil), out.Bytes()...)
		data[at] ^= 0xff
		if _, err := ReadConnections(data, len(want)); err == nil {
			t.Errorf("another byte %d was taken", at)
		}
	}
	if WriteConnection(&out, Connection{FD: -1}) == nil {
		t.Error("no descriptor")
	}
}

// An image that knows nothing of connections sums up the states alone, and is refused where there are connections.
func TestConnectionsCountIntoTheDigest(t *testing.T) {
	states := []State{{Name: "a", Digest: "1"}}
	plain := DigestOf(&Manifest{States: states})
	none := DigestOf(&Manifest{States: states, Connections: []Connections{{State: State{Name: "c", Digest: "2"}}}})
	some := DigestOf(&Manifest{States: states, Connections: []Connections{{State: State{Name: "c", Digest: "2"}, Open: 1}}})
	if plain != none || plain == some {
		t.Error(plain, none, some)
	}
}
