package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// fault is set by the linker; each of these is one thing that a rehearsal has to find:
//
//	flag         the command line's flag has another name
//	crash        it exits at its start
//	deaf         it never says that it is ready
//	lock         it needs a file's lock that the old image keeps until it has drained
//	both         the old image serves on beside the new one
//	abrupt       the old image ends at once, with requests under way
//	closes       the old image closes its connections instead of draining them
//	errors       the first second's answers are errors
//	state        cents are read as another unit
//	migrates     the state is rewritten in a form that the old image cannot read
//	answer       an answer changed
//	header       a header changed
//	status       a status changed
//	slow         it accepts 3 s after it has said that it is ready, when the old image has gone
//	descriptors  each image leaves a descriptor to the next
//	goroutines   each image has one goroutine more than the last
//	processes    each image leaves a child behind
//	files        each image leaves a file behind
//	once         after a child that failed there is never another one
//	deafens      each image leaves SIGHUP ignored to the next
//	leaks        a child that does not get ready is never ended
var fault string

var failed bool

var started = time.Now()

func listenFlag() string {
	if fault == "flag" {
		return "address"
	}
	return "listen"
}

// accept is where one image reads what another has written.
func accept(current *state) error {
	if current.Form != 1 && fault != "migrates" {
		return fmt.Errorf("state of form %d", current.Form)
	}
	if fault == "state" {
		current.Cents /= 100
	}
	return nil
}

// begin is what an image does before it is ready.
func begin(current *state) error {
	switch fault {
	case "crash":
		return errors.New("the fault crash")
	case "deaf":
		if os.Getenv("READY_FD") != "" {
			time.Sleep(time.Hour)
		}
	case "migrates":
		current.Form = 2
	case "descriptors":
		if _, _, err := syscall.Syscall(syscall.SYS_FCNTL, 1, syscall.F_DUPFD, 100); err != 0 {
			return err // the numbers from 3 on are the child's own
		}
	case "goroutines":
		for range make([]struct{}, current.Generation) {
			go func() { select {} }()
		}
	case "processes":
		child := exec.Command("sleep", "3600")
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			return err
		}
	case "files":
		return os.WriteFile(fmt.Sprintf("left-%d", os.Getpid()), nil, 0o600)
	case "lock":
		file, err := os.OpenFile("lock", os.O_CREATE|os.O_RDWR, 0o600)
		if err == nil {
			err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		}
		kept = file
		return err
	}
	return nil
}

var kept *os.File

func answer(w http.ResponseWriter) {
	if fault == "header" {
		w.Header().Set("X-Shop", "two")
	} else {
		w.Header().Set("X-Shop", "one")
	}
	switch {
	case fault == "errors" && time.Since(started) < time.Second && os.Getenv("READY_FD") != "":
		w.WriteHeader(http.StatusServiceUnavailable)
	case fault == "status":
		w.WriteHeader(http.StatusAccepted)
	}
	text := "total 100\n"
	if fault == "answer" {
		text = "total 100.00\n"
	}
	fmt.Fprint(w, strings.Repeat("line\n", 3), text)
}

func afterReady(listener net.Listener) net.Listener {
	if fault == "slow" && os.Getenv("READY_FD") != "" {
		return late{listener}
	}
	return listener
}

type late struct{ net.Listener }

func (l late) Accept() (net.Conn, error) {
	time.Sleep(time.Until(started.Add(3 * time.Second)))
	return l.Listener.Accept()
}

func mayStart() error {
	if fault == "deafens" {
		signal.Ignore(syscall.SIGHUP)
	}
	if fault == "once" && failed {
		return errors.New("an update has failed before")
	}
	return nil
}

func afterFailure() { failed = true }

func staysBeside() bool { return fault == "both" }

func giveUp(command *exec.Cmd) {
	if fault != "leaks" {
		command.Process.Kill()
	}
}

func drainsBadly(server *http.Server) bool {
	switch fault {
	case "abrupt":
		return true
	case "closes":
		server.Close()
		time.Sleep(linger)
		return true
	}
	return false
}
