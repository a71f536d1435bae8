"""The command line: `run` times and writes JSON and a table, `compare` judges it, `page` writes the pages' tables."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from . import machine  # the others import NumPy, which must wait for machine.settle


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _shapes(text: str) -> list[tuple[int, int, int, int]]:
    shapes = []
    for part in text.split(";"):
        n_x, n_a, m, T_x = (int(number) for number in part.split(","))
        shapes.append((n_x, n_a, m, T_x))
    return shapes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ci.bench", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    run = commands.add_parser("run", help="time the contestants")
    run.add_argument(
        "--kinds",
        type=_words,
        help="of hidden,stream,cell,forward,threads,train,backward,pack and, of cyrnn.nn, call,steps,stack,"
        "bidirectional,ragged,peephole,reset_before,onnx,train_layer,train_stack,train_bidirectional,train_ragged, "
        "and, in fewer bits, quantized,quantized_step; all if not given",
    )
    run.add_argument("--cells", type=_words, help="of lstm,gru,rnn; all if not given")
    run.add_argument("--dtypes", type=_words, default=["f32", "f64"], help="of f32,f64; both if not given")
    run.add_argument("--rivals", type=_words, help="contestants, cyrnn among them; all if not given")
    run.add_argument("--shapes", type=_shapes, help="n_x,n_a,m,T_x;... instead of each kind's own")
    run.add_argument(
        "--seconds", type=float, default=0.15, help="for each contestant in each row, after the heats"
    )
    run.add_argument("--core", type=int, help="pin to this core; the second if not given")
    run.add_argument("--json", type=Path, help="write the rows to this file")
    run.add_argument("--table", type=Path, help="write the table to this file, too")

    compare = commands.add_parser("compare", help="judge JSON files by the targets")
    compare.add_argument("json", type=Path, nargs="+", help="runs; of a case in several, the last counts")
    compare.add_argument("--strict", action="store_true", help="fail if a target is missed")

    ratios = commands.add_parser("ratios", help="odd calls of cyrnn against plain ones, beside their limits")
    ratios.add_argument("--groups", type=_words, help="of layers,odd,step,projection,variants; all if not given")
    ratios.add_argument("--seconds", type=float, default=0.3, help="for each call of a pair")
    ratios.add_argument("--core", type=int, help="pin to this core; the second if not given")
    ratios.add_argument("--limits", action="store_true", help="only rows that have a limit")
    ratios.add_argument("--strict", action="store_true", help="fail if a limit is missed")

    python = commands.add_parser("python", help="how much of cyrnn's calls is Python: functions entered, share of time")
    python.add_argument("--shapes", type=_shapes, help="n_x,n_a,m,T_x;...")
    python.add_argument("--dtype", default="f32", help="f32 or f64")
    python.add_argument("--seconds", type=float, default=0.1, help="for each of a row's three calls")
    python.add_argument("--core", type=int, help="pin to this core; the second if not given")

    scaling = commands.add_parser("scaling", help="how cost grows with units, batch and steps")
    functions = commands.add_parser("functions", help="every function of the notebook beside plain NumPy")
    for each in (
        scaling,
        commands.add_parser("roofline", help="what a core can do at most: multiply-adds, and bytes read"),
        commands.add_parser("start", help="import, preparation and first call in new processes"),
        commands.add_parser("memory", help="how far a process grows, prepared and called"),
        functions,
    ):
        each.add_argument("--core", type=int, help="pin to this core; the second if not given")
        each.add_argument("--json", type=Path, required=True, help="write what was found to this file")
    scaling.add_argument("--seconds", type=float, default=0.1, help="for each contestant at each size")
    functions.add_argument("--seconds", type=float, default=0.5, help="for each side of a function")

    page = commands.add_parser("page", help="the pages' tables, from the files in docs/explanation/performance")
    page.add_argument("--check", action="store_true", help="write nothing; fail if a table is another")
    pictures = commands.add_parser("pictures", help="their pictures, from the same files; needs matplotlib")
    pictures.add_argument("--only", type=_words, help="of these names; all if not given")
    samples = commands.add_parser("samples", help="files of `run --json` as one small file, every turn in it")
    samples.add_argument("json", type=Path, nargs="+", help="runs; of a case in several, the last counts")
    samples.add_argument("--out", type=Path, required=True, help="the file to write")

    learning = commands.add_parser("learning", help="whole training steps, against torch and jax")
    learning.add_argument("--jobs", type=_words, help="of characters,embedded,digits,forecaster,agent; all if none")
    learning.add_argument("--seconds", type=float, default=1.0, help="for each contestant of a job")
    learning.add_argument("--core", type=int, help="pin to this core; the second if not given")
    learning.add_argument("--json", type=Path, help="write the rows to this file")

    against = commands.add_parser("against", help="this build and an old one, interleaved: which rows are slower")
    against.add_argument("path", type=Path, help="the directory of the old build's package, such as site-packages")
    against.add_argument("--new", type=Path, help="that of the new build; where `import cyrnn` finds it if not given")
    against.add_argument("--kinds", type=_words, help="all but threads,quantized,quantized_step if not given")
    against.add_argument("--cells", type=_words, help="of lstm,gru,rnn; all if not given")
    against.add_argument("--dtypes", type=_words, default=["f32", "f64"], help="of f32,f64; both if not given")
    against.add_argument("--shapes", type=_shapes, help="n_x,n_a,m,T_x;... instead of each kind's own")
    against.add_argument("--seconds", type=float, default=0.25, help="for each build in each row")
    against.add_argument("--core", type=int, help="pin to this core; the second if not given")
    against.add_argument("--rows", type=int, help="print so many rows, the slowest; all if not given")
    against.add_argument("--json", type=Path, help="write the rows to this file")
    against.add_argument("--strict", action="store_true", help="fail if a row is slower")
    _add_grid(commands.add_parser("grid", help="every function at every size against the notebook's NumPy"))
    return parser


def _numbers(text: str) -> list[int]:
    return [int(word) for word in _words(text)]


def _svg(text: str) -> Path:
    """Refuse another ending before the clock runs for minutes."""
    if not text.endswith(".svg"):
        raise argparse.ArgumentTypeError(f"{text} does not end in .svg")
    return Path(text)


def _add_grid(grid: argparse.ArgumentParser) -> None:
    grid.add_argument("--only", type=_words, default=["*"], help="functions: lstm_cell_forward,gru_*; all if not given")
    grid.add_argument("--dtypes", type=_words, default=["f32", "f64"], help="of f32,f64; both if not given")
    grid.add_argument("--n", type=_numbers, help="these sizes, n_x = n_a = n, instead of the grid's")
    grid.add_argument("--m", type=_numbers, help="these batches instead of the grid's")
    grid.add_argument("--max-n", type=int, help="no sizes above this")
    grid.add_argument("--max-m", type=int, help="no batches above this")
    grid.add_argument("--seconds", type=float, default=0.02, help="for each side in each row")
    grid.add_argument("--threads", choices=["one", "default"], default="one", help="of each side: one, or its default")
    grid.add_argument("--core", type=int, help="pin to this core; the second if not given; none with default threads")
    grid.add_argument("--rows", type=int, default=40, help="print so many rows, the worst; 0: all")
    grid.add_argument("--json", type=Path, help="write the rows to this file")
    grid.add_argument("--from", type=Path, nargs="+", dest="saved", help="time nothing: read what --json wrote")
    grid.add_argument("--picture", type=_svg, help="draw all rows into this SVG file")
    grid.add_argument("--strict", action="store_true", help="fail if a row is below its limit")


def _head(core: int | None, rivals: list[str]) -> tuple[dict[str, ModuleType], dict[str, Any]]:
    """Import contestants; return them, and the conditions of a run."""
    from . import contestant

    modules, missing = contestant.load(rivals)
    return modules, {
        "machine": machine.describe(core),
        "contestants": {name: module.version() for name, module in modules.items()},
        "missing": missing,
        "isa": modules["cyrnn"].isa() if "cyrnn" in modules else "",
        "held_to": os.environ.get("CYRNN_ISA", ""),
        "date": time.strftime("%Y-%m-%d %H:%M"),
    }


def _timed(
    core: int | None, cases: Iterable[Any], rivals: list[str], seconds: float, json: Path | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Time cases; return the conditions and the rows, which are in the file after each case."""
    from . import rows, table
    from .run import timed

    modules, head = _head(core, rivals)
    head["seconds"] = seconds
    print("\n".join(table.head_lines(head)), file=sys.stderr)
    common = {"cpu": head["machine"]["cpu"], "commit": head["machine"]["commit"], "held_to": head["held_to"]}
    found: list[rows.Row] = []
    for case in cases:
        start = time.perf_counter()
        found += [row | common for row in timed(case, modules, seconds)]
        print(f"{time.perf_counter() - start:6.1f} s  {case}", file=sys.stderr, flush=True)
        if json:
            rows.write(json, head, found)
    return head, found


