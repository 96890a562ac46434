module example.com/handoff/endless

go 1.21

require github.com/fvbock/endless v0.0.0-20170109170031-447134032cb6
