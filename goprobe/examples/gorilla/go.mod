module hotgate/goprobe/examples/gorilla

go 1.21

require (
	github.com/gorilla/websocket v1.5.3
	hotgate/goprobe v0.0.0
)

replace hotgate/goprobe => ../..
