// Package handover has what one image gives to the next: the memory file's format, and the variables that tell of it.
package handover

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"hotgate/goprobe/internal/bounds"
	"hotgate/goprobe/internal/descriptor"
	"hotgate/goprobe/internal/proc"
)

// What one image hands to the next lies in a sealed memory file: a header, the serialised states, and a manifest in JSON.
// The header is written last, and the file is sealed after that.
//
//	0   8  magic
//	8   8  offset of the manifest, little-endian
//	16  8  size of the manifest, little-endian
const (
	magic       = "HGHAND1\n"
	headerSize  = 24
	maxManifest = 1 << 20
)

// Variables that tell the next image of the memory file. The first has the form "1 pid=P fd=N at=T reload=S report=R canary=C".
const (
	Variable      = "HOTGATE_HANDOVER"
	TrialVariable = "HOTGATE_PROBE_TRIAL"
)

const maxSignal = 64 // _NSIG of Linux

// Manifest says what is handed over.
type Manifest struct {
	Epoch      string     `json:"epoch"`
	Generation int        `json:"generation"`
	NextSeq    uint64     `json:"next_seq"`
	Listeners  []Listener `json:"listeners"`
	States     []State    `json:"states"`

	Packets     []Listener    `json:"packets,omitempty"`     // datagram sockets
	Connections []Connections `json:"connections,omitempty"` // by kind
	StoppedAt   int64         `json:"stopped_at,omitempty"`  // when they stopped, CLOCK_MONOTONIC in ns
	Closed      int           `json:"closed,omitempty"`      // connections that had to be closed

	Canary json.RawMessage `json:"canary,omitempty"` // how the canary of this image ended
}

// Connections are those of one kind. Their sessions and what was read and not consumed lie in the memory file.
type Connections struct {
	State
	Open    int `json:"open"`    // how many there are
	Records int `json:"records"` // how many are in the file; none in a trial while they are served
}

// Listener is a listening socket that stays open under its number.
type Listener struct {
	Name    string `json:"name"`
	Network string `json:"network"`
	Address string `json:"address"`
	FD      int    `json:"fd"`
	Inode   uint64 `json:"inode"`
}

// State is a serialised state and where it lies in the memory file.
type State struct {
	Name        string `json:"name"`
	Version     int    `json:"version"`
	Type        string `json:"type"`
	Fingerprint string `json:"fingerprint"`
	Codec       string `json:"codec"`
	Offset      int64  `json:"offset"`
	Size        int64  `json:"size"`
	Digest      string `json:"digest"`
}

// Received is what this image got from the one before.
type Received struct {
	Manifest Manifest
	File     *os.File // the memory file, sealed
	At       int64    // when the image before called exec, CLOCK_MONOTONIC in ns
	Trial    bool
	Reload   syscall.Signal // that the image before declared, and ignores through exec; 0 for none
	Report   *os.File       // of a trial: where to say how it went
	Link     *os.File       // of a canary: to the old image, beside which it serves
}

// IsTrial tells whether the image is only tried.
func (r *Received) IsTrial() bool { return r != nil && r.Trial }

// IsCanary tells whether the image serves beside the old one, as its child.
func (r *Received) IsCanary() bool { return r != nil && r.Link != nil }

// Close closes the files that are left.
func (r *Received) Close() {
	if r == nil {
		return
	}
	if r.File != nil {
		_ = r.File.Close()
	}
	if r.Report != nil {
		_ = r.Report.Close()
	}
	if r.Link != nil {
		_ = r.Link.Close()
	}
}

var errMoreTrusted = errors.New("the program has set-id bits or file capabilities (AT_SECURE): it takes nothing over, and " +
	"cannot be updated in place")

