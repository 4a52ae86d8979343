// Command pulumi-language-python lets the Pulumi engine run programs and policy packs that are written in Python.
//
// The engine starts it with the address of the engine's server as last argument, reads its port from the first line of
// its output, and calls the gRPC service `LanguageRuntime` on that port.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/version"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

// execName is the name of the script that connects a program to the engine; it is in the folder of this executable.
const execName = "pulumi-language-python-exec"

// parentPoll is the interval for checking whether the engine is still running, because it may be killed.
const parentPoll = 500 * time.Millisecond

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	flags := flag.NewFlagSet("pulumi-language-python", flag.ContinueOnError)
	tracing := flags.String("tracing", "", "endpoint that the engine sends traces to; passed on to programs")
	flags.Bool("logtostderr", false, "ignored: there is no log")
	flags.Int("v", 0, "ignored: there is no log")
	showVersion := flags.Bool("version", false, "print the version and exit")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *showVersion {
		fmt.Println(version.Version)
		return nil
	}
	script, err := execScript()
	if err != nil {
		return err
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go endWithParent(os.Getppid())
	cancel := make(chan bool)
	go func() {
		<-ctx.Done()
		close(cancel)
	}()

	service := newHost(flags.Arg(0), script, *tracing)
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: cancel,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, service)
			return nil
		},
		Options: rpcutil.TracingServerInterceptorOptions(nil),
	})
	if err != nil {
		return err
	}
	fmt.Println(handle.Port)
	return <-handle.Done
}

// execScript returns the path of the script that connects a program to the engine.
func execScript() (string, error) {
	executable, err := os.Executable()
	if err != nil {
		return "", err
	}
	if resolved, err := filepath.EvalSymlinks(executable); err == nil {
		executable = resolved
	}
	script := filepath.Join(filepath.Dir(executable), execName)
	if _, err := os.Stat(script); errors.Is(err, os.ErrNotExist) {
		return "", errors.New(userError(
			"The Python language host is incomplete.",
			"no "+script,
			"build it again: mlp toolchain build pulumi-language-python",
		))
	}
	return script, nil
}

// endWithParent ends this process when its parent has ended. Programs that it runs end with it.
func endWithParent(parent int) {
	for range time.Tick(parentPoll) {
		if os.Getppid() != parent {
			os.Exit(1)
		}
	}
}
