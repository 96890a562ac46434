module example.com/rehearsed

go 1.21
