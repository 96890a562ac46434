module example.com/hotgate/flags/goflags

go 1.21

require github.com/jessevdk/go-flags v1.6.1

require golang.org/x/sys v0.21.0 // indirect
