"""g2pM reads Chinese aloud: which reading a character has that has several, by a bidirectional LSTM over the sentence.

Its weights are NumPy's arrays under torch's names, in a pickle. The package computes in NumPy, float64 from the first
step on; here `nn.from_state_dict` makes the net, in float32.
"""

# ruff: noqa: RUF001 - commas of Chinese

from __future__ import annotations

import re
import sys
from importlib.metadata import metadata

import numpy as np
from g2pM import G2pM
from job import compare, exchange

from cyrnn import nn

SENTENCES = """\
他在银行里排了一行字，行不行还要看行长。
这条路很长，孩子们长大以后还会长高。
音乐老师觉得很快乐，因为大家都爱音乐。
重要的事情不要重复，箱子太重就分两次搬。
你得把得到的东西还给他，他还在等你。
我觉得睡觉以前应该数一数数学题的数量。
天都黑了，首都的街上都是人。
他教书，不参加教会，教我们怎样和面，怎样和诗。
种子种下去，这种花要等三个月。
倒水的时候别倒下，车倒着开也没有倒。
朝阳下我们朝着山走，明朝的城墙还在。
大夫说这个病不大，喝点水就会好的，他好学。
便宜的东西不一定方便，你随便看看吧。
2023年3月，我们花了150元买了5kg苹果！
只有一只鸟停在树上，只看着我们。
这件衣服的扣子掉了，调一下颜色也调不好。"""


class OnCyrnn(G2pM):
    def load_variable(self, state_dict: dict[str, np.ndarray]) -> None:
        super().load_variable(state_dict)
        self.lstm = nn.from_state_dict(state_dict, prefix="lstm.", batch_first=True)

    def predict(self, inputs: np.ndarray, target_idx: list[int]) -> np.ndarray:
        output, _ = self.lstm(self.get_embedding(inputs))
        return self.fc_layer(output[0, target_idx]).argmax(axis=1)


class Watched:
    """A reader that leaves in `seen` what it goes by: the states at characters with several readings."""

    def __init__(self, reader: G2pM) -> None:
        self.seen, self.reader, self.layer = None, reader, reader.fc_layer
        reader.fc_layer = self._layer

    def _layer(self, states: np.ndarray) -> np.ndarray:
        logits = self.layer(states)
        if self.seen is not None:
            self.seen.append(states)
            self.seen.scores(logits)
        return logits

    def __call__(self, text: str) -> list[str]:
        readings = self.reader(text, char_split=True)
        several = [len(self.reader.cedict.get(char, "")) > 1 for char in text]
        return [reading for reading, open in zip(readings, several, strict=True) if open]


def texts(model: G2pM) -> list[str]:
    """Sentences of ours and of the package's own page; and draws of the characters that it knows."""
    rng = np.random.default_rng(0)
    known = np.array(list(model.char2idx)[4:])
    several = np.array([char for char, readings in model.cedict.items() if len(readings) > 1])
    found = SENTENCES.splitlines() + re.findall(r'sentence = "(.+)"', metadata("g2pM").get_payload())
    for length in rng.integers(1, 60, 600):
        chars = np.where(rng.random(length) < 0.4, rng.choice(several, length), rng.choice(known, length))
        found.append("".join(chars))
    return found


if __name__ == "__main__":
    package, ours, swapped = Watched(G2pM()), Watched(OnCyrnn()), Watched(OnCyrnn())
    exchange(swapped.reader.lstm, (1, 0, 2, 3))
    sys.exit(bool(compare("g2pM", texts(package.reader), package, ours, {"with i and f exchanged": swapped})))
