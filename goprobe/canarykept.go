package goprobe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/canary"
	"hotgate/goprobe/internal/descriptor"
	"hotgate/goprobe/internal/handover"
)

// Kept connections that a canary has go back to the old image when it ends, with their sessions, in the way in which exec
// hands them over; only that each descriptor is passed as a message, and not inherited.

// kindsOf lists the kinds of connections that this image keeps.
func (s *connSet) kindsOf() []canary.Kind {
	s.mu.Lock()
	defer s.mu.Unlock()
	kinds := []canary.Kind{}
	for _, k := range s.kinds {
		kinds = append(kinds, canary.Kind{Name: k.name, Version: k.version, Codec: k.codec})
	}
	return kinds
}

// unreadable says which of another image's kinds this one could not take back; "" for none.
func (s *connSet) unreadable(kinds []canary.Kind) string {
	for _, kind := range kinds {
		own := s.kindOf(kind.Name)
		switch {
		case own == nil:
			return fmt.Sprintf("sessions of %q, which this image does not have", bounds.Cut(kind.Name))
		case own.codec != kind.Codec:
			return fmt.Sprintf("sessions of %q as %s, and this image reads %s", own.name, bounds.Cut(kind.Codec), own.codec)
		case !own.accepts(kind.Version):
			return fmt.Sprintf("sessions of %q of version %d, and this image reads %v", own.name, kind.Version, own.versions())
		}
	}
	return ""
}

// giveKept stops the loops of all kept connections, and gives the connections back; how many it had to close.
func (b *beside) giveKept() (closed int) {
	s := &b.p.conns
	if s.open() == 0 {
		return 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), prepareTimeout)
	defer cancel()
	_ = s.freeze(ctx)
	for _, c := range s.all() { // what cannot be passed, or did not stop between two messages
		if c.fate != fateKept || !c.isParked() {
			closed++
			s.mu.Lock()
			s.remove(c)
			s.mu.Unlock()
			go func(c *Conn) { _ = c.shut() }(c)
		}
	}
	if s.open() == 0 {
		return closed
	}
	fds := []int{}
	m := &handover.Manifest{Epoch: b.p.image.Epoch, Generation: b.p.image.Generation}
	file, _, err := handover.Write(m, s.sources(true, &fds), b.p.options.StateLimit)
	if err == nil {
		defer file.Close()
		err = b.link.Send(canary.KindKept, uint64(len(fds)), nil, descriptor.Number(file))
	}
	if err != nil {
		b.p.options.Logger.Error("kept connections could not be given back", "error", err)
		return closed + s.open()
	}
	for i, fd := range fds {
		if err := b.link.Send(canary.KindKeptConn, uint64(i+1), nil, fd); err != nil {
			return closed + len(fds) - i
		}
	}
	return closed
}

func (c *Conn) isParked() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.parked && !c.closed
}

// givenBack are kept connections that a canary gives back.
type givenBack struct {
	file  *os.File
	count uint64
	conns []*os.File
}

var errGivenBack = errors.New("what it gives back of kept connections is damaged")

// take takes a message in.
func (g *givenBack) take(m *canary.Message) error {
	switch {
	case m.File == nil:
		return errGivenBack
	case m.Kind == canary.KindKept && g.file == nil:
		g.file, g.count = m.File, m.Number
		return nil
	case m.Kind == canary.KindKeptConn && g.file != nil && m.Number == uint64(len(g.conns))+1 && m.Number <= g.count:
		g.conns = append(g.conns, m.File)
		return nil
	}
	_ = m.File.Close()
	return errGivenBack
}

func (g *givenBack) close() {
	if g.file != nil {
		_ = g.file.Close()
	}
	for _, conn := range g.conns {
		_ = conn.Close()
	}
	g.file, g.conns = nil, nil
}

// adopt serves what was given back; how many of them it could not.
func (g *givenBack) adopt(p *Probe) (lost int, err error) {
	defer g.close()
	if g.file == nil {
		return 0, nil
	}
	own, err := descriptor.Duplicate(uintptr(descriptor.Number(g.file)))
	if err != nil {
		return int(g.count), err
	}
	sealed, err := descriptor.OpenSealed(own)
	if err != nil {
		_ = os.NewFile(uintptr(own), "kept").Close()
		return int(g.count), err
	}
	defer sealed.Close()
	from := handover.Received{File: sealed}
	if err := from.ReadManifest(p.options.StateLimit); err != nil {
		return int(g.count), err
	}
	next := 0
	for i := range from.Manifest.Connections {
		handed := &from.Manifest.Connections[i]
		records, err := readRecords(sealed, handed)
		if err != nil {
			return lost + int(g.count) - next, err
		}
		kind := p.conns.kindOf(handed.Name)
		for _, record := range records {
			if next == len(g.conns) {
				return lost + int(g.count) - next, errGivenBack
			}
			err := adoptBack(p, kind, handed, record, g.conns[next])
			next++
			if err != nil {
				lost++
				p.options.Logger.Error("a connection that a canary gave back is lost", "kind", bounds.Cut(handed.Name), "error", err)
			}
		}
	}
	return lost + max(0, int(g.count)-next), nil
}

func readRecords(file *os.File, handed *handover.Connections) ([]handover.Connection, error) {
	data := make([]byte, handed.Size)
	if _, err := io.ReadFull(io.NewSectionReader(file, handed.Offset, handed.Size), data); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	if hex.EncodeToString(sum[:]) != handed.Digest {
		return nil, errGivenBack
	}
	return handover.ReadConnections(data, handed.Records)
}

func adoptBack(p *Probe, kind *connKind, handed *handover.Connections, r handover.Connection, file *os.File) error {
	if kind == nil || handed.Codec != kind.codec || !kind.accepts(handed.Version) {
		return errors.New("its session cannot be read")
	}
	session, err := kind.decode(handed.Version, r.Session)
	if err != nil {
		return err
	}
	if r.FD, err = descriptor.Duplicate(uintptr(descriptor.Number(file))); err != nil {
		return err
	}
	c, err := adoptOne(p, kind, r, session)
	if err != nil {
		return err
	}
	p.conns.add(c)
	go c.run()
	return nil
}