def run(args: argparse.Namespace) -> int:
    core = machine.settle(args.core)
    from . import contestant, table, work

    cases = work.cases(args.kinds or list(work.KINDS), args.cells or list(work.CELLS), args.dtypes, args.shapes)
    text = table.render(*_timed(core, cases, args.rivals or list(contestant.MODULES), args.seconds, args.json))
    print(text, end="")
    if args.table:
        args.table.write_text(text)
    return 0


def scaling(args: argparse.Namespace) -> int:
    core = machine.settle(args.core)
    from . import scaling as program
    from . import targets

    _timed(core, program.cases(), ["cyrnn", *targets.PEERS], args.seconds, args.json)
    return 0


def _found(args: argparse.Namespace, core: int | None, rivals: list[str], found: dict[str, Any]) -> int:
    """Write what a program found, below its conditions."""
    import json

    _, head = _head(core, rivals)
    del head["missing"]
    args.json.write_text(json.dumps({"run": head} | found, separators=(",", ":")) + "\n", encoding="utf-8")
    return 0


def roofline(args: argparse.Namespace) -> int:
    core = machine.settle(args.core)
    from . import roofline as program

    isas = [isa for isa in program.ISAS if machine.has(isa)]
    return _found(args, core, ["cyrnn"], program.measured(isas))


