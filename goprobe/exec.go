package goprobe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"hotgate/goprobe/internal/clock"
	"hotgate/goprobe/internal/descriptor"
	"hotgate/goprobe/internal/handover"
	"hotgate/goprobe/internal/signals"
)

// Exec replaces the image by the program at path and hands over the listeners, the states and the epoch. An empty path
// is the running program's, nil argv and env are those of this process. It calls PrepareExec if that was not done, and
// else looks once more: work that began since then is a NotReadyError. It returns only if it failed; then all is as it
// was before PrepareExec, and the image serves on.
//
// It does not drain, and does not try the new image: Upgrade does both, and then this.
func (p *Probe) Exec(path string, argv, env []string) error {
	if !p.update.claim() {
		return ErrBusy
	}
	defer p.update.release()
	program, err := findProgram(path)
	if err != nil {
		return err
	}
	if err := p.prepare(context.Background()); err != nil {
		return err
	}
	file, handed, err := p.writeHandover(true)
	if err == nil {
		defer file.Close()
		// Since PrepareExec, work may have begun.
		if reasons := p.obstacles(); len(reasons) > 0 {
			err = &NotReadyError{reasons}
		}
	}
	if err == nil {
		err = p.replace(program, handed, argv, env)
	}
	p.backOut(err)
	return err
}

// backOut goes back to serving after a failure past PrepareExec.
func (p *Probe) backOut(err error) {
	if p.update.move(stateFailed, statePrepared) {
		p.profiler.LetGo()
		p.goOn()
		p.update.refuse(reasonsOf(err))
	}
	p.options.Logger.Error("exec failed, serving on", "error", err)
}

// replace calls exec. The descriptors keep their numbers: moving them to 3 and up, where LISTEN_FDS wants them, would
// overwrite descriptors that other threads use, and with them the image that has to serve on if exec fails.
func (p *Probe) replace(program *program, handed *handed, argv, env []string) error {
	if argv == nil {
		argv = os.Args
	}
	if len(argv) == 0 {
		return &ExecError{program.path, errors.New("argv is empty: it needs the program's name")}
	}
	if env == nil {
		env = os.Environ()
	}
	kept := []int{descriptor.Number(handed.file)}
	for _, l := range handed.manifest.Listeners {
		kept = append(kept, l.FD)
	}
	for _, l := range handed.manifest.Packets {
		kept = append(kept, l.FD)
	}
	kept = append(kept, handed.conns...)
	if err := program.unchanged(); err != nil {
		return err
	}
	p.conns.part()
	// No fork may happen while the flags are off: a child would inherit the descriptors.
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	for i, fd := range kept {
		if err := descriptor.CloseOnExec(fd, false); err != nil {
			setFlags(kept[:i])
			return &ExecError{program.path, fmt.Errorf("descriptor %d: %w", fd, err)}
		}
	}
	err := program.unchanged()
	if err == nil {
		if timer := clock.ProfilingTimer(); timer.Armed {
			err = &NotReadyError{[]Reason{armed(timer)}}
		}
	}
	if err == nil {
		_ = clock.DisarmProfilingTimer()
		signals.DropPendingSIGPROF()
		variable := fmt.Sprintf("%s=1 pid=%d fd=%d at=%d", handover.Variable, os.Getpid(), kept[0], clock.Monotonic())
		// Until the new program has its handlers, the signal's default action would end the process.
		reload := p.reload.number()
		if reload != 0 {
			variable += fmt.Sprintf(" reload=%d", int(reload))
		}
		restore := signals.Ignore(reload)
		err = &ExecError{program.path, syscall.Exec(program.path, argv, handover.WithVariables(env, variable, handed.manifest.Listeners))}
		restore()
	}
	setFlags(kept)
	return err
}

func setFlags(fds []int) {
	for _, fd := range fds {
		_ = descriptor.CloseOnExec(fd, true)
	}
}

// program is a file to be executed, and what it was when it was looked at.
type program struct {
	path string
	info os.FileInfo
}

func findProgram(path string) (*program, error) {
	if path == "" {
		own, err := os.Executable()
		if err != nil {
			return nil, &ExecError{"the running program", err}
		}
		path = own
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, &ExecError{path, err}
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, &ExecError{path, err}
	case !info.Mode().IsRegular():
		return nil, &ExecError{path, errors.New("it is not a file")}
	case info.Mode().Perm()&0o111 == 0:
		return nil, &ExecError{path, syscall.EACCES}
	}
	return &program{path, info}, nil
}

// unchanged makes sure that what is executed is what was tried.
func (p *program) unchanged() error {
	info, err := os.Stat(p.path)
	if err != nil {
		return &ExecError{p.path, err}
	}
	if !os.SameFile(info, p.info) || info.Size() != p.info.Size() || !info.ModTime().Equal(p.info.ModTime()) {
		return &ExecError{p.path, errors.New("the file was replaced meanwhile; try again")}
	}
	return nil
}
