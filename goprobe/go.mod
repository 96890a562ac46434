module hotgate/goprobe

go 1.21
