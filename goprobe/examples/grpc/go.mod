module hotgate/goprobe/examples/grpc

go 1.21

require (
	google.golang.org/grpc v1.66.3
	hotgate/goprobe v0.0.0
)

require (
	golang.org/x/net v0.26.0 // indirect
	golang.org/x/sys v0.21.0 // indirect
	golang.org/x/text v0.16.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20240604185151-ef581f913117 // indirect
	google.golang.org/protobuf v1.34.1 // indirect
)

replace hotgate/goprobe => ../..
