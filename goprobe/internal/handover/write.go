package handover

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"hotgate/goprobe/internal/descriptor"
)

// Source is a state to be handed over.
type Source struct {
	State  // all but where it lies and its digest
	Encode func(io.Writer) error

	Connections   bool // a kind of connections, not a state
	Open, Records int
}

// Write serialises the states into a memory file, writes down in the manifest where they lie, and seals the file. An error
// that is about one of the states comes with its name.
func Write(m *Manifest, sources []Source, limit int64) (file *os.File, failed string, err error) {
	file, err = descriptor.NewMemoryFile()
	if err != nil {
		return nil, "", err
	}
	if failed, err := fill(file, m, sources, limit); err != nil {
		_ = file.Close()
		return nil, failed, err
	}
	return file, "", nil
}

func fill(file *os.File, m *Manifest, sources []Source, limit int64) (failed string, err error) {
	at := int64(headerSize)
	if _, err := file.Seek(at, 0); err != nil {
		return "", err
	}
	for _, s := range sources {
		out := &measured{to: bufio.NewWriterSize(file, 64<<10), sum: sha256.New(), left: limit - (at - headerSize)}
		err := s.Encode(out)
		if err == nil {
			err = out.to.Flush()
		}
		if err != nil {
			return s.Name, err
		}
		s.Offset, s.Size, s.Digest = at, out.size, hex.EncodeToString(out.sum.Sum(nil))
		if s.Connections {
			m.Connections = append(m.Connections, Connections{s.State, s.Open, s.Records})
		} else {
			m.States = append(m.States, s.State)
		}
		at += out.size
	}
	text, err := json.Marshal(m)
	if err == nil && len(text) > maxManifest {
		err = errors.New("the manifest is too large")
	}
	if err != nil {
		return "", err
	}
	header := make([]byte, headerSize)
	copy(header, magic)
	binary.LittleEndian.PutUint64(header[8:], uint64(at))
	binary.LittleEndian.PutUint64(header[16:], uint64(len(text)))
	if _, err := file.WriteAt(text, at); err != nil {
		return "", err
	}
	if _, err := file.WriteAt(header, 0); err != nil {
		return "", err
	}
	return "", descriptor.Seal(file)
}

// measured writes through, sums, and refuses what goes over the limit.
type measured struct {
	to   *bufio.Writer
	sum  hash.Hash
	size int64
	left int64
}

func (m *measured) Write(data []byte) (int, error) {
	if int64(len(data)) > m.left {
		return 0, fmt.Errorf("it is larger than StateLimit allows")
	}
	m.left -= int64(len(data))
	m.size += int64(len(data))
	_, _ = m.sum.Write(data)
	return m.to.Write(data)
}

// DigestOf sums up a hand-over: the SHA-256 over the names and digests of its states and connections. An image that
// knows nothing of connections gives another one where there are any, and is refused.
func DigestOf(m *Manifest) string {
	sum := sha256.New()
	for _, s := range m.States {
		fmt.Fprintf(sum, "%q %s\n", s.Name, s.Digest)
	}
	for _, c := range m.Connections {
		if c.Open > 0 {
			fmt.Fprintf(sum, "connections %q %d %d %s\n", c.Name, c.Open, c.Records, c.Digest)
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}
