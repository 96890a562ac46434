// Command hot does work whose shares of CPU are known, and writes profiles of it.
//
//	hot -out DIR -windows 20 -window 6s   CPU profiles of 20 windows, DIR/000001.pb.gz and so on
//	hot -out DIR -kinds                   one profile of every kind, DIR/cpu.pb.gz and so on
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"
)

func main() {
	out := flag.String("out", ".", "directory for the profiles")
	windows := flag.Int("windows", 1, "number of CPU profiles")
	window := flag.Duration("window", time.Second, "length of each")
	kinds := flag.Bool("kinds", false, "write one profile of every kind instead")
	flag.Parse()
	var err error
	if *kinds {
		err = everyKind(*out, *window)
	} else {
		for n := 1; n <= *windows && err == nil; n++ {
			err = cpu(filepath.Join(*out, fmt.Sprintf("%06d.pb.gz", n)), *window)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// cpu serves requests for one window and writes its profile.
func cpu(path string, window time.Duration) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := pprof.StartCPUProfile(file); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	for end := time.Now().Add(window); time.Now().Before(end); {
		serve()
	}
	return nil
}

func everyKind(out string, window time.Duration) error {
	runtime.MemProfileRate = 4096
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	if err := cpu(filepath.Join(out, "cpu.pb.gz"), window); err != nil {
		return err
	}
	keep := allocate(2000)
	contend()
	stop := park(7)
	defer close(stop)
	runtime.GC()
	for _, kind := range []string{"heap", "allocs", "goroutine", "mutex", "block"} {
		file, err := os.Create(filepath.Join(out, kind+".pb.gz"))
		if err != nil {
			return err
		}
		if err := pprof.Lookup(kind).WriteTo(file, 0); err != nil {
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	runtime.KeepAlive(keep)
	return nil
}

//go:noinline
func allocate(n int) [][]byte {
	kept := make([][]byte, 0, n)
	for i := 0; i < n; i++ {
		kept = append(kept, make([]byte, 512+i))
	}
	return kept
}

//go:noinline
func contend() {
	var lock sync.Mutex
	var group sync.WaitGroup
	for i := 0; i < 4; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for j := 0; j < 20; j++ {
				lock.Lock()
				time.Sleep(100 * time.Microsecond)
				lock.Unlock()
			}
		}()
	}
	group.Wait()
}

func park(n int) chan struct{} {
	stop := make(chan struct{})
	for i := 0; i < n; i++ {
		go func() { <-stop }()
	}
	time.Sleep(10 * time.Millisecond)
	return stop
}
