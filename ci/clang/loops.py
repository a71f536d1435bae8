"""Which loops over k keep their sums in registers? Reads assembly of kernel modules, for x86-64 or ARM.

    python ci/clang/loops.py [--but FUNCTION] FILE.s...     fails if such a loop touches the stack, or few are found

A loop counts if it adds to sums by fused multiply-adds, or by products of integers: to registers that no other
instruction in it writes, or to memory that it reads before. Such a loop reads rows and panels, whose addresses change
with k, and writes nothing. So each store is a spill, and each load from an address that the loop does not change,
unless it is a named constant.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

#: of a kernel module: some 50 on AVX2, 200 on NEON; with fewer this program does not understand the assembly
FEWEST = 40
FEWEST_OF_INTEGERS = 20
LABEL = re.compile(r"([.\w$]+):")
#: no code: data of .s files, and marks of debuggers
DIRECTIVE = re.compile(r"\s*\.")
FMA = re.compile(r"vfmadd(?:\d+)[ps][sd]$|vpdpbusd$|vpdpwssd$|vpmaddwd$|(?:fmla|smlal2?|sdot)(?:\.\d[sd])?$")
#: those of x86 whose result takes the place of the sum, and of ARM all
ADDS = re.compile(r"vfmadd231|vpdp|fmla|smlal|sdot")
#: AVX2 has none for integers: a product, and then a sum
MULTIPLIES, SUMS = "vpmaddwd", "vpaddd"
VECTOR = re.compile(r"(?:%[xyz]mm|[vqdsh])(\d+)$")
CALL = re.compile(r"callq?$|blr?$|blraa\w*$")
JUMP = re.compile(r"j\w+$|b$|b\.?[a-z]{2}$|cbn?z$|tbn?z$|br$|ret\w*$|ud2$|brk$")
ALWAYS = re.compile(r"jmp\w*$|b$|br$|ret\w*$|ud2$|brk$")
#: instructions that write no register: what they name first is read
READS = re.compile(r"(st\w+|prf\w+|prefetch\w*|cmp\w*|cmn|tst|test\w*|fcmp\w*|v?u?comis\w|vptest\w*|nop\w*|push\w*)$")
X86_MEMORY = re.compile(r"(?:%\w+:)?([\w.+-]*)\(([^)]*)\)")
ARM_MEMORY = re.compile(r"\[([a-z][^\]]*)\](!?)")


class Instruction(NamedTuple):
    op: str
    operands: str


@dataclass
class BasicBlock:
    instructions: list[Instruction] = field(default_factory=list)
    next: set[int] = field(default_factory=set)


class Loop(NamedTuple):
    function: str
    fmas: int
    instructions: int
    vectors: int  # that it moves to the stack or from there
    pointers: int  # and strides, and bounds
    text: str


def functions(lines: list[str]) -> dict[str, list[str]]:
    """The lines of each function: a label that is not local begins one."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in lines:
        line = re.split(r"\s*(?:;|//|#+\s)", line)[0].rstrip()
        label = LABEL.match(line)
        if label and not re.match(r"\.?L", label[1]):
            current = found.setdefault(label[1], [])
        elif label or (line and not DIRECTIVE.match(line)):
            current.append(line.strip())
    return found


def blocks_of(lines: list[str]) -> list[BasicBlock]:
    """The function's basic blocks, and where each can go on; of jumps by table that is not known."""
    blocks, targets, jumps, falls = [BasicBlock()], {}, [], True
    for line in lines:
        if label := LABEL.match(line):
            if falls:
                blocks[-1].next.add(len(blocks))
            blocks.append(BasicBlock())
            targets[label[1]], falls = len(blocks) - 1, True
            continue
        op, _, operands = line.partition("\t") if "\t" in line else line.partition(" ")
        blocks[-1].instructions.append(Instruction(op, operands.strip()))
        if JUMP.match(op):
            jumps.append((len(blocks) - 1, operands.split(",")[-1].strip()))
            falls = not ALWAYS.match(op)
            if falls:
                blocks[-1].next.add(len(blocks))
            blocks.append(BasicBlock())
    for block, target in jumps:
        if target in targets:
            blocks[block].next.add(targets[target])
    return blocks


def cycles(blocks: list[BasicBlock], among: set[int]) -> list[set[int]]:
    """Strongly connected components with a cycle, by Tarjan's algorithm, without recursion."""
    order: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    found = []
    for root in sorted(among):
        if root in order:
            continue
        work = [(root, iter(sorted(blocks[root].next & among)))]
        order[root] = low[root] = len(order)
        stack.append(root)
        while work:
            block, successors = work[-1]
            for successor in successors:
                if successor not in order:
                    order[successor] = low[successor] = len(order)
                    stack.append(successor)
                    work.append((successor, iter(sorted(blocks[successor].next & among))))
                    break
                if successor in stack:
                    low[block] = min(low[block], order[successor])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[block])
                if low[block] == order[block]:
                    component = set(stack[stack.index(block) :])
                    del stack[stack.index(block) :]
                    if len(component) > 1 or block in blocks[block].next:
                        found.append(component)
    return found


def loops_of(blocks: list[BasicBlock], among: set[int]) -> list[tuple[set[int], set[int]]]:
    """Each loop, nested ones too: its blocks, and those of them that are in no loop within it."""
    found = []
    for cycle in cycles(blocks, among):
        headers = {block for outside in among - cycle for block in blocks[outside].next if block in cycle}
        inner = loops_of(blocks, cycle - (headers or {min(cycle)}))
        found += inner
        found.append((cycle, cycle - set().union(*(blocks_ for blocks_, _ in inner))))
    return found


