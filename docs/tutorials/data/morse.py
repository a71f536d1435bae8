"""Morse signals for the tutorial on streams: what is keyed, what is heard, and what is to be said after each frame."""

from __future__ import annotations

import numpy as np

SIGNS = ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.."
CODE = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", SIGNS.split(" "), strict=True))
LETTER = {signs: letter for letter, signs in CODE.items()}
CLASSES = "_ ABCDEFGHIJKLMNOPQRSTUVWXYZ"  # _: nothing has just ended; a space: a word has
FRAME = 0.02  # seconds


def keying(text, dot, rng, jitter=0.1):
    """Return the key's changes in seconds; what is to be said, (class, from, to); what was keyed of a letter so far.

    A dash is three dots, a gap in a letter one, between letters three, between words seven; a hand is not exact. A
    letter is known two dots after its end, a word five dots after, and both are said until the key goes down again. So
    far: the letter that the signs would be if no other came.
    """
    time, changes, answers, so_far = 7 * dot, [], [], []
    for word in text.split():
        for letter in word:
            for number, sign in enumerate(CODE[letter], 1):
                changes.append(time)
                time += dot * (3 if sign == "-" else 1) * (1 + jitter * rng.uniform(-1, 1))
                changes.append(time)
                until = {"-": 4, ".": 2, "": 2}[CODE[letter][number : number + 1]]  # dots until the next is keyed
                so_far.append((LETTER[CODE[letter][:number]], time, time + until * dot))
                time += dot * (1 + jitter * rng.uniform(-1, 1))
            end = changes[-1]
            time = end + 3 * dot * (1 + jitter * rng.uniform(-1, 1))
            answers.append((letter, end + 2 * dot, time))
        time = end + 7 * dot * (1 + jitter * rng.uniform(-1, 1))
        answers[-1] = (letter, end + 2 * dot, end + 5 * dot)
        answers.append((" ", end + 5 * dot, time))
    return np.array(changes), answers, so_far


def key_down(changes, frames):
    """Return how much of every frame the key is down, 0 to 1: (frames,)."""
    edges = np.arange(frames + 1) * FRAME
    down, up = changes[::2, None], changes[1::2, None]
    before = np.clip(edges, down, up) - down  # seconds of each sign until an edge
    return np.diff(before.sum(axis=0)) / FRAME


def targets(answers, frames):
    """Return the class of every frame, a place in CLASSES: (frames,)."""
    found = np.zeros(frames, np.int64)
    for letter, start, end in answers:
        found[int(np.ceil(start / FRAME)) : int(np.ceil(end / FRAME))] = CLASSES.index(letter)
    return found


def envelope(changes, frames, rng, amplitude=1.0, noise=0.2):
    """Return what a receiver hears: the tone's strength in every frame, with the noise that is there beside it."""
    heard = amplitude * key_down(changes, frames) + noise * (rng.standard_normal((2, frames)) * [[1], [1j]]).sum(axis=0)
    return np.abs(heard).astype(np.float32)


def read(classes):
    """Return the text of the classes of frames: a class counts once, however long it is said."""
    classes = np.asarray(classes)
    begins = np.flatnonzero(np.diff(classes, prepend=0))
    return "".join(CLASSES[found] for found in classes[begins] if found)
