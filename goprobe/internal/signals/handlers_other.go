//go:build !linux

package goprobe

func handlerFacts() HandlerFacts { return HandlerFacts{Rows: []HandlerRow{}} }
