"""nagisa cuts Japanese into words and tags them, by three bidirectional LSTMs: over the characters of a sentence, over
those of each word, and over the words.

The package computes in kernels of its own, compiled, in float32. Its file has DyNet's layout: gates in the order i f o
g, and a forget gate that adds 1. The words of a sentence are one ragged batch for `cyrnn.nn`.
"""

# ruff: noqa: RUF001 - marks of Japanese

from __future__ import annotations

import copy
import re
import sys
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import nagisa
import numpy as np
from job import Seen, compare, exchange, watch
from nagisa import np_model

from cyrnn import nn

Direction = dict[str, np.ndarray]  # Wx (4h, inputs), Wh (4h, h), b (4h,), as nagisa.dynet_loader reads them
START, END = 4, 5  # of the six tags of characters; the others: begins, is within, ends, is a word

SENTENCES = """\
昨日の夜、友達と駅前の店でラーメンを食べました。
すもももももももものうち。
この川の水はとても冷たくて、魚がたくさん泳いでいる。
来週の火曜日までに報告書を書かなければならない。
東京都の人口は約1400万人である。
彼女は「行きたくない」と言って、部屋に戻った。
新しいパソコンを買ったけれど、まだ使い方がよく分からない。
雨が降りそうだから、傘を持っていったほうがいいよ！
国際会議場の入口で、係員に身分証明書を見せてください。
ここではきものをぬいでください。
うらにわにはにわとりがいる。
山田さんのお母さんは、毎朝五時半に起きて庭の花に水をやるそうです。
メールはinfo@example.comまで、ページはhttp://example.com/です。
なんでやねん、ちゃうちゃう、ちゃうんちゃう？
機械学習のモデルを読み込み、１２３個の文を解析した。
ﾊﾝｶｸ文字も、ぜんかくもじも、 空白 も。
雪が溶けて川になって流れて行きます
あ"""


class BiRNN:
    """In the place of the package's class of that name."""

    def __init__(self, layers: list[tuple[Direction, Direction]]) -> None:
        W, R, b = ([given[key] for layer in layers for given in layer] for key in ("Wx", "Wh", "b"))
        self.lstm = nn.LSTM.from_gates(W, R, b, order="dynet", forget_bias=1, bidirectional=True)

    def transduce(self, X: np.ndarray) -> np.ndarray:
        return self.lstm(X)[0]


class OnCyrnn(np_model.Model):
    def __init__(self, hp: dict[str, Any], params: str) -> None:
        np_model._BiRNN = BiRNN
        super().__init__(hp, params)
        self.char_seq_model.lstm.batch_first = True

    def _char_vecs(self, words: list[list[int]]) -> np.ndarray:
        lengths = np.array([len(word) for word in words])
        ids = np.zeros((len(words), lengths.max()), int)
        for row, word in zip(ids, words, strict=True):
            row[: len(word)] = word
        output, _ = self.char_seq_model.lstm(self.UNI[ids], lengths=lengths)
        return output[np.arange(len(words)), lengths - 1]


def through_each_tag(trans: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Score (T, 6) of the best path that has this tag at that character: trans[to, from], scores (T, 6)."""
    trans, scores = trans.astype(float), scores.astype(float)
    there, back = [trans[:, START] + scores[0]], [trans[END]]
    for score in scores[1:]:
        there.append((trans + there[-1]).max(axis=1) + score)
    for score in scores[:0:-1]:
        back.append((trans + (score + back[-1])[:, None]).max(axis=0))
    return np.array(there) + np.array(back[::-1])


class Watched:
    """A tagger of words that leaves in `seen` what its model goes by."""

    def __init__(self, model: np_model.Model) -> None:
        self.seen, self.tagger = None, copy.copy(nagisa.tagger)
        self.tagger._model = model
        watch(self, model.ws_model, "transduce")
        watch(self, model, "encode_ws", self._scores_of_characters)
        watch(self, model, "_char_vecs")
        watch(self, model.pos_model, "transduce")
        watch(self, model, "encode_pt", Seen.scores)

    def _scores_of_characters(self, seen: Seen, observations: list[np.ndarray]) -> None:
        seen.scores(through_each_tag(self.tagger._model.trans_array, np.array(observations)))

    def __call__(self, text: str) -> list[str]:
        found = self.tagger.tagging(text)
        return [f"{word}/{tag}" for word, tag in zip(found.words, found.postags, strict=True)]


def texts() -> list[str]:
    """Sentences of ours, of the package's own page and samples; and draws of its words, and of its characters."""
    rng = np.random.default_rng(0)
    found = SENTENCES.splitlines() + re.findall(r"""text = ['"](.+)['"]""", metadata("nagisa").get_payload())
    for path in sorted((Path(nagisa.__file__).parent / "data/sample_datasets").glob("sample.t*")):
        lines = [line.split("\t")[0] for line in path.read_text(encoding="utf-8").splitlines()]
        found += [sentence for sentence in "".join(lines).split("EOS") if sentence]
    words, characters = (np.array(list(known)[2:]) for known in (nagisa.tagger._word2id, nagisa.tagger._uni2id))
    frequent = words[:3000]  # they stand in the order of their frequency
    for length in rng.integers(1, 30, 400):
        drawn = np.where(rng.random(length) < 0.7, rng.choice(frequent, length), rng.choice(words, length))
        found.append("".join(drawn))
    return found + ["".join(rng.choice(characters, length)) for length in rng.integers(1, 60, 200)]


def models() -> tuple[Watched, Watched, dict[str, Watched]]:
    files = nagisa.tagger._hp, str(Path(nagisa.__file__).parent / "data/nagisa_v001.model")
    package, ours, swapped, forgetful = np_model.Model(*files), *(OnCyrnn(*files) for _ in range(3))
    for net in ("ws_model", "pos_model", "char_seq_model"):
        exchange(getattr(swapped, net).lstm, (0, 1, 3, 2))
        lstm = getattr(forgetful, net).lstm
        for bias in (lstm.bias_ih_l0, lstm.bias_ih_l0_reverse):
            bias[lstm.hidden_size : 2 * lstm.hidden_size] -= 1
        lstm.pack()
    mistakes = {"with o and g exchanged": swapped, "without the 1 at the forget gate": forgetful}
    return Watched(package), Watched(ours), {mistake: Watched(model) for mistake, model in mistakes.items()}


if __name__ == "__main__":
    sys.exit(bool(compare("nagisa", texts(), *models())))
