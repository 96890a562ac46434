// A service that reads its command line by cobra and pflag.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

var (
	config  string
	verbose int
	listen  string
	tags    []string
)

var root = &cobra.Command{Use: "orders", SilenceUsage: true}

var serve = &cobra.Command{
	Use:     "serve",
	Aliases: []string{"run"},
	Short:   "take orders",
	RunE: func(cmd *cobra.Command, args []string) error {
		grace, err := cmd.Flags().GetDuration("grace")
		fmt.Println("ready", config, verbose, listen, tags, grace, err)
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		<-stop
		return nil
	},
}

func init() {
	root.PersistentFlags().StringVarP(&config, "config", "c", "orders.toml", "the configuration")
	root.PersistentFlags().CountVarP(&verbose, "verbose", "v", "say more")
	serve.Flags().StringVarP(&listen, "listen", "l", ":8080", "the address to listen on")
	serve.Flags().StringSliceVar(&tags, "tag", nil, "may be repeated")
	serve.Flags().Duration("grace", time.Second, "a time")
	serve.Flags().String("token", "", "a secret")
	serve.Flags().BoolP("dry", "n", false, "do nothing")
	// more
	root.AddCommand(serve, &cobra.Command{Use: "version", Run: func(*cobra.Command, []string) { fmt.Println("1.0") }})
}

func main() {
	if err := root.Execute(); err != nil {
		os.Exit(1)
	}
}
