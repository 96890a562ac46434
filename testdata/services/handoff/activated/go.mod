module example.com/handoff/activated

go 1.21
