module hotgate/goprobe/examples/coder

go 1.21

require (
	github.com/coder/websocket v1.8.12
	hotgate/goprobe v0.0.0
)

replace hotgate/goprobe => ../..
