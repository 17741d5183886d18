"""The name that is meant by one that there is not.

Names are compared as a whole, by the letters that must change (Damerau 1964, restricted), and by the words
that they share, as ``epochs`` and ``max_epochs`` do. What counts is how much of the typed name is found
again: ``class_weights`` and ``num_classes`` have many letters in common, and mean different things.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

SAME_WORD = 0.75  # words that are so similar are one with a slip of the pen, or cut short: frac
BEGINNING, LONG = 0.8, 6  # of a word whose beginning, of so many letters, is another: augment(ation)
INITIALS = 0.8  # of learning_rate and lr
WORD = re.compile(r"[^\W_]+")
CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def nearest_names(name: str, choices: Iterable[str], *, limit: int = 1, cutoff: float = 0.52) -> list[str]:
    """Of the choices at most ``limit`` that may be meant, the likeliest first; none below ``cutoff``, 0 to 1.

    Of two as near those that came first are; but a largest value is meant where no smallest is spoken of.
    """
    known = list(dict.fromkeys(choices))
    rated = [(similarity(name, choice), choice) for choice in known]
    near = sorted((pair for pair in rated if max(pair[0]) >= cutoff), key=lambda pair: _key(pair[0]))
    meant = [_largest(name, choice, known) for _, choice in near]
    return list(dict.fromkeys(meant))[:limit]


def similarity(name: str, choice: str) -> tuple[float, float]:
    """How much of a name is found in another one, by letters and by words; 0 to 1, 1 is the same."""
    typed, there = _words(name), _words(choice)
    if not typed or not there:
        return _letters(name, choice), 0.0
    letters = _letters("".join(typed), "".join(there))
    words = [_initials(typed, there), _initials(there, typed)]
    if len(typed) > 1 or len(there) > 1:
        words.append(_shared(typed, there))
    else:
        words.append(_of_words(typed[0], there[0]))
    return letters, max(words)


def _key(rating: tuple[float, float]) -> tuple[float, float]:
    return -max(rating), -min(rating)


def _words(name: str) -> list[str]:
    return [word.lower() for word in WORD.findall(CAPITAL.sub(" ", name))]


def _shared(typed: Sequence[str], there: Sequence[str]) -> float:
    """The part of the typed letters that are in words of the other name, less where that has many more."""
    found_typed = found_there = 0.0
    left = list(there)
    for word in typed:
        best = max(left, key=lambda other: _of_words(word, other), default="")
        alike = _of_words(word, best) if best else 0.0
        if alike >= SAME_WORD:
            left.remove(best)
            found_typed += alike * len(word)
            found_there += alike * len(best)
    return found_typed / len("".join(typed)) * (1 + found_there / len("".join(there))) / 2


def _of_words(word: str, other: str) -> float:
    short, long = sorted((word, other), key=len)
    rest = long.removeprefix(short)  # resnet18 is not resnet1 or resnet with more words
    begins = len(short) >= 3 and rest not in ("", long) and not rest[0].isdigit()
    alike = BEGINNING if len(short) >= LONG else SAME_WORD
    return max(_letters(word, other), alike if begins else 0.0)


def _initials(short: Sequence[str], long: Sequence[str]) -> float:
    """Whether the last word of a name is the initials of another's, what stands before being the same."""
    count = len(short[-1])
    same = count >= 2 and (list(short[:-1]) == list(long[:-count]) or len(long) == count)
    return INITIALS if same and short[-1] == "".join(word[0] for word in long[-count:]) else 0.0


def _letters(one: str, other: str) -> float:
    """One less the part of the letters that must be changed, left out, put in or swapped with the next."""
    longest = max(len(one), len(other))
    if longest == 0:
        return 1.0
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, sign in enumerate(one, start=1):
        last, row_before = row, before
        row = [i]
        for j, counterpart in enumerate(other, start=1):
            steps = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (sign != counterpart))
            if i > 1 and j > 1 and sign == other[j - 2] and one[i - 2] == counterpart:
                steps = min(steps, row_before[j - 2] + 1)
            row.append(steps)
        before = last
    return 1 - row[-1] / longest


def _largest(name: str, choice: str, known: Sequence[str]) -> str:
    """``max_epochs`` for ``min_epochs``, unless the name speaks of the smallest."""
    largest = re.sub(r"(?<![^\W_])min(?=_)", "max", choice)
    smallest_meant = any(word.startswith("min") or _letters(word, "min") > 0.6 for word in _words(name))
    return choice if smallest_meant or largest not in known else largest
