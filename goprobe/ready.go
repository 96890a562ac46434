package goprobe

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/handover"
)

// trialReport is what an image says at the end of its trial, as one line of JSON.
type trialReport struct {
	OK     bool   `json:"ok"`
	Error  string `json:"error"`
	Digest string `json:"digest"`
	States int    `json:"states"`
}

// Ready restores what the image before handed over: every state is decoded into a buffer of its own, and only when all of
// them are there and whole are they put into place. Call it once everything is registered, before serving. Without a
// hand-over it only marks the end of the start. In a trial it reports and ends the process.
func (p *Probe) Ready() error {
	if p.stopped.Load() {
		return ErrStopped
	}
	p.states.mu.Lock()
	already := p.states.ready
	p.states.ready = true
	p.states.mu.Unlock()
	if already {
		return nil
	}
	err := p.restore()
	if p.Trial() {
		p.endTrial(err)
	}
	if p.beside != nil {
		defer p.beside.ready(err)
	}
	p.listeners.dropUnclaimed(p.options.Logger)
	p.packets.dropUnclaimed(p.options.Logger)
	if err == nil {
		p.conns.adopt(p)
	}
	if p.from != nil && p.from.File != nil {
		_ = p.from.File.Close()
	}
	return err
}

func (p *Probe) restore() error {
	if p.from == nil {
		return nil
	}
	handed := p.from.Manifest.States
	commits := make([]func() error, 0, len(handed))
	details := make([]*Restored, 0, len(handed))
	owners := make([]*state, 0, len(handed))
	for i := range handed {
		h := &handed[i]
		s := p.states.find(h.Name)
		if s == nil {
			return &StateError{Name: bounds.Cut(h.Name), Op: "decode", Err: errors.New("it was handed over, and is not registered")}
		}
		commit, err := p.decodeState(s, h)
		if err != nil {
			return &StateError{Name: s.name, Op: "decode", Err: err}
		}
		commits = append(commits, commit)
		owners = append(owners, s)
		details = append(details, &Restored{Version: h.Version, Fingerprint: bounds.Cut(h.Fingerprint), Bytes: h.Size, Digest: h.Digest})
	}
	if err := p.conns.decode(); err != nil {
		return err
	}
	for i, commit := range commits {
		if err := safely(commit); err != nil {
			return &StateError{Name: owners[i].name, Op: "commit", Err: err}
		}
	}
	p.states.mu.Lock()
	for i, s := range owners {
		s.restored = details[i]
	}
	p.states.mu.Unlock()
	return nil
}

func (s *stateSet) find(name string) *state {
	for _, candidate := range s.all() {
		if candidate.name == name {
			return candidate
		}
	}
	return nil
}

// decodeState decodes one state; what the codec did not read still counts into the digest.
func (p *Probe) decodeState(s *state, h *handover.State) (func() error, error) {
	if h.Codec != s.codec.Name() {
		return nil, fmt.Errorf("it was written as %s and is read as %s", bounds.Cut(h.Codec), s.codec.Name())
	}
	if !s.accepts(h.Version) {
		return nil, fmt.Errorf("version %d was handed over, versions %v can be read", h.Version, s.versions())
	}
	sum := sha256.New()
	section := io.NewSectionReader(p.from.File, h.Offset, h.Size)
	if _, err := io.Copy(sum, section); err != nil {
		return nil, err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != h.Digest {
		return nil, errors.New("its digest does not match")
	}
	return s.decode(h.Version, bufio.NewReaderSize(io.NewSectionReader(p.from.File, h.Offset, h.Size), 64<<10))
}

func safely(f func() error) (err error) {
	defer recovered(&err)
	return f()
}

// handed is what is handed over.
type handed struct {
	manifest handover.Manifest
	file     *os.File
	conns    []int // descriptors of kept connections
}

// writeHandover serialises all registered states and the connections that have stopped into a memory file, and seals it.
// For a trial or a canary while the service goes on, it has the states alone, and says which kinds of connections there are,
// and which listeners are shared.
func (p *Probe) writeHandover(stopped bool, shared ...handover.Listener) (*os.File, *handed, error) {
	h := &handed{manifest: handover.Manifest{
		Epoch: p.image.Epoch, Generation: p.image.Generation, NextSeq: p.beat.nextSeq(), States: []handover.State{},
	}}
	m := &h.manifest
	m.Listeners = shared
	if stopped {
		m.Listeners, m.Packets = p.listeners.handed(), p.packets.handed()
		m.StoppedAt, m.Closed = p.conns.parting()
		m.Canary = p.canaryText()
	}
	sources := []handover.Source{}
	for _, s := range p.states.all() {
		sources = append(sources, handover.Source{
			State: handover.State{
				Name: s.name, Version: s.version, Type: s.typeName, Fingerprint: s.fingerprint, Codec: s.codec.Name(),
			},
			Encode: s.encode,
		})
	}
	sources = append(sources, p.conns.sources(stopped, &h.conns)...)
	file, failed, err := handover.Write(m, sources, p.options.StateLimit)
	if err != nil {
		return nil, nil, &StateError{Name: failed, Op: "encode", Err: err}
	}
	h.file = file
	return file, h, nil
}

// endTrial tells the old image how it went, and ends the process.
func (p *Probe) endTrial(err error) {
	report := trialReport{OK: err == nil, Digest: handover.DigestOf(&p.from.Manifest), States: len(p.from.Manifest.States)}
	code := 0
	if err != nil {
		report.Error, code = err.Error(), 1
		if len(report.Error) > 2048 {
			report.Error = report.Error[:2048]
		}
	}
	if json.NewEncoder(p.from.Report).Encode(report) != nil {
		code = 1
	}
	os.Exit(code)
}
