module example.com/handoff/tableflip

go 1.21

require github.com/cloudflare/tableflip v1.2.3
