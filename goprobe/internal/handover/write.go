package goprobe

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"os"

	"hotgate/goprobe/internal/descriptor"
)

// writeHandover serialises all registered states into a memory file and seals it.
func (p *Probe) writeHandover(listeners []handedListener) (*os.File, manifest, error) {
	m := manifest{
		Epoch: p.image.Epoch, Generation: p.image.Generation, NextSeq: p.beat.nextSeq(),
		Listeners: listeners, States: []handedState{},
	}
	file, err := descriptor.NewMemoryFile()
	if err != nil {
		return nil, m, &StateError{Op: "encode", Err: err}
	}
	if err := p.fillHandover(file, &m); err != nil {
		_ = file.Close()
		return nil, m, err
	}
	return file, m, nil
}

func (p *Probe) fillHandover(file *os.File, m *manifest) error {
	at := int64(handoverHeader)
	if _, err := file.Seek(at, 0); err != nil {
		return &StateError{Op: "encode", Err: err}
	}
	for _, s := range p.states.all() {
		out := &measured{to: bufio.NewWriterSize(file, 64<<10), sum: sha256.New(), left: p.options.StateLimit - (at - handoverHeader)}
		err := s.encode(out)
		if err == nil {
			err = out.to.Flush()
		}
		if err != nil {
			return &StateError{Name: s.name, Op: "encode", Err: err}
		}
		m.States = append(m.States, handedState{
			Name: s.name, Version: s.version, Type: s.typeName, Fingerprint: s.fingerprint, Codec: s.codec.Name(),
			Offset: at, Size: out.size, Digest: hex.EncodeToString(out.sum.Sum(nil)),
		})
		at += out.size
	}
	text, err := json.Marshal(m)
	if err == nil && len(text) > maxManifest {
		err = errors.New("the manifest is too large")
	}
	if err != nil {
		return &StateError{Op: "encode", Err: err}
	}
	header := make([]byte, handoverHeader)
	copy(header, handoverMagic)
	binary.LittleEndian.PutUint64(header[8:], uint64(at))
	binary.LittleEndian.PutUint64(header[16:], uint64(len(text)))
	if _, err := file.WriteAt(text, at); err != nil {
		return &StateError{Op: "encode", Err: err}
	}
	if _, err := file.WriteAt(header, 0); err != nil {
		return &StateError{Op: "encode", Err: err}
	}
	if err := descriptor.Seal(file); err != nil {
		return &StateError{Op: "encode", Err: err}
	}
	return nil
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

// digestOf sums up the states of a hand-over: the SHA-256 over their names and digests.
func digestOf(states []handedState) string {
	sum := sha256.New()
	for _, s := range states {
		fmt.Fprintf(sum, "%q %s\n", s.Name, s.Digest)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
