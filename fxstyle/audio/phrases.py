"""Musical phrases at random tempo: guitar and bass lines, chords and drum beats within the instruments' real ranges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray

from fxstyle.audio.drums import Drum, draw_kit, drum_hit
from fxstyle.audio.strings import Pluck, PluckedString, pluck_strings

# MIDI notes: guitar E2 to E6 (82 to 1319 Hz), bass E1 to G3 (41 to 196 Hz).
GUITAR_RANGE = (40, 88)
BASS_RANGE = (28, 55)
_OPEN_STRINGS = (40, 45, 50, 55, 59, 64)
_SCALES = ((0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 5, 7, 9, 11), (0, 3, 5, 7, 10), (0, 2, 4, 7, 9))
_CHORDS = ((0, 4, 7), (0, 3, 7), (0, 4, 7, 10), (0, 3, 7, 10), (0, 4, 7, 11), (0, 5, 7))


@dataclass(frozen=True)
class Event:
    """One sound of a phrase: its start in samples and the sound itself, ``(samples,)``."""

    start: int
    sound: NDArray[np.float32]


@dataclass(frozen=True)
class Player:
    """What the notes of one recording share.

    Attributes:
        samples: Length of the recording.
        sample_rate: In Hz.
        beat: Seconds per beat.
        rng: Gives every choice.
    """

    samples: int
    sample_rate: int
    beat: float
    rng: np.random.Generator

    @property
    def seconds(self) -> float:
        """Length of the recording in seconds."""
        return self.samples / self.sample_rate

    def strum(self, plucks: list[Pluck], start: float, seconds: float, string: PluckedString) -> Event:
        """Plucked strings that are stopped, within 40 ms, at the end of ``seconds``."""
        first = int(start * self.sample_rate)
        samples = max(min(int(seconds * self.sample_rate), self.samples - first), 1)
        sound = pluck_strings(plucks, samples, self.sample_rate, string, self.rng)
        sound *= np.float32(max(pluck.velocity for pluck in plucks))
        release = min(int(0.04 * self.sample_rate), samples)
        sound[samples - release :] *= 0.5 + 0.5 * np.cos(np.linspace(0, pi, release, dtype=np.float32))
        return Event(first, sound)

    def velocity(self) -> float:
        """How hard the next note is played."""
        return float(self.rng.uniform(0.35, 1.0))

    def hertz(self, note: float) -> float:
        """Frequency of a MIDI note, off by up to 4 cents as players are."""
        return float(440 * 2 ** ((note + self.rng.uniform(-0.04, 0.04) - 69) / 12))


def guitar_melody(player: Player) -> Iterator[Event]:
    """Single notes that wander over a scale."""
    return _line(player, _guitar(player.rng), GUITAR_RANGE, (0.25, 0.5, 0.5, 1.0, 1.0, 2.0))


def bass_line(player: Player) -> Iterator[Event]:
    """Single low notes on a bass."""
    rng = player.rng
    bass = PluckedString(
        decay_seconds=rng.uniform(2, 5),
        damping_hz=rng.uniform(600, 2000),
        brightness_hz=rng.uniform(600, 3500),
        pick_position=rng.uniform(0.08, 0.3),
        pickup_position=rng.uniform(0.06, 0.2),
        inharmonicity=rng.uniform(3e-5, 1.5e-4),
        scratch=rng.uniform(0, 0.4),
    )
    return _line(player, bass, BASS_RANGE, (0.5, 0.5, 1.0, 1.0, 2.0))


def guitar_strum(player: Player) -> Iterator[Event]:
    """Chords over four to six strings, struck downwards and upwards."""
    rng, guitar = player.rng, _guitar(player.rng)
    for start, seconds in _steps(player, (1.0, 1.0, 2.0, 4.0)):
        notes = _voicing(rng, int(rng.integers(4, 7)))
        gaps = np.cumsum(rng.uniform(0.003, 0.02, len(notes)))
        order = notes if rng.random() < 0.6 else notes[::-1]
        velocity = player.velocity()
        plucks = [
            Pluck(player.hertz(note), float(gap), velocity * rng.uniform(0.6, 1.0))
            for note, gap in zip(order, gaps, strict=True)
        ]
        yield player.strum(plucks, start, seconds + 0.04, guitar)


def guitar_arpeggio(player: Player) -> Iterator[Event]:
    """Chords picked note by note, each note ringing on until the next chord."""
    rng, guitar = player.rng, _guitar(player.rng)
    step = player.beat * float(rng.choice([0.25, 0.5]))
    for start, seconds in _steps(player, (2.0, 4.0)):
        notes = rng.permutation(_voicing(rng, int(rng.integers(4, 7))))[: max(int(seconds / step), 1)]
        plucks = [Pluck(player.hertz(note), place * step, player.velocity()) for place, note in enumerate(notes)]
        yield player.strum(plucks, start, seconds + 0.04, guitar)


def guitar_riff(player: Player) -> Iterator[Event]:
    """Low power chords, most of them damped by the palm."""
    rng, open_guitar = player.rng, _guitar(player.rng)
    damped = PluckedString(
        decay_seconds=rng.uniform(0.3, 0.7),
        damping_hz=rng.uniform(600, 1500),
        brightness_hz=open_guitar.brightness_hz,
        pick_position=open_guitar.pick_position,
        pickup_position=open_guitar.pickup_position,
        inharmonicity=open_guitar.inharmonicity,
        scratch=open_guitar.scratch,
    )
    for start, seconds in _steps(player, (0.25, 0.5, 0.5, 0.5, 1.0)):
        root = int(rng.integers(40, 53))
        velocity = player.velocity()
        plucks = [
            Pluck(player.hertz(root + interval), 0.004 * place, velocity)
            for place, interval in enumerate((0, 7, 12)[: rng.integers(1, 4)])
        ]
        palm = rng.random() < 0.7
        yield player.strum(plucks, start, min(seconds, 0.6) if palm else seconds, damped if palm else open_guitar)


def drum_beat(player: Player) -> Iterator[Event]:
    """A beat in sixteenths on one kit, varied from bar to bar, with fills on the toms."""
    rng, kit = player.rng, draw_kit(player.rng)
    step = player.beat / 4
    chances: dict[Drum, NDArray[np.float64]] = {
        "kick": np.where(np.arange(16) % 8 == 0, 0.95, rng.uniform(0, 0.3, 16)),
        "snare": np.where(np.arange(16) % 8 == 4, 0.95, rng.uniform(0, 0.12, 16)),
        "closed_hat": np.where(np.arange(16) % int(rng.choice([1, 2, 4])) == 0, 0.9, 0.05),
        "open_hat": np.where(np.arange(16) % 4 == 2, rng.uniform(0, 0.3), 0.0),
    }
    fill: dict[Drum, NDArray[np.float64]] = {"high_tom": np.full(16, 0.3), "low_tom": np.full(16, 0.3)}
    for bar in range(int(player.seconds / (16 * step)) + 1):
        pattern = fill | {"snare": chances["snare"]} if rng.random() < 0.2 else chances
        for place in range(16):
            first = int((16 * bar + place) * step * player.sample_rate)
            for drum, chance in pattern.items():
                if rng.random() < chance[place] and first < player.samples:
                    loudness = 0.4 if drum.endswith("hat") else 1.0
                    hit = drum_hit(drum, kit, loudness * player.velocity(), player.sample_rate, rng)
                    yield Event(first, hit[: player.samples - first])


PHRASES: dict[str, Callable[[Player], Iterator[Event]]] = {
    "guitar_melody": guitar_melody,
    "drum_beat": drum_beat,
    "guitar_strum": guitar_strum,
    "bass_line": bass_line,
    "guitar_arpeggio": guitar_arpeggio,
    "guitar_riff": guitar_riff,
}


def play_phrase(
    kind: str, samples: int, sample_rate: int, channels: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Play one phrase; in stereo each note has its own place.

    Args:
        kind: One of ``PHRASES``.
        samples: Length of the result.
        sample_rate: In Hz.
        channels: 1 or 2.
        rng: Gives every choice.

    Returns:
        ``(channels, samples)`` at no particular level; it may be cut in the middle of a note.
    """
    player = Player(samples, sample_rate, 60 / rng.uniform(70, 160), rng)
    sound = np.zeros((channels, samples), np.float32)
    for event in PHRASES[kind](player):
        place = rng.uniform(0.15, 0.35) * pi
        gains = (1.0,) if channels == 1 else (np.cos(place), np.sin(place))
        for channel, gain in zip(sound, gains, strict=True):
            channel[event.start : event.start + len(event.sound)] += np.float32(gain) * event.sound
    return sound