// Receive takes the hand-over out of the environment; nil when there is none, or when it was meant for another process.
// A program that may do more than its caller takes nothing from there: the state would be the caller's. In a
// trial that is an error, so that the image does not run as a service beside the one that tries it.
func Receive(limit int64) (*Received, error) {
	text, trial := os.Getenv(Variable), os.Getenv(TrialVariable) == "1"
	_ = os.Unsetenv(Variable)
	_ = os.Unsetenv(TrialVariable)
	if text == "" {
		if trial {
			return nil, fmt.Errorf("%s is set without %s", TrialVariable, Variable)
		}
		return nil, nil
	}
	if proc.MoreTrusted() {
		if trial {
			return nil, errMoreTrusted
		}
		return nil, nil
	}
	numbers, err := parseHandover(text)
	if err != nil {
		return nil, err
	}
	meant := os.Getpid()
	if trial {
		meant = os.Getppid()
	}
	if numbers["pid"] != int64(meant) {
		if trial {
			return nil, errors.New("the process that tries this image is gone")
		}
		return nil, nil // left over in the environment of a child
	}
	r := &Received{Trial: trial, At: numbers["at"]}
	if sig := numbers["reload"]; sig <= maxSignal {
		r.Reload = syscall.Signal(sig)
	}
	if r.File, err = descriptor.OpenSealed(int(numbers["fd"])); err != nil {
		return nil, err
	}
	// A canary says that it is a trial, too: an image that knows no canaries fails to report, and ends.
	if link := numbers["canary"]; trial && link > 0 {
		r.Trial = false
		r.Link, err = descriptor.OpenSocket(int(link))
	} else if trial {
		r.Report, err = descriptor.OpenPipe(int(numbers["report"]))
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	if err := r.ReadManifest(limit); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

func parseHandover(text string) (map[string]int64, error) {
	fields := strings.Fields(text)
	if len(text) > bounds.MaxText || len(fields) == 0 || fields[0] != "1" {
		return nil, fmt.Errorf("%s has a form that this version does not know", Variable)
	}
	numbers := map[string]int64{}
	for _, field := range fields[1:] {
		name, value, _ := strings.Cut(field, "=")
		number, err := strconv.ParseInt(value, 10, 64)
		if err != nil || number < 0 || (name != "at" && number > 1<<31-1) {
			return nil, fmt.Errorf("%s: %q is not a number", Variable, bounds.Cut(field))
		}
		numbers[name] = number
	}
	for _, name := range []string{"pid", "fd"} {
		if _, ok := numbers[name]; !ok {
			return nil, fmt.Errorf("%s lacks %s", Variable, name)
		}
	}
	return numbers, nil
}

// ReadManifest reads and checks the manifest of File, which may hold states of so many bytes.
func (r *Received) ReadManifest(limit int64) error {
	info, err := r.File.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	header := make([]byte, headerSize)
	if _, err := r.File.ReadAt(header, 0); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	at, length := binary.LittleEndian.Uint64(header[8:]), binary.LittleEndian.Uint64(header[16:])
	switch {
	case string(header[:8]) != magic:
		return errors.New("the memory file is not a hand-over")
	case length > maxManifest || at < headerSize || at > uint64(size) || length != uint64(size)-at:
		return errors.New("the manifest lies outside the memory file")
	case size > limit+headerSize+maxManifest:
		return fmt.Errorf("%d bytes are over StateLimit", size)
	}
	decoder := json.NewDecoder(io.NewSectionReader(r.File, int64(at), int64(length)))
	if err := decoder.Decode(&r.Manifest); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	if r.Manifest.Generation < 1 || len(r.Manifest.Epoch) != 32 {
		return errors.New("manifest: no epoch or generation")
	}
	states := append([]State(nil), r.Manifest.States...)
	for _, c := range r.Manifest.Connections {
		states = append(states, c.State)
	}
	for _, s := range states {
		if s.Offset < headerSize || s.Size < 0 || s.Offset > int64(at) || s.Size > int64(at)-s.Offset {
			return fmt.Errorf("state %q lies outside the memory file", bounds.Cut(s.Name))
		}
	}
	return nil
}
