module example.com/chained

go 1.21

require hotgate/goprobe v0.0.0

replace hotgate/goprobe => ../../../goprobe
