module example.com/handoff/grace

go 1.21

require github.com/facebookgo/grace v0.0.0-20180706040059-75cf19382434 // indirect
