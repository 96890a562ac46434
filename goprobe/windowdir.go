package goprobe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"hotgate/goprobe/internal/bounds"
)

const (
	maxProfile    = 64 << 20 // bytes of a window's profile
	maxWindowText = 16 << 10 // bytes of its description
	maxDirEntries = 10_000
	windowSuffix  = ".json"
	profileSuffix = ".pb.gz"
)

// windowDir keeps windows in a directory: NAME.json describes one, NAME.pb.gz is its profile. The profile is written first,
// so that a description is never without one.
type windowDir struct {
	path   string
	keep   int
	logger *slog.Logger
	write  func(path string, data []byte) error
}

// save writes a window and forgets its profile in memory. What cannot be written stays there.
func (d *windowDir) save(w *window) {
	started, err := time.Parse(time.RFC3339Nano, w.StartedAt)
	if err != nil {
		return
	}
	base := filepath.Join(d.path, fmt.Sprintf("window-%020d-%s-%d", started.UnixNano(), w.Epoch, w.Seq))
	text, err := json.Marshal(w.Window)
	if err == nil {
		err = os.MkdirAll(d.path, 0o700)
	}
	if err == nil && len(w.profile) > 0 {
		err = d.write(base+profileSuffix, w.profile)
	}
	if err == nil {
		err = d.write(base+windowSuffix, text)
	}
	if err != nil {
		d.logger.Warn("heartbeat window not written", "error", err)
		return
	}
	if len(w.profile) > 0 {
		w.path, w.profile = base+profileSuffix, nil
	}
	names, err := d.names()
	for i := 0; err == nil && i < len(names)-d.keep; i++ {
		base := strings.TrimSuffix(names[i], windowSuffix)
		_ = os.Remove(filepath.Join(d.path, names[i]))
		_ = os.Remove(filepath.Join(d.path, base+profileSuffix))
	}
}

// writeWhole makes a file that is there with all of its contents or not at all, even if the machine stops.
func writeWhole(path string, data []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

// names lists the descriptions, oldest first.
func (d *windowDir) names() ([]string, error) {
	folder, err := os.Open(d.path)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	entries, err := folder.Readdirnames(maxDirEntries)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	names := []string{}
	for _, name := range entries {
		if strings.HasPrefix(name, "window-") && strings.HasSuffix(name, windowSuffix) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names, nil
}

// load reads the newest windows that earlier images left; what cannot be read is left out.
func (d *windowDir) load() []*window {
	names, err := d.names()
	if err != nil {
		return nil
	}
	if len(names) > d.keep {
		names = names[len(names)-d.keep:]
	}
	windows := []*window{}
	for _, name := range names {
		path := filepath.Join(d.path, name)
		text, err := bounds.ReadFile(path, maxWindowText)
		w := &window{}
		if err != nil || json.Unmarshal(text, &w.Window) != nil || len(w.Epoch) != 32 || w.Seq == 0 || len(w.Reason) > bounds.MaxText {
			d.logger.Warn("heartbeat window not read", "file", name)
			continue
		}
		if w.Bytes > 0 {
			w.path = strings.TrimSuffix(path, windowSuffix) + profileSuffix
		}
		windows = append(windows, w)
	}
	return windows
}
