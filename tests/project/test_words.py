"""One word per thing, and the field's word: those that DESIGN, section 6, retired are in no text of the project.

Plain English stays free. So the lists have identifiers, as they once stood in the sources, and phrases that have no
other meaning here. `*` stands for any letters of an identifier; a capital before a small word is a sentence's own.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from paths import ROOT

#: what to say -> what is retired, in every text
RETIRED = {
    "backward pass, BackwardRun, *_backward": """
        way back | ways back | way_back | *_way_back | Way_back | Back | fast_back | results_back | columns_back_part
        | step_back | steps_back | take_*_back""",
    "transposed, transpose_*": """
        turned( | *_turned | *_turned_* | turn_steps | turn_strip | turn_weights | *_turning | table.turn
        | packed turned | turned weights""",
    "input projection, hoisted": "ahead.pxi | *_ahead",
    "interleaved (input projection)": """
        riding | riding_* | *_riding | rider | riders | riders_* | *_riders | ride | rides | Riding | Riders
        | RIDE_* | RIDERS_*""",
    "unpacked (batch; step)": """
        direct.pxi | direct_few | direct_part | step_few | FEW_COLUMNS | direct way | direct ways
        | forward_batch""",
    "packed (units in lanes)": "forward_units | head_units | backward_units",
    "interface, entry points, views": "Face | face.pxi | face.py | kernels' face | the face",
    "PointwiseBackwardArgs": "Undo | begin_undo",
    "PointwiseArgs": "Block | begin_block",
    "compiled call": """
        Fast | fast_* | *_fast | *_fast_* | quickly | self.quick | sublayer.quick | sublayers[k].quick
        | sublayers[0].quick | fast way""",
    "accumulate": "extend_square | extend_turning",
    "compact": "close_up | closed_up",
    "MAX_*, max_*": "MOST_* | most_*",
    "run_stage, run_step": "all_stages | all_stages_* | step_of_stage",
    "SavedForward; SublayerGradients": "Past | checked_past",
    "slot": "place_of",
    "path; direction": "Way | notebook_way",
    "incref, decref, set_item": "let_go",
    "range, parallel_for": """
        in_parts | parts_of | columns_part | direct_part | head_part | inner_part | inputs_part | pack_part
        | ragged_part | states_part | units_part""",
    "load_tail, store_tail": "load_part | store_part",
    "skip gradient": ".carried | carried= | carried = | carried: | carried gradient | carried gradients",
    "recomputed": ".again | again=",
    "workspace": "room_back",
    "incoming gradient": "arriving | Arriving | arriving_* | *_arriving",
    "batch_sizes": "active_of | taking_part | given_columns",
    "reset": "begun_anew | begun anew | begin anew | begins anew",
    "contiguous; in place": "as_they_lie | start_lies | as it lies | as they lie | as it lay",
}
#: and in compiled lines, where these were names of ours
RETIRED_COMPILED = {
    "CallContext": "Job",
    "its unit in its name, as PACK_COST_FMAS": "TURN | TURNED | FEWEST_TURNS | LONG | SHORT | SPARE | SHARED",
    "max_, min_, select": "larger( | smaller( | pick(",
    "load_tail, store_tail": "get( | put(",
    "accumulate": "extend(",
    "skip gradient": "carried",
    "incref, set_item": "hold( | give(",
    "is_contiguous": "lies(",
    "transpose": "turn( | .turn(",
    "batch, batch_offset, batch_sizes": "run.columns | run.first | run.active",
    "*_stride": """
        Wx_row | Wx_col | Wa_row | Wa_col | a_row | b_row | x_row | y_row | z_row | dz_row | da_row | left_row
        | right_row | out_row | start_row | row_k | z_gate | gate_t | other_t | run.x_t | run.x_m | run.x_k""",
}
COMPILED_ENDINGS = {".pyx", ".pxi", ".pxd", ".h"}
ENDINGS = {*COMPILED_ENDINGS, ".py", ".sh", ".md", ".txt"}


def expression(words: str) -> str:
    """A whole word, or the words of a phrase, which may stand on two lines, behind the signs of a comment."""
    if " " in words:
        return r"(?i:(?<!\w)" + r"[\s#*/]+".join(map(re.escape, words.split())) + r"(?!\w))"
    begin = "" if words[0] == "." else r"(?<![\w.])"
    end = {"(": "", "=": "(?!=)"}.get(words[-1], r"(?!\w)")
    if words.istitle():
        end += "(?![ -][a-z])"
    return begin + re.escape(words).replace(r"\*", r"\w*") + end


def listed(retired: dict[str, str]) -> list[tuple[str, re.Pattern[str]]]:
    return [
        (say, re.compile("|".join(expression(word.strip()) for word in re.sub(r"\s+", " ", words).split("|"))))
        for say, words in retired.items()
    ]


EVERYWHERE, IN_COMPILED = listed(RETIRED), listed(RETIRED_COMPILED)


def found(text: str, *, compiled: bool = False) -> list[tuple[int, str, str]]:
    """Return (line, what it says, what to say) of each retired word."""
    return sorted(
        (text.count("\n", 0, match.start()) + 1, " ".join(match[0].split()), say)
        for say, pattern in [*EVERYWHERE, *(IN_COMPILED if compiled else ())]
        for match in pattern.finditer(text)
    )


def texts() -> list[Path]:
    paths = [path for top in ("src", "tests", "ci", "docs") for path in sorted((ROOT / top).rglob("*"))]
    return [path for path in [*paths, ROOT / "README.md"] if path.suffix in ENDINGS and path != Path(__file__)]


@pytest.mark.parametrize("path", texts(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_text_has_no_retired_word(path):
    """Its name is of the text: line 0."""
    name, text = path.relative_to(ROOT).as_posix(), f"{path.name}\n{path.read_text(encoding='utf-8')}"
    hits = [
        f"{name}:{line - 1}: {words!r}, say {say}"
        for line, words, say in found(text, compiled=path.suffix in COMPILED_ENDINGS)
    ]
    assert not hits, "words that DESIGN, section 6, retired:\n" + "\n".join(hits)


@pytest.mark.parametrize(
    "text",
    ["pack_turned(W)", "The way\n# back", "steps_ahead", "class Past(NamedTuple)", "riding.pxi", ".again", "(again=1)"],
)
def test_retired_word_is_found(text):
    assert [line for line, _, _ in found(text)] == [1]


@pytest.mark.parametrize(
    "text",
    [
        "Past the end of a sequence dx is zero; back to the start, again and again, in a way that turned out well.",
        "steps.extend(rest); overriding; monkeypatch.undo(); a face, in its place; Back-propagation; Block by block",
        "job = speed.jobs(); given.quick; -ffast-math",
    ],
)
def test_plain_english_is_free(text):
    assert not found(text, compiled=True)
