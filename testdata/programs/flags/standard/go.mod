module example.com/hotgate/flags/standard

go 1.21
