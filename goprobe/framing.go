package goprobe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrMessageTooLarge is what Conn's reads return for a message that is longer than its framing allows.
var ErrMessageTooLarge = errors.New("goprobe: the message is larger than its framing allows")

// Framing tells where messages end. It is how the probe stops a connection between two of them: a message is read only
// when all of it is there, and what is there of the next one travels to the next image. Make one with Lines,
// LengthPrefixed, WebSocket, Messages or Stream.
type Framing struct {
	// length gives the length of the first message in data, 0 when data does not have all of it.
	length func(data []byte) (int, error)
	max    int
	stream bool
}

// Messages is a framing of the service's own. The function length gives the length of the first message in data with all
// that belongs to it, or 0 while data does not have all of it; an error ends the connection's reads. It must depend on data
// only. A message may have up to max bytes.
func Messages(max int, length func(data []byte) (int, error)) Framing {
	return Framing{length: length, max: max}
}

// Stream is for bytes without messages: every byte is whole by itself.
func Stream() Framing {
	return Framing{length: func(data []byte) (int, error) { return len(data), nil }, stream: true}
}

// Lines are messages that end in a line feed, which belongs to them.
func Lines(max int) Framing {
	return Messages(max, func(data []byte) (int, error) { return bytes.IndexByte(data, '\n') + 1, nil })
}

// LengthPrefixed are messages that begin with the length of what follows, as an unsigned number of 1, 2, 4 or 8 bytes. The
// limit is that of the whole message.
func LengthPrefixed(bytes int, order binary.ByteOrder, max int) Framing {
	return Messages(max, func(data []byte) (int, error) {
		if len(data) < bytes {
			return 0, nil
		}
		var follows uint64
		switch bytes {
		case 1:
			follows = uint64(data[0])
		case 2:
			follows = uint64(order.Uint16(data))
		case 4:
			follows = uint64(order.Uint32(data))
		case 8:
			follows = order.Uint64(data)
		default:
			return 0, fmt.Errorf("goprobe: LengthPrefixed has numbers of 1, 2, 4 or 8 bytes, not of %d", bytes)
		}
		return whole(data, uint64(bytes), follows, max)
	})
}

// whole gives the length of a message of that many bytes after its head, 0 while data does not have it.
func whole(data []byte, head, follows uint64, max int) (int, error) {
	if follows > uint64(max) || head+follows > uint64(max) {
		return 0, ErrMessageTooLarge
	}
	if uint64(len(data)) < head+follows {
		return 0, nil
	}
	return int(head + follows), nil
}

// WebSocket are the messages of RFC 6455 after the handshake: a control frame, or all frames of a message, with the
// control frames between them. What the frames mean is left to who reads them.
func WebSocket(max int) Framing {
	return Messages(max, func(data []byte) (int, error) { return webSocketLength(data, max) })
}

// Frames of RFC 6455, section 5.2.
const (
	wsFinal   = 0x80
	wsMasked  = 0x80
	wsControl = 0x08 // opcodes from here on
)

func webSocketLength(data []byte, max int) (int, error) {
	at := 0
	for fragmented := false; ; {
		n, final, control, err := webSocketFrame(data[at:], max-at)
		if n == 0 || err != nil {
			return 0, err
		}
		at += n
		if (control && !fragmented) || (!control && final) {
			return at, nil
		}
		fragmented = fragmented || !control
	}
}

func webSocketFrame(data []byte, max int) (length int, final, control bool, err error) {
	if len(data) < 2 {
		return 0, false, false, nil
	}
	head, follows := uint64(2), uint64(data[1]&^wsMasked)
	switch {
	case follows == 126 && len(data) >= 4:
		head, follows = 4, uint64(binary.BigEndian.Uint16(data[2:]))
	case follows == 127 && len(data) >= 10:
		head, follows = 10, binary.BigEndian.Uint64(data[2:])
	case follows >= 126:
		return 0, false, false, nil
	}
	if data[1]&wsMasked != 0 {
		head += 4
	}
	length, err = whole(data, head, follows, max)
	return length, data[0]&wsFinal != 0, data[0]&wsControl != 0, err
}
