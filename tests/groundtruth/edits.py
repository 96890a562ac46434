"""Known edits of the ground programs: what was changed, so that what a comparison reports can be judged.

An edit is a set of replacements in source files. What it *did* to the compiled functions is never stated here: the
oracle reads it from the compiler's own listing. `touches` only names functions that must be among them, as a check on
the oracle, and `renames` names the functions that the edit gave another name, which no listing can tell.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parents[2] / "testdata"
GROUND = PROGRAMS / "programs" / "ground"
ORDERS = PROGRAMS / "services" / "orders"

MODULE = "example.com/ground"
PRICING = f"{MODULE}/internal/pricing"
LEDGER = f"{MODULE}/internal/ledger"
SHAPES = f"{MODULE}/internal/shapes"


@dataclass(frozen=True, slots=True)
class Replacement:
    """In `file`, the one place where `old` stands becomes `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit.

    Attributes:
        name: a short stable name.
        about: what was done, in a few words.
        replacements: applied in order; each `old` must occur exactly once.
        added: new files, path -> text.
        source: the module that is edited.
        renames: old function name -> new one, as the symbol table has them.
        touches: functions (names in NEW) that must be in the oracle's `changed`.
        silent: the oracle must find nothing at all.
        elsewhere: both sides keep their file paths, and NEW is built in another folder.
        cgo_only: makes no difference to a build without cgo.
        touches_c: changes one C function, of which Go's listing knows nothing.
        configs: the configurations that it is built in; all when empty.
        data: changes initial values of variables; without it, a value that is reported is made up.
    """

    name: str
    about: str
    replacements: tuple[Replacement, ...] = ()
    added: dict[str, str] = field(default_factory=dict)
    source: Path = GROUND
    renames: dict[str, str] = field(default_factory=dict)
    touches: tuple[str, ...] = ()
    silent: bool = False
    elsewhere: bool = False
    cgo_only: bool = False
    touches_c: bool = False
    configs: tuple[str, ...] = ()
    data: bool = False

    def files(self) -> dict[str, str]:
        """The edited files: path in the module -> whole text.

        Raises:
            ValueError: when a replacement does not fit the source.
        """
        texts = dict(self.added)
        for change in self.replacements:
            text = texts.get(change.file) or (self.source / change.file).read_text(encoding="utf-8")
            if text.count(change.old) != 1:
                raise ValueError(
                    f"edit {self.name}: {text.count(change.old)} places in {change.file} hold {change.old!r}"
                )
            texts[change.file] = text.replace(change.old, change.new)
        return texts


def _pricing(old: str, new: str) -> Replacement:
    return Replacement("internal/pricing/pricing.go", old, new)


def _ledger(old: str, new: str) -> Replacement:
    return Replacement("internal/ledger/ledger.go", old, new)


def _shapes(old: str, new: str) -> Replacement:
    return Replacement("internal/shapes/shapes.go", old, new)


def _main(old: str, new: str) -> Replacement:
    return Replacement("main.go", old, new)


_SHIFT = "// A comment.\n// It moves every line below it.\n\n"

_NORTH = """// North and South are the same code under two names.
//
//go:noinline
func North(n int64) int64 {
	return n*n + 77
}

"""
_SOUTH = """// South is North's twin.
//
//go:noinline
func South(n int64) int64 {
	return n*n + 77
}

"""
_REBATE = """// Rebate has the same size as rate.
//
//go:noinline
func Rebate(n int64) int64 {
	return n*3 - 40
}

"""
_SETTLE = "	return Rebate(n) + 1\n"


def _crowd(count: int) -> str:
    """A file with `count` functions that only a table keeps alive: everything behind them moves by a long way."""
    functions = "\n".join(
        f"//go:noinline\nfunc crowd{i}(n int64) int64 {{\n\tif n > {i * 7} {{\n"
        f"\t\treturn Rebate(n) * {i + 2}\n\t}}\n\treturn n + {1000 + i}\n}}\n"
        for i in range(count)
    )
    table = ", ".join(f"crowd{i}" for i in range(count))
    return (
        f"package pricing\n\n{functions}\nvar crowd = [...]func(int64) int64{{{table}}}\n\n"
        "// Crowd calls one of them.\n//\n//go:noinline\nfunc Crowd(n int64) int64 {\n"
        "\treturn crowd[uint64(n)%uint64(len(crowd))](n)\n}\n"
    )


def _orders_main(old: str, new: str) -> Replacement:
    return Replacement("main.go", old, new)


def _variant(variant: str, file: str) -> str:
    return (ORDERS.parent / "variants" / variant / file).read_text(encoding="utf-8")


# Programs with net/http take seconds to link, so only the configurations that differ most.
_BIG = (
    "exe-nocgo-stripped-amd64",
    "exe-nocgo-full-amd64",
    "pie-cgo-stripped-amd64",
    "pie-cgo-full-amd64",
    "exe-nocgo-stripped-arm64",
)

EDITS: tuple[Edit, ...] = (
    Edit("nothing", "the same sources again", silent=True),
    Edit("elsewhere", "the same sources, built in another folder with its paths kept", silent=True, elsewhere=True),
    Edit(
        "line-shift",
        "comments that move every line",
        (
            _pricing("// Order is used", _SHIFT + "// Order is used"),
            _ledger("// ErrClosed is", _SHIFT + "// ErrClosed is"),
            _shapes("// Number is", _SHIFT + "// Number is"),
            _main("type app struct", _SHIFT + "type app struct"),
        ),
        silent=True,
    ),
    Edit(
        "inlined-constant",
        "25 becomes 35 in a function that its callers inline",
        (_pricing("n*3 + 25 }", "n*3 + 35 }"),),
        touches=(f"{PRICING}.Handling", f"{PRICING}.Insured", f"{LEDGER}.(*Ledger).Add", "main.(*app).arithmetic"),
    ),
    Edit(
        "wide-constant",
        "a constant that is a 32-bit immediate",
        (_pricing("+ 250000", "+ 350000"),),
        touches=(f"{PRICING}.Total",),
    ),
    Edit(
        "wide-constant-callish",
        "an immediate whose bytes look like a call and its displacement",
        (_pricing("+ 250000", "+ 0x05e8e8"),),
        touches=(f"{PRICING}.Total",),
    ),
    Edit(
        "constant-beside-call",
        "a small constant next to a call",
        (_pricing(_SETTLE, "	return Rebate(n) + 2\n"),),
        touches=(f"{PRICING}.Settle",),
    ),
    Edit(
        "field-offset",
        "another field of the same type is written",
        (_pricing("o.Parcel.Grams++", "o.Quantity++"),),
        touches=(f"{PRICING}.Stamp",),
    ),
    Edit(
        "comparison",
        "> becomes <=",
        (_pricing("if o.Weight > 2.5 {", "if o.Weight <= 2.5 {"),),
        touches=(f"{PRICING}.Insured",),
    ),
    Edit(
        "string-same-length",
        "usd becomes eur",
        (_pricing('return "usd"', 'return "eur"'),),
        touches=(f"{PRICING}.Currency",),
    ),
    Edit(
        "string-in-interface",
        "a literal that is answered as an interface",
        (Replacement("internal/pricing/boxed.go", "flat rate", "hard rate"),),
        touches=(f"{PRICING}.Boxed",),
    ),
    Edit(
        "string-in-panic",
        "a literal that is only panicked with",
        (Replacement("internal/pricing/boxed.go", "negative price", "negative piece"),),
        touches=(f"{PRICING}.Boxed",),
    ),
    Edit(
        "function-value-switched",
        "another function is answered as a value, and takes the place of the first one's",
        (Replacement("internal/pricing/boxed.go", "return flat", "return steep"),),
        touches=(f"{PRICING}.Tariff",),
    ),
    Edit(
        "string-in-array",
        "the last element of an array literal of strings",
        (Replacement("internal/pricing/boxed.go", '"west"', '"zest"'),),
        touches=(f"{PRICING}.Table",),
    ),
    Edit(
        "array-late-number",
        "the 62nd number of an array literal",
        (Replacement("internal/pricing/tables.go", "93, 18, 42, 68, 96,\n\t}", "93, 18, 43, 68, 96,\n\t}"),),
        touches=(f"{PRICING}.Grid",),
    ),
    Edit(
        "array-late-string",
        "a string in the last struct of an array literal",
        (Replacement("internal/pricing/tables.go", '"giant", 320', '"great", 320'),),
        touches=(f"{PRICING}.Band",),
    ),
    Edit(
        "array-late-float",
        "a number in the fifth struct of an array literal",
        (Replacement("internal/pricing/tables.go", "160, 4.5", "160, 4.75"),),
        touches=(f"{PRICING}.Band",),
    ),
    Edit(
        "switch-late-string",
        "what the last case of a switch answers",
        (Replacement("internal/pricing/tables.go", '"juliett"', '"juliets"'),),
        touches=(f"{PRICING}.Zone",),
    ),
    Edit(
        "map-late-value",
        "the last value of a map literal",
        (Replacement("internal/pricing/tables.go", '"usd": 127', '"usd": 128'),),
        touches=(f"{PRICING}.Codes",),
    ),
    Edit(
        "map-late-key",
        "the last but one key of a map literal",
        (Replacement("internal/pricing/tables.go", '"eur": 126', '"euro": 126'),),
        touches=(f"{PRICING}.Codes",),
    ),
    Edit(
        "array-type-length",
        "another length of an array that is allocated",
        (Replacement("internal/pricing/kinds.go", "new([4]int)", "new([5]int)"),),
        touches=(f"{PRICING}.Newly",),
    ),
    Edit(
        "array-type-element",
        "another element of an array that is allocated",
        (Replacement("internal/pricing/kinds.go", "new([7]int32)", "new([7]uint32)"),),
        touches=(f"{PRICING}.Newly",),
    ),
    Edit(
        "map-type-element",
        "another element of a map",
        (Replacement("internal/pricing/kinds.go", "map[string]uint32", "map[string]int32"),),
        touches=(f"{PRICING}.Index",),
    ),
    Edit(
        "map-type-key",
        "another key of a map",
        (Replacement("internal/pricing/kinds.go", "map[string]uint32", "map[int64]uint32"),),
        touches=(f"{PRICING}.Index",),
    ),
    Edit(
        "text-beyond-a-page",
        "the last byte of a text of 5,000",
        (Replacement("internal/pricing/kinds.go", 'zsnkklotajuh"', 'zsnkklotajux"'),),
        touches=(f"{PRICING}.Sheet",),
    ),
    Edit(
        "table-beyond-a-page",
        "the last number of a table of 720",
        (Replacement("internal/pricing/kinds.go", "9164,\n\t}", "17,\n\t}"),),
        touches=(f"{PRICING}.Prime",),
    ),
    Edit(
        "string-longer",
        "usd becomes euros",
        (_pricing('return "usd"', 'return "euros"'),),
        touches=(f"{PRICING}.Currency",),
    ),
    Edit(
        "strings-swapped",
        "two literals of one length change places",
        (
            _pricing('return "northern hemisphere"', 'return "SOUTH"'),
            _pricing('return "southern hemisphere"', 'return "northern hemisphere"'),
            _pricing('return "SOUTH"', 'return "southern hemisphere"'),
        ),
        touches=(f"{PRICING}.Region",),
    ),
    Edit(
        "long-string-middle",
        "one word in the middle of 300 bytes, same length",
        (Replacement("internal/pricing/notice.go", "within fourteen days", "within nineteen days"),),
        touches=(f"{PRICING}.Notice",),
    ),
    Edit(
        "long-string-end",
        "the last word of 300 bytes, same length",
        (Replacement("internal/pricing/notice.go", "may have been.", "may had been."),),
        touches=(f"{PRICING}.Notice",),
    ),
    Edit(
        "field-inserted",
        "a field before others in a struct that is used through pointers",
        (_pricing("	Unit     int64\n", "	Tier     int64\n	Unit     int64\n"),),
        touches=(f"{PRICING}.Total", f"{PRICING}.Stamp", f"{PRICING}.Currency"),
    ),
    Edit(
        "nested-field-inserted",
        "a field in a struct that is part of another",
        (_pricing("	Grams int64\n", "	Boxes int64\n	Grams int64\n"),),
        touches=(f"{PRICING}.Stamp", f"{PRICING}.Shipping"),
    ),
    Edit(
        "closure-first",
        "a closure before the others of its function, which renumbers them",
        (
            _ledger(
                "	less := func(a, b Key) bool {\n",
                "	inner := visit\n	visit = func(region string, sum int64) { inner(region, sum+1) }\n"
                "	less := func(a, b Key) bool {\n",
            ),
        ),
        renames={
            f"{LEDGER}.(*Ledger).Report.func1": f"{LEDGER}.(*Ledger).Report.func2",
            f"{LEDGER}.(*Ledger).Report.func2": f"{LEDGER}.(*Ledger).Report.func3",
        },
        touches=(f"{LEDGER}.(*Ledger).Report",),
    ),
    Edit(
        "twins-swapped",
        "two functions with the same code change places in the file",
        (_pricing(_NORTH, ""), _pricing(_SOUTH, _SOUTH + _NORTH)),
        silent=True,
    ),
    Edit(
        "twin-called-instead",
        "the call of a function goes to its twin",
        (_pricing("return North(n) - South(n+1)", "return South(n) - North(n+1)"),),
        touches=(f"{PRICING}.Compass",),
    ),
    Edit(
        "call-target",
        "another function of the same signature is called",
        (_pricing("return rate(n) + rate(n+1)", "return rate(n) + Rebate(n+1)"),),
        touches=(f"{PRICING}.Quote",),
    ),
    Edit(
        "removed-same-displacement",
        "a function is removed, its caller calls the one that takes its place",
        (_pricing(_SETTLE, "	return rate(n) + 1\n"), _pricing(_REBATE, "")),
        touches=(f"{PRICING}.Settle",),
    ),
    Edit(
        "instance-added",
        "a generic function is instantiated for another shape",
        (
            _main(
                "func (a *app) show(total int64) {\n",
                "func (a *app) show(total int64) {\n"
                "	println(shapes.Largest([]float64{float64(total), 2}), shapes.Largest([]int32{int32(total)}))\n",
            ),
        ),
        touches=("main.(*app).show",),
    ),
    Edit(
        "function-added",
        "a function and its call",
        (
            _pricing(_SETTLE, "	return Rebate(n) + Fee(n)\n"),
            _pricing(
                "// Quote keeps rate alive.",
                "// Fee is new.\n//\n//go:noinline\nfunc Fee(n int64) int64 { return n/100 + 30 }\n\n// Quote keeps rate alive.",
            ),
        ),
        touches=(f"{PRICING}.Settle",),
    ),
    Edit(
        "function-added-to-table",
        "a function that only a table of a package variable refers to",
        (
            _pricing(
                "// Order is used",
                "// Fee is new.\n//\n//go:noinline\nfunc Fee(n int64) int64 { return n/100 + 30 }\n\n// Order is used",
            ),
            _ledger("	pricing.Adjust,\n", "	pricing.Adjust,\n	pricing.Fee,\n"),
        ),
        data=True,
    ),
    Edit(
        "crowd-added",
        "three hundred functions before all others",
        (_ledger("	pricing.Adjust,\n", "	pricing.Adjust,\n	pricing.Crowd,\n"),),
        added={"internal/pricing/crowd.go": _crowd(300)},
        data=True,
    ),
    Edit(
        "function-removed",
        "a function that a table referred to is gone",
        (_ledger('	"quote":  pricing.Quote,\n', ""),),
        touches=(f"{LEDGER}.init",),
    ),
    Edit(
        "function-renamed",
        "a function has another name",
        (
            _pricing("func Quote(", "func Offer("),
            _ledger("pricing.Quote", "pricing.Offer"),
            _pricing("func rate(", "func tariff("),
            _pricing("return rate(n) + rate(n+1)", "return tariff(n) + tariff(n+1)"),
        ),
        renames={f"{PRICING}.Quote": f"{PRICING}.Offer", f"{PRICING}.rate": f"{PRICING}.tariff"},
    ),
    Edit(
        "signature",
        "a parameter more",
        (
            _pricing("func Stepped(i int) int64 {", "func Stepped(i int, scale int64) int64 {"),
            _pricing("return Steps[i&3]", "return Steps[i&3] * scale"),
            _main("pricing.Stepped(int(o.ID))", "pricing.Stepped(int(o.ID), o.Unit)"),
        ),
        touches=(f"{PRICING}.Stepped", "main.(*app).arithmetic"),
    ),
    Edit(
        "package-variable",
        "another variable of the same type is read",
        (_pricing("return n + Surcharge", "return n + Discount"),),
        touches=(f"{PRICING}.Adjust",),
    ),
    Edit(
        "variables-swapped",
        "two variables are written in the other order",
        (_pricing("	Surcharge = n\n	Discount = n + 1\n", "	Discount = n\n	Surcharge = n + 1\n"),),
        touches=(f"{PRICING}.Reset",),
    ),
    Edit(
        "variable-value",
        "the initial values of package variables, which no code holds",
        (_pricing("{3, 5, 8, 13}", "{3, 5, 9, 14}"), _pricing("Surcharge int64 = 7", "Surcharge int64 = 8")),
        silent=True,
        data=True,
    ),
    Edit(
        "variable-added",
        "a variable before others",
        (
            _pricing("	Surcharge int64 = 7\n", "	Ceiling   int64 = 5\n	Surcharge int64 = 7\n"),
            _pricing("return n*5 - 60", "return n*5 - Ceiling"),
        ),
        touches=(f"{PRICING}.rate",),
    ),
    Edit(
        "float-constant",
        "1.25 becomes 1.5",
        (_pricing("o.Weight*1.25", "o.Weight*1.5"),),
        touches=(f"{PRICING}.Scaled",),
    ),
    Edit(
        "jump-table-case",
        "a case more in a switch that has a jump table",
        (_pricing("	case 8:\n", "	case 9:\n		return Discount * 23\n	case 8:\n"),),
        touches=(f"{PRICING}.Class",),
    ),
    Edit(
        "jump-table-permuted",
        "the labels of two cases change places",
        (
            _pricing("	case 6:\n", "	case 600:\n"),
            _pricing("	case 7:\n", "	case 6:\n"),
            _pricing("	case 600:\n", "	case 7:\n"),
        ),
        touches=(f"{PRICING}.Class",),
    ),
    Edit(
        "method-order",
        "two interface methods are called in the other order",
        (_shapes("	a := s.Area()\n	p := s.Perimeter()\n", "	p := s.Perimeter()\n	a := s.Area()\n"),),
        touches=(f"{SHAPES}.Measure",),
    ),
    Edit(
        "method-switched",
        "one interface method is called instead of the other",
        (_shapes("	p := s.Perimeter()\n", "	p := s.Area()\n"),),
        touches=(f"{SHAPES}.Measure",),
    ),
    Edit(
        "interface-method-added",
        "a method more in an interface, sorted before others",
        (
            _ledger("	Append(line string)\n", "	Append(line string)\n	Bytes() int\n"),
            _ledger(
                "// Discard is another",
                "// Bytes is new.\nfunc (m *Memory) Bytes() int { return len(m.lines) * 8 }\n\n"
                "// Bytes is new.\nfunc (d *Discard) Bytes() int { return d.n }\n\n// Discard is another",
            ),
        ),
        touches=(f"{LEDGER}.(*Ledger).Close",),
    ),
    Edit(
        "type-at-new",
        "another type of the same size is allocated",
        (_pricing("p := new(Domestic)", "p := new(Foreign)"),),
        touches=(f"{PRICING}.Fresh",),
    ),
    Edit(
        "type-switch-case",
        "two cases of a type switch change places",
        (
            _shapes('	case Square:\n		return "square"\n', '	case Square:\n		return "box"\n'),
            _shapes('	case Box:\n		return "box"\n', '	case Box:\n		return "square"\n'),
        ),
        touches=(f"{SHAPES}.Describe",),
    ),
    Edit(
        "defer-added",
        "a defer in a function that had none",
        (_ledger("	l.closed = true\n", "	l.mu.Lock()\n	defer l.mu.Unlock()\n	l.closed = true\n"),),
        touches=(f"{LEDGER}.(*Ledger).Close",),
    ),
    Edit(
        "closure-body",
        "a constant in a closure",
        (_main("{ return pricing.Total(o) + total })", "{ return pricing.Total(o) - total })"),),
        touches=("main.main.func1",),
    ),
    Edit(
        "generic-body",
        "the body of a generic function",
        (_shapes("v > best {", "v < best {"),),
        touches=(f"{SHAPES}.Largest[go.shape.int64]",),
    ),
    Edit(
        "init-added",
        "a package gets an init function",
        (
            Replacement(
                "internal/pricing/notice.go",
                "package pricing\n",
                "package pricing\n\nfunc init() {\n	Surcharge = int64(len(Steps))\n}\n",
            ),
        ),
    ),
    Edit(
        "init-body",
        "the body of an init function",
        (Replacement("internal/shapes/init.go", "Side: 1", "Side: 2"),),
        touches=(f"{SHAPES}.init.0",),
    ),
    Edit(
        "dependency-inlined",
        "a function of another module that is inlined here",
        (Replacement("lib/units/units.go", "whole*100 + 1", "whole*100 + 2"),),
        touches=(f"{PRICING}.Shipping",),
    ),
    Edit(
        "dependency-body",
        "a function of another module that is called",
        (Replacement("lib/units/units.go", "kilograms * 1000", "kilograms * 1024"),),
        touches=("example.com/units.Grams",),
    ),
    Edit(
        "native-go",
        "the fallback that only a build without cgo compiles",
        (Replacement("native/native_go.go", "n*31 + 4", "n*31 + 5"),),
    ),
    Edit(
        "native-c",
        "C code behind an unchanged Go function",
        (Replacement("native/native_cgo.go", "n * 31 + calls", "n * 37 + calls"),),
        cgo_only=True,
        touches_c=True,
    ),
    Edit(
        "native-c-string",
        "a string in C code",
        (Replacement("native/native_cgo.go", '"mixer"', '"mixes"'),),
        cgo_only=True,
        touches_c=True,
    ),
    Edit(
        "several",
        "five of the above at once",
        (
            _pricing("n*3 + 25 }", "n*3 + 35 }"),
            _pricing('return "usd"', 'return "eur"'),
            _pricing("return n + Surcharge", "return n + Discount"),
            _shapes("v > best {", "v < best {"),
            _ledger("	pricing.Adjust,\n", "	pricing.Adjust,\n	pricing.Crowd,\n"),
        ),
        added={"internal/pricing/crowd.go": _crowd(40)},
        touches=(
            f"{PRICING}.Handling",
            f"{PRICING}.Currency",
            f"{PRICING}.Adjust",
            f"{SHAPES}.Largest[go.shape.int64]",
        ),
        data=True,
    ),
    Edit("orders-nothing", "a service with net/http, the same sources again", source=ORDERS, silent=True, configs=_BIG),
    Edit(
        "orders-line-shift",
        "comments that move every line of it",
        (
            _orders_main("type server struct", _SHIFT + "type server struct"),
            Replacement("internal/store/store.go", "// Order is a", _SHIFT + "// Order is a"),
            Replacement("internal/pricing/pricing.go", "// Line is one", _SHIFT + "// Line is one"),
        ),
        source=ORDERS,
        silent=True,
        configs=_BIG,
    ),
    Edit(
        "orders-elsewhere",
        "the service built in another folder with its paths kept",
        source=ORDERS,
        silent=True,
        elsewhere=True,
        configs=_BIG,
    ),
    Edit(
        "orders-constant",
        "free shipping from another amount on",
        (Replacement("internal/pricing/pricing.go", "sum > 5000", "sum > 6000"),),
        source=ORDERS,
        touches=("example.com/orders/internal/pricing.Shipping",),
        configs=_BIG,
    ),
    Edit(
        "orders-string",
        "a coupon of the same length",
        (Replacement("internal/pricing/pricing.go", '"LOYAL"', '"ROYAL"'),),
        source=ORDERS,
        touches=("example.com/orders/internal/pricing.Discount",),
        configs=_BIG,
    ),
    Edit(
        "orders-error-text",
        "an error text of the same length",
        (_orders_main('"no such order"', '"not found yet"'),),
        source=ORDERS,
        touches=("main.(*server).show",),
        configs=_BIG,
    ),
    Edit(
        "orders-field",
        "a field in a stored struct",
        (Replacement("internal/store/store.go", "	Lines   []", "	Version int64\n	Lines   []"),),
        source=ORDERS,
        touches=("example.com/orders/internal/store.(*Store).Add",),
        configs=_BIG,
    ),
    Edit(
        "orders-type",
        "a new type with methods, and a handler that uses it",
        (
            _orders_main(
                """	mux.HandleFunc("/largest", s.largest)
""",
                """	mux.HandleFunc("/largest", s.largest)
	mux.Handle("/version", version{"1.0.1"})
""",
            ),
            _orders_main(
                "type request struct",
                """type version struct{ text string }

func (v version) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{"version": v.text})
}

type request struct""",
            ),
        ),
        source=ORDERS,
        touches=("main.(*server).handler",),
        configs=_BIG,
    ),
    Edit(
        "orders-harmless",
        "the harmless variant of the demo",
        added={"internal/pricing/pricing.go": _variant("harmless", "internal/pricing/pricing.go")},
        source=ORDERS,
        touches=("example.com/orders/internal/pricing.Discount",),
        configs=_BIG,
    ),
)


def by_name(name: str) -> Edit:
    """The edit of that name.

    Raises:
        KeyError: when there is none.
    """
    return {edit.name: edit for edit in EDITS}[name]
