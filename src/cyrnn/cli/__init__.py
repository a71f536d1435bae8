"""`python -m cyrnn train`, `sample`, `eval`: a character model of a text, from a shell.

    arguments.py    what the commands take
    options.py      the options of a run, their defaults
    commands.py     how a command ends
    train.py        the loop over epochs and pieces of the text
    interrupts.py   signals that end it in order
    sample.py       what a model says, and how well it foretells a text
    character.py    the model: layers over tokens, bits per character, a sampled text
    checkpoint.py   all that a run has to know to go on, in one .npz file
    text.py         a file as tokens: alphabet, what is held out, streams
    progress.py     lines, and a bar on a terminal
    picture.py      the losses, drawn
    _check*.py      every error, in one line
"""
