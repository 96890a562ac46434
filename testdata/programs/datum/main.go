// Command datum holds data of every kind, so that an edit of one can be told from all others.
package main

import (
	"fmt"
	"io/fs"
	"os"

	"example.com/datum/store"
)

// Version is set by the linker.
var Version = "dev"

func main() {
	if len(os.Args) > 9 {
		store.Step.Run = nil
		store.Hook = nil
	}
	fmt.Println(Version, store.Sum(len(os.Args)))
	_ = fs.WalkDir(store.Files, ".", func(path string, _ fs.DirEntry, err error) error {
		fmt.Println(path, err)
		return nil
	})
}
