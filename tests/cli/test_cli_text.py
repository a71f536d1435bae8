"""A text as tokens: what is read, which characters it has, what is held out, how streams lie in it."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyrnn.cli import text
from cyrnn.cli._check import Refused

TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300)


def test_read_takes_a_byte_order_mark_and_lines_of_windows_away(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n\xc3\xa9")
    assert text.read(str(path)) == "one\ntwo\rthree\n\u00e9"


@given(TEXTS)
def test_alphabet_decodes_what_it_encodes(given):
    alphabet = text.Alphabet.of(given)
    tokens = alphabet.encode("it", given)
    assert str(alphabet) == "".join(sorted(set(given)))
    assert tokens.dtype == np.int32
    assert tokens.tolist() == [str(alphabet).index(letter) for letter in given]
    assert alphabet.decode(tokens) == given


@pytest.mark.parametrize(
    ("unknown", "said"),
    [
        ("abc\u00e9d", "it has characters that are not among the model's 3: 'd', '\\xe9', the first at place 3"),
        ("ab\udcff", "it has a character that is not among the model's 3: '\\udcff', the first at place 2"),
        ("zyxwvutsrq", "'q', 'r', 's', 't', 'u', 'v', 'w', 'x', ..., the first at place 0"),
    ],
)
def test_alphabet_names_unknown_characters_and_the_first_place(unknown, said):
    with pytest.raises(Refused) as refused:
        text.Alphabet.of("abc").encode("it", unknown)
    assert str(refused.value).endswith(said)


def test_digest_is_that_of_the_bytes_of_utf8():
    assert text.digest("\u00e9") == hashlib.sha256(b"\xc3\xa9").hexdigest()


@given(TEXTS, st.sampled_from([0, 0.01, 0.1, 0.3, 0.5]))
def test_split_shares_out_every_character_once(whole, fraction):
    trained, held_out = text.split(whole, fraction)
    assert sorted(trained + held_out) == sorted(whole)
    assert abs(len(held_out) - len(whole) * fraction) <= len(whole) * fraction / 2 + 1


def test_split_holds_out_lines_from_all_over_an_alphabetical_list():
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = [f"{first}{second}{third}name" for first in letters for second in letters for third in "xyz"]
    trained, held_out = text.split("\n".join(names) + "\n", 0.1)
    held = held_out.splitlines()
    assert set(held) < set(names)
    assert sorted(trained.splitlines() + held) == names
    assert len({name[0] for name in held}) >= 16
    assert 0.08 < len(held) / len(names) < 0.12


def test_split_of_a_text_without_lines_is_exact():
    whole = "".join(map(chr, range(32, 32 + 1000)))
    trained, held_out = text.split(whole, 0.2)
    assert (len(trained), len(held_out)) == (802, 198)  # three pieces of 66
    assert text.split(whole, 0) == (whole, "")


@given(st.integers(2, 400), st.integers(1, 9), st.integers(1, 40))
def test_streams_are_successive_parts_and_targets_the_tokens_behind(count, batch, T):
    T = min(T, count - 1)
    inputs, targets = text.streams(np.arange(count, dtype=np.int32), batch, T)
    assert inputs.shape[1] == min(batch, (count - 1) // T)
    assert inputs.shape[0] >= T
    assert np.array_equal(targets, inputs + 1)
    assert np.array_equal(inputs.T.ravel(), np.arange(inputs.size))
    assert count - 1 - inputs.size < inputs.shape[1]
