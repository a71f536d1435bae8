"""The bits themselves: results on a fixed corpus have the hashes of the ledger, on every ISA with an FMA."""

from __future__ import annotations

import ledger
import pytest
from problems import CANONICAL, isa_in_use

CASES = ledger.corpus()
needs_fma = pytest.mark.skipif(
    isa_in_use() not in CANONICAL,
    reason=f"{isa_in_use()} has no fused multiply-add: its bits are not promised",
)


@needs_fma
@pytest.mark.parametrize("name", CASES)
def test_ledger_case_has_the_recorded_hash(name):
    assert ledger.digest(CASES[name]()) == ledger.recorded()[name], (
        "the bits changed: if that was meant, it is a new numerics epoch "
        "(CHANGELOG.md, then python tests/support/ledger.py --write)"
    )


def test_ledger_records_the_whole_corpus_and_no_more():
    assert list(ledger.recorded()) == list(CASES)


def test_ledger_hashes_differ_from_each_other():
    """No two cases are one: a dtype, a cell or a size that went missing would show."""
    assert len(set(ledger.recorded().values())) == len(CASES)
