package goprobe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
)

// frame makes a WebSocket frame, masked as a client's.
func frame(first byte, payload int) []byte {
	data := []byte{first}
	switch {
	case payload < 126:
		data = append(data, 0x80|byte(payload))
	case payload <= math.MaxUint16:
		data = binary.BigEndian.AppendUint16(append(data, 0x80|126), uint16(payload))
	default:
		data = binary.BigEndian.AppendUint64(append(data, 0x80|127), uint64(payload))
	}
	return append(append(data, 1, 2, 3, 4), bytes.Repeat([]byte{'x'}, payload)...)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// Every framing finds the first message once all of it is there, and not a byte before.
func TestFramingsFindTheEnd(t *testing.T) {
	text, more, last := byte(0x81), byte(0x01), byte(0x80)
	ping, closing := byte(0x89), byte(0x88)
	for _, c := range []struct {
		name    string
		framing Framing
		message []byte
	}{
		{"a line", Lines(100), []byte("a line\n")},
		{"an empty line", Lines(1), []byte("\n")},
		{"one byte of length", LengthPrefixed(1, binary.BigEndian, 300), append([]byte{200}, make([]byte, 200)...)},
		{"two bytes", LengthPrefixed(2, binary.LittleEndian, 300), append([]byte{44, 1}, make([]byte, 300-2)...)[:302-2]},
		{"four bytes", LengthPrefixed(4, binary.BigEndian, 100), []byte("\x00\x00\x00\x03abc")},
		{"eight bytes", LengthPrefixed(8, binary.LittleEndian, 100), []byte("\x03\x00\x00\x00\x00\x00\x00\x00abc")},
		{"nothing follows", LengthPrefixed(4, binary.BigEndian, 100), make([]byte, 4)},
		{"a frame", WebSocket(1000), frame(text, 5)},
		{"an empty frame", WebSocket(1000), frame(text, 0)},
		{"a frame of 126 bytes", WebSocket(1000), frame(text, 126)},
		{"a frame of 70,000 bytes", WebSocket(100_000), frame(text, 70_000)},
		{"a ping", WebSocket(1000), frame(ping, 5)},
		{"a close", WebSocket(1000), frame(closing, 2)},
		{"fragments", WebSocket(1000), join(frame(more, 5), frame(0, 5), frame(last, 5))},
		{"fragments with pings between", WebSocket(1000), join(frame(more, 5), frame(ping, 1), frame(0, 5), frame(ping, 0), frame(last, 0))},
		{"not masked", WebSocket(1000), []byte{text, 3, 'a', 'b', 'c'}},
	} {
		if c.name == "two bytes" {
			c.message = append([]byte{0x26, 0x01}, make([]byte, 0x126)...)
		}
		step := 1 + len(c.message)/500
		for n := 0; n < len(c.message); n += step {
			if got, err := c.framing.length(c.message[:n]); got != 0 || err != nil {
				t.Errorf("%s: %d of %d bytes are a message of %d, %v", c.name, n, len(c.message), got, err)
			}
		}
		for _, behind := range []string{"", "x", "\n\n", strings.Repeat("\xff", 300)} {
			if got, err := c.framing.length(append(append([]byte(nil), c.message...), behind...)); got != len(c.message) || err != nil {
				t.Errorf("%s with %d bytes behind: %d of %d, %v", c.name, len(behind), got, len(c.message), err)
			}
		}
	}
}

func TestFramingsAreBounded(t *testing.T) {
	huge := []byte{0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255}
	for _, c := range []struct {
		framing Framing
		data    []byte
	}{
		{LengthPrefixed(4, binary.BigEndian, 100), []byte{0, 0, 0, 97}},
		{LengthPrefixed(4, binary.BigEndian, 100), []byte{255, 255, 255, 255}},
		{LengthPrefixed(8, binary.BigEndian, 100), bytes.Repeat([]byte{255}, 8)},
		{WebSocket(1000), huge},
		{WebSocket(1000), frame(0x82, 1000)[:10]},
		{WebSocket(20), join(frame(0x01, 5), frame(0, 5))},
	} {
		if _, err := c.framing.length(c.data); !errors.Is(err, ErrMessageTooLarge) {
			t.Errorf("%v: %v", c.data, err)
		}
	}
	if _, err := LengthPrefixed(3, binary.BigEndian, 100).length(make([]byte, 9)); err == nil {
		t.Error("a number of 3 bytes")
	}
}

func FuzzWebSocketFrames(f *testing.F) {
	f.Add(frame(0x81, 5))
	f.Add(join(frame(0x01, 5), frame(0x89, 1), frame(0x80, 200)))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := webSocketLength(data, 1000)
		if n < 0 || n > len(data) || n > 1000 || (err != nil && n != 0) {
			t.Errorf("%d of %d, %v", n, len(data), err)
		}
		if n > 0 { // what follows changes nothing
			if again, err := webSocketLength(data[:n], 1000); again != n || err != nil {
				t.Errorf("%d, then %d, %v", n, again, err)
			}
		}
	})
}
