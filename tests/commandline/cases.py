"""Changes to the programs of `testdata/programs/flags`: what each does to a running command line.

A case: its name, the library, the edits of OLD and of NEW, the command line, and the flags that NEW does not take: for certain
(`gone`), or as far as can be told (`doubted`).
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

Edits = tuple[tuple[str, str], ...]


class Change(Struct, frozen=True):
    """One update of one program."""

    name: str
    library: str
    argv: str
    new: Edits = ()
    old: Edits = ()
    gone: tuple[str, ...] = ()
    doubted: tuple[str, ...] = ()
    why: str = ""
    """A part of the reason for a doubt."""


def _case(library: str, name: str, argv: str, *new: tuple[str, str], **more: Any) -> Change:
    return Change(name, library, argv, new, **more)


_SET = 'fs := flag.NewFlagSet("orders", flag.{0}); fs.String("mode", "", ""); {1}'
_CHECKED = "if err := fs.Parse(os.Args[1:]); err != nil { os.Exit(2) }"
_IGNORED = "_ = fs.Parse(os.Args[1:])"


_TWO = """serve, admin := flag.NewFlagSet("serve", flag.ExitOnError), flag.NewFlagSet("admin", flag.ExitOnError)
	{}.String("mode", "", "")
	if len(os.Args) > 1 && os.Args[1] == "serve" {{
		_ = serve.Parse(os.Args[2:])
	}} else if len(os.Args) > 1 {{
		_ = admin.Parse(os.Args[2:])
	}}"""


def _own(handling: str, parse: str, *, name: str = "mode") -> tuple[str, str]:
    return "flag.Parse()", _SET.format(handling, parse).replace('"mode"', f'"{name}"')


_LISTEN = ('"listen", "127', '"address", "127')
_L_V3 = ('Aliases: []string{"l", "addr"}', 'Aliases: []string{"l"}')

STANDARD = [
    _case("standard", "nothing", "orders -listen :80 --v -tag=a -tag b -grace 2s -dry"),
    _case("standard", "renamed", "orders -v -listen :80", _LISTEN, gone=("-listen",)),
    _case("standard", "renamed, and not used", "orders -v", _LISTEN),
    _case("standard", "behind the end of flags", "orders -v -- -listen :80", _LISTEN),
    _case("standard", "behind another word", "orders -v x -listen :80", _LISTEN),
    _case("standard", "as a value", "orders -token -listen", _LISTEN),
    _case("standard", "behind a switch", "orders -v=true -dry -listen=x", _LISTEN, gone=("-listen",)),
    _case("standard", "added", "orders -listen :80", ("// more", 'flag.Int("extra", 1, "more")')),
    _case("standard", "name that is passed on", "orders -grace 2s", ('duration("grace"', 'duration("linger"'), gone=("-grace",)),
    _case("standard", "variable and func", "orders -tag a -pause 1s -dry", ('"tag"', '"label"'), ('"dry"', '"try"'), gone=("-dry", "-tag")),
    _case(
        "standard", "name that is computed", "orders -listen :80", _LISTEN,
        ("// more", 'flag.String(strings.ToLower(os.Args[0]), "", "computed")'), doubted=("-listen",), why="computes",
    ),
    _case(
        "standard", "function that is called by its address", "orders -listen :80", _LISTEN,
        ("// more", 'for _, add := range []func(string, string, string) *string{flag.String, nil}[:len(os.Args)-1] { add(os.Args[0], "", "") }'),
        doubted=("-listen",), why="by its address",
    ),
    _case(
        "standard", "set that goes on", "orders -listen :80", _LISTEN,
        ("// more", "flag.CommandLine.Init(os.Args[0], flag.ContinueOnError)"), doubted=("-listen",), why="changes what a set does",
    ),
    _case(
        "standard", "another command line set", "orders -listen :80", _LISTEN,
        ("// more", "flag.CommandLine = flag.NewFlagSet(os.Args[0], flag.ContinueOnError)"), doubted=("-listen",), why="replaces flag.CommandLine",
    ),
    _case("standard", "os.Args changed", "orders -listen :80", _LISTEN, ("// more", "os.Args = os.Args[:1:1]"), doubted=("-listen",), why="os.Args"),
    _case("standard", "no flags any more", "orders -v", ("flag.Parse()", ""), doubted=("-v",), why="not known"),
    _case("standard", "own set", "orders -mode x", _own("ExitOnError", _IGNORED, name="kind"), old=(_own("ExitOnError", _IGNORED),), gone=("-mode",)),
    _case(
        "standard", "own set with its error looked at", "orders -mode x", _own("ContinueOnError", _CHECKED, name="kind"),
        old=(_own("ContinueOnError", _CHECKED),), gone=("-mode",),
    ),
    _case(
        "standard", "own set with its error ignored", "orders -mode x", _own("ContinueOnError", _IGNORED, name="kind"),
        old=(_own("ContinueOnError", _IGNORED),), doubted=("-mode",), why="ContinueOnError",
    ),
    _case(
        "standard", "moved to another set", "orders serve -mode x", ("flag.Parse()", _TWO.format("admin")),
        old=(("flag.Parse()", _TWO.format("serve")),), doubted=("-mode",), why="NEW defines it for admin",
    ),
]  # fmt: skip

_WHITELIST = "serve.FParseErrWhitelist.UnknownFlags = true"
_RENAMED = ('"listen", "l"', '"address", "a"')
COBRA = [
    _case("cobra", "nothing", "orders serve -vvl:80 -corders.toml --tag=a --tag b --grace 1s -n"),
    _case("cobra", "renamed", "orders serve --listen :80", _RENAMED, gone=("--listen",)),
    _case("cobra", "renamed shorthand in a group", "orders serve -vvl:80", _RENAMED, gone=("-l",)),
    _case("cobra", "shorthand lost", "orders serve -n -l :80", ('StringVarP(&listen, "listen", "l"', 'StringVar(&listen, "listen"'), gone=("-l",)),
    _case("cobra", "persistent", "orders --config x serve", ('"config", "c"', '"settings", "s"'), gone=("--config",)),
    _case("cobra", "deprecated", "orders serve --listen x", ("// more", '_ = serve.Flags().MarkDeprecated("listen", "soon gone")')),
    _case("cobra", "hidden alias", "orders serve --listen x", _RENAMED, ("// more", 'serve.Flags().StringVar(&listen, "listen", "", "the old name")')),
    _case("cobra", "as a value", "orders serve --token --listen -- --tag", _RENAMED, ('"tag"', '"label"')),
    _case(
        "cobra", "moved to another subcommand", "orders serve --listen :80", _RENAMED,
        ("// more", 'version := &cobra.Command{Use: "edition [flags]"}\n\tversion.Flags().StringVar(&listen, "listen", "", "")\n\troot.AddCommand(version)'),
        doubted=("--listen",), why="NEW defines it for edition, and the command line is for serve",
    ),
    _case(
        "cobra", "moved to all subcommands", "orders serve --listen :80", _RENAMED,
        ("// more", 'root.PersistentFlags().StringVar(&listen, "listen", "", "")'),
    ),
    _case("cobra", "unknown flags let through", "orders serve --listen :80", _RENAMED, ("// more", _WHITELIST), doubted=("--listen",), why="FParseErrWhitelist"),
    _case(
        "cobra", "unknown flags let through by the data", "orders serve --listen :80", _RENAMED,
        ('Short:   "take orders",', 'Short: "take orders", FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true},'),
        doubted=("--listen",), why="FParseErrWhitelist",
    ),
    _case(
        "cobra", "flags not parsed", "orders serve --listen :80", _RENAMED, ('Short:   "take orders",', 'Short: "take orders", DisableFlagParsing: true,'),
        doubted=("--listen",), why="DisableFlagParsing",
    ),
    _case(
        "cobra", "other names", "orders serve --listen :80", _RENAMED,
        ("// more", "serve.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName { return pflag.NormalizedName(name[:1]) })"),
        ('"github.com/spf13/cobra"', '"github.com/spf13/cobra"\n\t"github.com/spf13/pflag"'), doubted=("--listen",), why="SetNormalizeFunc",
    ),
]  # fmt: skip


def _urfave(library: str) -> list[Change]:
    computed = ('Name: "listen"', "Name: os.Args[0]")
    return [
        _case(library, "nothing", "orders -c x -V serve --listen=:80 -l :80 --addr :80 --tag a --grace 1s -n"),
        _case(library, "renamed", "orders serve --listen :80", ('Name: "listen"', 'Name: "address"'), gone=("--listen",)),
        _case(library, "alias lost", "orders serve --addr :80 -l :80", _L_V3, gone=("--addr",)),
        _case(library, "in the data", "orders --config x -V serve", ('Name: "config"', 'Name: "settings"'), gone=("--config",)),
        _case(library, "alias in the data", "orders -c x serve", ('Aliases: []string{"c"}', 'Aliases: []string{"C"}'), gone=("-c",)),
        _case(library, "added", "orders serve --listen :80", ("// more", '&cli.IntFlag{Name: "extra"},')),
        _case(library, "name that is computed", "orders serve --listen :80", computed, doubted=("--listen",), why="computes"),
        _case(
            library, "flags not parsed", "orders serve --listen :80", ('Name: "listen"', 'Name: "address"'),
            ('Aliases: []string{"run"},', 'Aliases: []string{"run"}, SkipFlagParsing: true,'), doubted=("--listen",), why="SkipFlagParsing",
        ),
    ]  # fmt: skip


KONG = [
    _case("kong", "nothing", "orders -vv -cx serve --listen=:80 --addr :80 -l :80 --grace-time 1s --no-dry --http-server x --log-level debug --log-shape j"),
    _case("kong", "renamed field", "orders serve -l :80 --listen :80", ("Listen ", "Address "), ("c.Log)", "c.Log)"), gone=("--listen",)),
    _case("kong", "alias lost", "orders serve --addr :80", (' aliases:"addr"', ""), gone=("--addr",)),
    _case("kong", "another prefix", "orders --log-level debug serve", ('prefix:"log-"', 'prefix:"logging-"'), gone=("--log-level",)),
    _case("kong", "named field", "orders --log-shape j serve", ('name:"shape" ', ""), gone=("--log-shape",)),
    _case("kong", "negation lost", "orders serve --no-dry", (' negatable:""', ""), gone=("--no-dry",)),
    _case("kong", "tag in another form", "orders serve -l :80 --listen :80", ('short:"l" aliases:"addr" help:"The address to listen on." default:":8080"', "kong:\"name='listen',short='l',help='a, b'\"")),
    _case("kong", "passed through", "orders serve --listen :80", ("Listen ", "Address "), ('arg:"" optional:""', 'arg:"" optional:"" passthrough:""'), doubted=("--listen",), why="passthrough"),
    _case("kong", "flags added by an option", "orders serve --listen :80", ("Listen ", "Address "), ("kong.Parse(&cli)", "kong.Parse(&cli, kong.PostBuild(func(*kong.Kong) error { return nil }))"), doubted=("--listen",), why="PostBuild"),
]  # fmt: skip

_GO_RENAMED = ('short:"l" long:"listen"', 'short:"a" long:"address"')
GO_FLAGS = [
    _case("goflags", "nothing", "orders -vvl:80 --listen=:80 --tag a --tag=b -n --log.level debug"),
    _case("goflags", "renamed", "orders -vvl:80 --listen :80", _GO_RENAMED, gone=("--listen", "-l")),
    _case("goflags", "another namespace", "orders --log.level debug", ('namespace:"log"', 'namespace:"logging"'), gone=("--log.level",)),
    _case("goflags", "unknown flags ignored", "orders --listen :80", _GO_RENAMED, ("flags.Default", "flags.Default|flags.IgnoreUnknown"), doubted=("--listen",), why="IgnoreUnknown"),
    _case("goflags", "unknown flags ignored later", "orders --listen :80", _GO_RENAMED, ("if _, err := parser", "parser.Options |= flags.IgnoreUnknown\n\tif _, err := parser"), doubted=("--listen",), why="Options"),
    _case("goflags", "error that is only printed", "orders --listen :80", _GO_RENAMED, ("os.Exit(2)", "fmt.Println(err, os.Args[0])"), doubted=("--listen",), why="go on"),
]  # fmt: skip

CHANGES = [*STANDARD, *COBRA, *_urfave("urfave2"), *_urfave("urfave3"), *KONG, *GO_FLAGS]
