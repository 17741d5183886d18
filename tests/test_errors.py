"""What a user is told: names, counts and reasons in a line."""

from __future__ import annotations

import shlex

import pytest

from pellucid import errors
from pellucid.errors import (
    ImageTooSmallError,
    UserError,
    counted,
    did_you_mean,
    encodable,
    first_line,
    plain,
    remember_secret,
    typed,
    without_secrets,
)


@pytest.mark.parametrize(
    ("many", "one", "said"),
    [
        (1, "image", "1 image"),
        (1234, "image", "1,234 images"),
        (0, "class", "0 classes"),
        (2, "entry", "2 entries"),
    ],
)
def test_counts_and_their_nouns(many: int, one: str, said: str) -> None:
    assert counted(many, one) == said


def test_names_are_one_line_that_every_console_takes() -> None:
    assert plain("caf\udce9\n") == "caf\\xe9 "
    assert plain("half \ud83d") == "half \\ud83d"
    assert plain("a\x1b[31m\u2028b") == "a [31m b"
    assert encodable("한글\n") == "한글\n"


def test_the_nearest_names_are_offered_and_far_ones_are_not() -> None:
    assert did_you_mean("xia", ["cnn", "xai"]) == " Did you mean 'xai'?"
    assert did_you_mean("zzz", ["cnn", "xai"]) == ""
    assert did_you_mean("ab", ["abc", "abd"], limit=2, quote="") == " Did you mean abc or abd?"


def test_an_exception_is_told_in_a_line() -> None:
    assert first_line(ValueError("\n one\ntwo")) == "one"
    assert first_line(KeyError()) == "KeyError"


def test_what_was_looked_up_in_the_environment_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "_looked_up", {})
    remember_secret("s3cret", "${oc.env:TOKEN}")
    remember_secret("abc", "${oc.env:SHORT}")
    assert without_secrets("key=s3cret of abc") == "key=${oc.env:TOKEN} of abc"


def test_an_image_that_is_too_small_says_what_would_do() -> None:
    error = ImageTooSmallError("CNN", 7, 8)
    assert isinstance(error, UserError)
    assert error.smallest == 8
    assert str(error).startswith("CNN cannot take images of 7 pixels a side: the smallest that works is 8.")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("model=cnn", "model=cnn"),
        ("name='sure'", "\"name='sure'\""),
        ("name='it costs $5'", "'name='\"'\"'it costs $5'\"'\"''"),
        ("data.augment=[flip,erase]", "'data.augment=[flip,erase]'"),
    ],
)
def test_a_word_of_a_command_is_read_by_a_shell_as_it_was(word: str, said: str) -> None:
    line = typed("train", word)
    assert line == f"{typed('train')} {said}"
    assert shlex.split(line)[-1] == word
