package handover

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Connection is one of those that stay open through exec.
type Connection struct {
	FD      int
	Inode   uint64
	Session []byte // serialised
	Read    []byte // from the peer, and not consumed
	Unsent  []byte // to be sent before anything else
}

// A connection's record in the memory file, little-endian:
//
//	0   4  descriptor
//	4   8  inode of the socket
//	12  4  length of the session
//	16  8  length of what was read
//	24  8  length of what was not sent
//	32     the three of them
const recordHead = 32

// WriteConnection writes a record.
func WriteConnection(w io.Writer, c Connection) error {
	if c.FD < 0 || c.FD > math.MaxInt32 {
		return fmt.Errorf("it has no descriptor")
	}
	if len(c.Session) > math.MaxInt32 {
		return fmt.Errorf("its session has %d bytes", len(c.Session))
	}
	var head [recordHead]byte
	binary.LittleEndian.PutUint32(head[0:], uint32(c.FD))
	binary.LittleEndian.PutUint64(head[4:], c.Inode)
	binary.LittleEndian.PutUint32(head[12:], uint32(len(c.Session)))
	binary.LittleEndian.PutUint64(head[16:], uint64(len(c.Read)))
	binary.LittleEndian.PutUint64(head[24:], uint64(len(c.Unsent)))
	for _, part := range [][]byte{head[:], c.Session, c.Read, c.Unsent} {
		if len(part) > 0 {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
	}
	return nil
}

var errRecords = errors.New("the connections are damaged")

// ReadConnections reads so many records, whose bytes lie in data from then on.
func ReadConnections(data []byte, records int) ([]Connection, error) {
	if records < 0 || records > len(data)/recordHead {
		return nil, errRecords
	}
	all := make([]Connection, 0, records)
	for i := 0; i < records; i++ {
		if len(data) < recordHead {
			return nil, errRecords
		}
		c := Connection{FD: int(binary.LittleEndian.Uint32(data[0:])), Inode: binary.LittleEndian.Uint64(data[4:])}
		lengths := [3]uint64{
			uint64(binary.LittleEndian.Uint32(data[12:])), binary.LittleEndian.Uint64(data[16:]), binary.LittleEndian.Uint64(data[24:]),
		}
		data = data[recordHead:]
		parts := [3][]byte{}
		for i, length := range lengths {
			if length > uint64(len(data)) {
				return nil, errRecords
			}
			parts[i], data = data[:length:length], data[length:]
		}
		c.Session, c.Read, c.Unsent = parts[0], parts[1], parts[2]
		all = append(all, c)
	}
	if len(data) > 0 {
		return nil, errRecords
	}
	return all, nil
}
