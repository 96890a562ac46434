module example.com/hotgate/flags/urfave3

go 1.21

require github.com/urfave/cli/v3 v3.0.0-beta1