def number(register: str) -> str:
    """One name for all widths of a register."""
    register = re.split(r"[.\[]| ?\{%", register.strip("{ }"))[0]
    if vector := VECTOR.match(register):
        return f"v{vector[1]}"
    if plain := re.match(r"%?[re]?([abcd])[xl]$", register):
        return f"{plain[1]}x"
    if plain := re.match(r"%?[re]?(si|di|bp|sp)l?$", register):
        return plain[1]
    if plain := re.match(r"%?[rxw](\d+)[bwd]?$", register):
        return f"r{plain[1]}"
    return register


def operands_of(text: str) -> list[str]:
    """Split at commas that are in no bracket."""
    return [part.strip() for part in re.split(r",(?![^(\[{]*[)\]}])", text)]


def written(instruction: Instruction, arm: bool) -> set[str]:
    """The register that is written, as `number` names it; of ARM's pairs and updated addresses all."""
    if READS.match(instruction.op) or JUMP.match(instruction.op):
        found = set()
    else:
        parts = operands_of(instruction.operands)
        names = parts[: 2 if instruction.op.startswith("ldp") else 1] if arm else parts[-1:]
        found = {number(name) for name in names if "(" not in name and "[" not in name}
    if arm and (memory := ARM_MEMORY.search(instruction.operands)) and (memory[2] or "]," in instruction.operands):
        found.add(number(memory[1].split(",")[0]))
    return found


class Access(NamedTuple):
    address: str
    stores: bool
    vector: bool
    result: bool  # of a multiply-add, stored
    fixed: bool  # an address that the loop does not change


def accesses_of(instructions: list[Instruction], arm: bool, changed: Counter[str], added: Counter[str]) -> list[Access]:
    found = []
    for op, text in instructions:
        memory = (ARM_MEMORY if arm else X86_MEMORY).search(text)
        if not memory or "%rip" in text or op.startswith(("prf", "prefetch", "lea", "nop", "jmp", "br")):
            continue
        names = {number(name) for name in memory[1 if arm else 2].split(",") if re.match(r"\s*[%a-z]", name)}
        parts = operands_of(text)
        stores = op.startswith("st") if arm else "(" in parts[-1] and not READS.match(op)
        others = [number(part) for part in parts if memory[0] not in part]
        vector = any(re.match(r"v\d", name) for name in others)
        found.append(Access(memory[0], stores, vector, bool(added.keys() & others), not any(changed[n] for n in names)))
    return found


def measured(function: str, blocks: list[BasicBlock], cycle: set[int], own: set[int]) -> Loop | None:
    every = [instruction for block in sorted(cycle) for instruction in blocks[block].instructions]
    direct = [instruction for block in sorted(own) for instruction in blocks[block].instructions]
    fmas = [instruction for instruction in direct if FMA.match(instruction.op)]
    if not fmas or any(CALL.match(instruction.op) for instruction in every):
        return None
    arm = not any("%" in instruction.operands for instruction in every)
    changed = Counter(name for instruction in every for name in written(instruction, arm))
    pairs = any(instruction.op == MULTIPLIES for instruction in every)
    sums = [one for one in every if ADDS.match(one.op) or (pairs and one.op == SUMS)]
    added = Counter(name for instruction in sums for name in written(instruction, arm))
    accesses = accesses_of(direct, arm, changed, added)
    in_registers = any(changed[name] == added[name] for name in added)
    read: set[str] = set()
    in_memory = False
    for access in accesses:
        in_memory |= access.stores and access.result and access.address in read  # of an earlier k
        if access.vector and access.fixed and not access.stores:
            read.add(access.address)
    if not in_registers and not in_memory:
        return None
    spills = [access for access in accesses if access.stores or access.fixed]
    text = "\n".join(f"{one.op} {one.operands}" for one in direct)
    vectors = sum(access.vector for access in spills)
    return Loop(function, len(fmas), len(direct), vectors, len(spills) - vectors, text)


def sum_loops(path: Path) -> list[Loop]:
    found = []
    for name, lines in functions(path.read_text(encoding="utf-8").splitlines()).items():
        blocks = blocks_of(lines)
        for cycle, own in loops_of(blocks, set(range(len(blocks)))):
            if loop := measured(name, blocks, cycle, own):
                found.append(loop)
    return found


def main(arguments: list[str]) -> int:
    excused = arguments[1] if arguments[:1] == ["--but"] else None
    paths = arguments[2:] if excused else arguments
    failed = not paths
    for path in map(Path, paths):
        loops = [loop for loop in sum_loops(path) if excused is None or excused not in loop.function]
        spilled = [loop for loop in loops if loop.vectors or loop.pointers]
        most = max((loop.fmas for loop in loops), default=0)
        print(f"    {path.name}: {len(loops)} loops, up to {most} FMAs each; {len(spilled)} touch the stack")
        for loop in spilled:
            print(f"        {loop.function}: {loop.fmas} FMAs of {loop.instructions} instructions,")
            print(f"            {loop.vectors} vectors and {loop.pointers} pointers on the stack")
        failed |= bool(spilled) or len(loops) < (FEWEST_OF_INTEGERS if path.stem.endswith("_int") else FEWEST)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
