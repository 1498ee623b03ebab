"""Which recordings train, validate and test: by group, stable when files are added, never empty."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from fxstyle.audio.source import SPLITS, Split
from fxstyle.errors import InputError


def group_position(group: str) -> float:
    """Stable pseudo-random position of a group in [0, 1), the same on every machine and Python."""
    return int.from_bytes(hashlib.sha256(group.encode("utf-8", "surrogatepass")).digest()[:6], "big") / 2**48


def split_by_hash(groups: Sequence[str], fractions: Mapping[Split, float]) -> dict[str, Split]:
    """Give each group a split.

    A group's split follows from its own name alone, except that an empty split receives one group of the fullest: the
    one with the highest position for train, the lowest for val and test.

    Args:
        groups: Names, at least three different ones.
        fractions: Shares of ``val`` and ``test``.

    Returns:
        The split of each group; every split has at least one.

    Raises:
        InputError: There are fewer than three groups.
    """
    ordered = sorted(set(groups), key=lambda group: (group_position(group), group))
    if len(ordered) < len(SPLITS):
        raise InputError(
            f"{len(ordered)} recordings (or groups of them) cannot be split into train, val and test: add recordings "
            "until there are 3, or set fewer groups by audio.group_pattern."
        )
    chosen = {group: _share_of(group_position(group), fractions) for group in ordered}
    for split in SPLITS:
        members = {name: [group for group in ordered if chosen[group] == name] for name in SPLITS}
        if not members[split]:
            donor = max(members.values(), key=len)
            chosen[donor[-1] if split == "train" else donor[0]] = split
    return chosen


def complete_given_splits(groups: Mapping[Split, Sequence[str]], fractions: Mapping[Split, float]) -> dict[str, Split]:
    """Take a missing val or test from the groups of a given train.

    Args:
        groups: The groups of each split that folders named.
        fractions: Shares of ``val`` and ``test``, here of the train groups.

    Returns:
        The train groups that move, and where to; empty where every split has a folder.

    Raises:
        InputError: Train is missing, or has too few groups to give any away.
    """
    missing = [split for split in SPLITS if not groups.get(split)]
    if not missing:
        return {}
    train = sorted(set(groups.get("train", ())), key=lambda group: (group_position(group), group))
    if len(train) <= len(missing):
        raise InputError(
            f"No usable recording in a folder named {' or '.join(missing)}, and train has too few to share: "
            f"add a {missing[0]} folder."
        )
    moves: dict[str, Split] = {}
    for place, split in enumerate(missing):
        left = [group for group in train if group not in moves]
        spare = len(left) - (len(missing) - place)
        takers = [group for group in left if _share_of(group_position(group), fractions) == split] or left
        moves |= dict.fromkeys(takers[: spare if takers is not left else 1], split)
    return moves


def _share_of(position: float, fractions: Mapping[Split, float]) -> Split:
    if position < fractions["val"]:
        return "val"
    return "test" if position < fractions["val"] + fractions["test"] else "train"