def _guitar(rng: np.random.Generator) -> PluckedString:
    """Draw one guitar and the hand that plays it."""
    return PluckedString(
        decay_seconds=rng.uniform(2.5, 6),
        damping_hz=rng.uniform(1200, 3500),
        brightness_hz=rng.uniform(1200, 4500),
        pick_position=rng.uniform(0.06, 0.3),
        pickup_position=rng.uniform(0.05, 0.28),
        inharmonicity=rng.uniform(1e-5, 8e-5),
        scratch=rng.uniform(0.05, 0.6),
    )


def _steps(player: Player, beats: tuple[float, ...]) -> Iterator[tuple[float, float]]:
    """Starts and durations, in seconds, that fill the recording; about one in ten is a rest of a beat at most."""
    time = float(player.rng.uniform(0, 0.2))
    while time < player.seconds - 0.05:
        seconds = player.beat * float(player.rng.choice(beats))
        if time > 0.2 and player.rng.random() < 0.1:
            seconds = min(seconds, player.beat)
        else:
            yield time, seconds
        time += seconds


def _line(
    player: Player, string: PluckedString, note_range: tuple[int, int], beats: tuple[float, ...]
) -> Iterator[Event]:
    """Single notes that wander over a random scale within a range of MIDI notes."""
    rng = player.rng
    root, scale = int(rng.integers(12)), _SCALES[int(rng.integers(len(_SCALES)))]
    ladder = [note for note in range(note_range[0], note_range[1] + 1) if (note - root) % 12 in scale]
    rung = int(rng.integers(len(ladder)))
    for start, seconds in _steps(player, beats):
        legato = float(rng.uniform(0.7, 1.05))
        yield player.strum([Pluck(player.hertz(ladder[rung]), 0.0, player.velocity())], start, seconds * legato, string)
        rung = int(np.clip(rung + rng.integers(-4, 5), 0, len(ladder) - 1))


def _voicing(rng: np.random.Generator, strings: int) -> list[int]:
    """A chord on neighbouring strings: on each, the lowest chord note at or above a random fret."""
    root, chord = int(rng.integers(12)), _CHORDS[int(rng.integers(len(_CHORDS)))]
    fret = int(rng.integers(0, 10))
    first = int(rng.integers(0, len(_OPEN_STRINGS) - strings + 1))
    return [
        next(note for note in range(opened + fret, opened + fret + 12) if (note - root) % 12 in chord)
        for opened in _OPEN_STRINGS[first : first + strings]
    ]