def start(args: argparse.Namespace) -> int:
    core = machine.settle(args.core)
    from . import start as program

    found = {"programs": program.PROGRAMS, "seconds": program.measured()}
    return _found(args, core, ["cyrnn", "torch", "onnxruntime", "openvino", "jax"], found)


def memory(args: argparse.Namespace) -> int:
    core = machine.settle(args.core)
    from . import memory as program

    return _found(args, core, list(program.RIVALS), {"rows": program.measured()})


def samples(args: argparse.Namespace) -> int:
    from . import samples as program

    args.out.write_text(program.dump(program.packed(args.json)), encoding="utf-8")
    return 0


def page(args: argparse.Namespace) -> int:
    from . import performance_page

    return performance_page.write(check=args.check)


def pictures(args: argparse.Namespace) -> int:
    from . import performance_pictures

    performance_pictures.write(args.only)
    return 0


def compare(args: argparse.Namespace) -> int:
    from . import judge, rows

    _, found = rows.read(args.json)
    text, count = judge.report(found)
    print(text, end="")
    return 1 if args.strict and count["MISSED"] else 0


def ratios(args: argparse.Namespace) -> int:
    machine.settle(args.core)
    from . import ratios as program

    missed = program.run(args.groups or list(program.GROUPS), args.seconds, limits_only=args.limits)
    return 1 if args.strict and missed else 0


def python(args: argparse.Namespace) -> int:
    machine.settle(args.core)
    from . import overhead

    return overhead.run(args.shapes, args.dtype, args.seconds)


def against(args: argparse.Namespace) -> int:
    machine.settle(args.core)  # the workers inherit core and environment
    from importlib.util import find_spec

    from . import against as program
    from . import work

    found = find_spec("cyrnn")
    if args.new is None and (found is None or found.origin is None):
        raise SystemExit("no cyrnn to import: say --new")
    new = args.new or Path(found.origin).parents[1]
    kinds = args.kinds or [kind for kind in work.KINDS if kind not in ("threads", *work.QUANTIZED)]
    cases = list(work.cases(kinds, args.cells or list(work.CELLS), args.dtypes, args.shapes))
    rows = program.compare(args.path.resolve(), new.resolve(), cases, args.seconds)
    print(program.report(rows, args.rows), end="")
    if args.json:
        args.json.write_text(program.as_json(rows), encoding="utf-8")
    return 1 if args.strict and any(row.slower or row.failed for row in rows) else 0


def grid(args: argparse.Namespace) -> int:
    if not args.saved:
        core = machine.settle(args.core, default_threads=args.threads == "default")
    from . import grid as program
    from . import grid_picture
    from .grid_work import BATCHES, SIZES

    functions = program.selected(args.only)
    sizes = [n for n in args.n or SIZES if n <= (args.max_n or n)]
    batches = [m for m in args.m or BATCHES if m <= (args.max_m or m)]
    if args.saved:
        head, rows = program.read(args.saved)
        wanted = {(f, d, n, m) for f in functions for d in args.dtypes for n in sizes for m in batches}
        rows = [row for row in rows if row.key in wanted]
        if args.json:
            program.write(args.json, head, rows)
    else:
        one_thread = args.threads == "one"
        head = program.head(core, args.seconds, one_thread=one_thread)
        print("\n".join(program.head_lines(head)), file=sys.stderr, flush=True)
        rows, start = [], time.perf_counter()
        for found in program.run(functions, args.dtypes, sizes, batches, args.seconds, head):
            rows += found
            print(f"{time.perf_counter() - start:6.1f} s  {program.worst_line(found)}", file=sys.stderr, flush=True)
            if args.json:
                program.write(args.json, head, rows)
    if args.picture:
        args.picture.write_text(grid_picture.draw(head, rows), encoding="utf-8", newline="\n")
    print(program.report(head, rows, args.rows or None), end="")
    if any(row.wrong for row in rows):
        return 1
    return 1 if args.strict and not all(row.holds for row in rows) else 0


def learning(args: argparse.Namespace) -> int:
    core = machine.settle(args.core)
    from . import learning as program

    rows = program.measured(args.jobs or list(program.JOBS), args.seconds)
    print("\n".join(program.table(rows)))
    return _found(args, core, ["cyrnn", "torch", "jax"], {"rows": rows}) if args.json else 0


def functions(args: argparse.Namespace) -> int:
    core = machine.settle(args.core)
    from . import functions as program

    return _found(args, core, ["cyrnn"], {"rows": program.measured(args.seconds)})


COMMANDS = {"run": run, "compare": compare, "ratios": ratios, "python": python, "against": against, "grid": grid}
COMMANDS |= {"learning": learning, "scaling": scaling, "roofline": roofline, "start": start, "memory": memory}
COMMANDS |= {"functions": functions, "samples": samples, "page": page, "pictures": pictures}

if __name__ == "__main__":
    arguments = _parser().parse_args()
    sys.exit(COMMANDS[arguments.command](arguments))
