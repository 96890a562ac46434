package goprobe

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/clock"
	"hotgate/goprobe/internal/descriptor"
	"hotgate/goprobe/internal/handover"
)

// offeredConns are the connections of one kind that the image before handed over.
type offeredConns struct {
	handed   *handover.Connections
	records  []handover.Connection
	kind     *connKind
	sessions []any
}

// offer reads what the image before handed over, and sees to it that no child inherits the connections.
func (s *connSet) offer(from *handover.Received) error {
	if from == nil {
		return nil
	}
	for i := range from.Manifest.Connections {
		handed := &from.Manifest.Connections[i]
		data := make([]byte, handed.Size)
		if _, err := io.ReadFull(io.NewSectionReader(from.File, handed.Offset, handed.Size), data); err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		if hex.EncodeToString(sum[:]) != handed.Digest {
			return fmt.Errorf("the digest of connections %q does not match", bounds.Cut(handed.Name))
		}
		records, err := handover.ReadConnections(data, handed.Records)
		if err != nil {
			return fmt.Errorf("%w: %q", err, bounds.Cut(handed.Name))
		}
		if !from.Trial {
			for _, r := range records {
				if descriptor.IsConnection(r.FD, r.Inode) {
					syscall.CloseOnExec(r.FD)
				}
			}
		}
		s.offered = append(s.offered, offeredConns{handed: handed, records: records})
	}
	return nil
}

// decode makes the sessions of all that was handed over, and leaves the service alone.
func (s *connSet) decode() error {
	for i := range s.offered {
		o := &s.offered[i]
		if o.handed.Open == 0 && len(o.records) == 0 {
			continue
		}
		fail := func(err error) error {
			return &StateError{Name: bounds.Cut(o.handed.Name), Op: "decode", Err: err}
		}
		if o.kind = s.kindOf(o.handed.Name); o.kind == nil {
			return fail(fmt.Errorf("%d connections are handed over, and the kind is not registered", o.handed.Open))
		}
		if o.handed.Codec != o.kind.codec {
			return fail(fmt.Errorf("the sessions were written as %s and are read as %s", bounds.Cut(o.handed.Codec), o.kind.codec))
		}
		if !o.kind.accepts(o.handed.Version) {
			return fail(fmt.Errorf("sessions of version %d are handed over, versions %v can be read", o.handed.Version, o.kind.versions()))
		}
		o.sessions = make([]any, len(o.records))
		for i, r := range o.records {
			session, err := o.kind.decode(o.handed.Version, r.Session)
			if err != nil {
				return fail(fmt.Errorf("session %d of %d: %w", i+1, len(o.records), err))
			}
			o.sessions[i] = session
		}
	}
	return nil
}

func (s *connSet) kindOf(name string) *connKind {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.kinds {
		if k.name == name {
			return k
		}
	}
	return nil
}

func (k *connKind) accepts(version int) bool {
	for _, v := range k.versions() {
		if v == version {
			return true
		}
	}
	return false
}

// adopt makes connections of the descriptors, and starts their loops one by one, so that the first need not wait for the
// last.
func (s *connSet) adopt(p *Probe) {
	last := &LastHandover{}
	sum := sha256.New()
	var mu sync.Mutex
	for i := range s.offered {
		o := &s.offered[i]
		last.Handed += len(o.records)
		last.Bytes += o.handed.Size
		fmt.Fprintf(sum, "%q %s\n", o.handed.Name, o.handed.Digest)
		if o.kind == nil {
			continue
		}
		restored := 0
		inParallel(len(o.records), func(i int) {
			c, err := adoptOne(p, o.kind, o.records[i], o.sessions[i])
			if err != nil {
				p.options.Logger.Error("a connection that was handed over is lost", "kind", o.kind.name, "error", err)
				return
			}
			s.add(c)
			go c.run()
			mu.Lock()
			restored++
			mu.Unlock()
		})
		last.Restored += restored
		s.mu.Lock()
		o.kind.restored = restored
		s.mu.Unlock()
	}
	s.offered = nil
	if p.from == nil || (last.Handed == 0 && p.from.Manifest.Closed == 0) {
		return
	}
	last.Closed, last.Digest = p.from.Manifest.Closed, hex.EncodeToString(sum.Sum(nil))
	last.StoppedMonotonicNS, last.ServedMonotonicNS = p.from.Manifest.StoppedAt, clock.Monotonic()
	s.mu.Lock()
	s.last = last
	s.mu.Unlock()
	p.options.Logger.Info("connections taken over", "handed", last.Handed, "restored", last.Restored)
}

// inParallel calls f for every number below n, on all processors.
func inParallel(n int, f func(int)) {
	workers := min(runtime.GOMAXPROCS(0), 8, n)
	var all sync.WaitGroup
	for w := 0; w < workers; w++ {
		w := w
		all.Add(1)
		go func() {
			defer all.Done()
			for i := w; i < n; i += workers {
				f(i)
			}
		}()
	}
	all.Wait()
}

func adoptOne(p *Probe, kind *connKind, r handover.Connection, session any) (*Conn, error) {
	if !descriptor.IsConnection(r.FD, r.Inode) {
		return nil, errors.New("the descriptor is not the connection any more")
	}
	file := os.NewFile(uintptr(r.FD), "connection")
	defer file.Close() // FileConn works on a duplicate
	inner, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	c := newConn(p, kind, inner, session)
	c.buf = append([]byte(nil), r.Read...)
	c.unsent = append([]byte(nil), r.Unsent...)
	return c, nil
}
