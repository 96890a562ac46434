module example.com/handoff/selfmade

go 1.21
