"""LV2's C interface in ctypes: structures, the host's features, and loaded libraries."""

from __future__ import annotations

import ctypes
import platform
import sys
import threading
from ctypes import POINTER, Structure, c_char_p, c_double, c_float, c_int32, c_uint32, c_void_p
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from fxstyle.effects.arithmetic import default_arithmetic
from fxstyle.effects.lv2 import vocabulary as names
from fxstyle.errors import InputError

_instantiate = ctypes.CFUNCTYPE(c_void_p, c_void_p, c_double, c_char_p, c_void_p)
_run = ctypes.CFUNCTYPE(None, c_void_p, c_uint32)
_plain = ctypes.CFUNCTYPE(None, c_void_p)
# Connecting only stores a pointer: keeping the interpreter lock makes it cheap.
_connect = ctypes.PYFUNCTYPE(None, c_void_p, c_uint32, c_void_p)


class _Descriptor(Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("uri", c_char_p),
        ("instantiate", _instantiate),
        ("connect_port", _connect),
        ("activate", c_void_p),
        ("run", _run),
        ("deactivate", c_void_p),
        ("cleanup", _plain),
        ("extension_data", c_void_p),
    ]


class _Feature(Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [("uri", c_char_p), ("data", c_void_p)]


class _Option(Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [
        ("context", c_int32),
        ("subject", c_uint32),
        ("key", c_uint32),
        ("size", c_uint32),
        ("type", c_uint32),
        ("value", c_void_p),
    ]


_map_function = ctypes.CFUNCTYPE(c_uint32, c_void_p, c_char_p)
_unmap_function = ctypes.CFUNCTYPE(c_void_p, c_void_p, c_uint32)


class _Mapper(Structure):
    _fields_: ClassVar[list[tuple[str, Any]]] = [("handle", c_void_p), ("function", c_void_p)]


class _Numbers:
    """One number for each URI, and the way back, for the whole process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers: dict[bytes, int] = {}
        self._texts: list[Any] = []

    def number(self, uri: bytes) -> int:
        """The number of a URI, from 1 on."""
        with self._lock:
            if uri not in self._numbers:
                self._texts.append(ctypes.create_string_buffer(uri))
                self._numbers[uri] = len(self._texts)
            return self._numbers[uri]

    def text(self, number: int) -> int | None:
        """The address of the URI of a number."""
        with self._lock:
            known = 1 <= number <= len(self._texts)
            return ctypes.addressof(self._texts[number - 1]) if known else None


_numbers = _Numbers()


@_map_function
def _map_uri(handle: int | None, uri: bytes | None) -> int:
    return _numbers.number(uri) if uri else 0


@_unmap_function
def _unmap_uri(handle: int | None, number: int) -> int | None:
    return _numbers.text(number)


_mapper = _Mapper(None, ctypes.cast(_map_uri, c_void_p))
_unmapper = _Mapper(None, ctypes.cast(_unmap_uri, c_void_p))


def uri_number(uri: str) -> int:
    """The number that plugins are told for a URI."""
    return _numbers.number(uri.encode())


SUPPORTED = frozenset(
    {
        f"{names.URID}map",
        f"{names.URID}unmap",
        f"{names.OPTIONS}options",
        f"{names.BUF_SIZE}boundedBlockLength",
        f"{names.LV2}hardRTCapable",
        f"{names.LV2}inPlaceBroken",
    }
)
"""Features that every plugin gets."""


def block_features(block: int | None) -> frozenset[str]:
    """Features that only hold when every call has the same number of samples."""
    if block is None:
        return frozenset()
    fixed = frozenset({f"{names.BUF_SIZE}fixedBlockLength", f"{names.BUF_SIZE}coarseBlockLength"})
    return fixed | ({f"{names.BUF_SIZE}powerOf2BlockLength"} if block & (block - 1) == 0 else frozenset())


class Features:
    """The features that a plugin is started with, in memory that must outlive it.

    Args:
        sample_rate: In Hz.
        longest: Most samples of a call.
        block: Samples of every call, or ``None`` where they differ.
    """

    def __init__(self, sample_rate: float, longest: int, block: int | None) -> None:
        whole = f"{names.ATOM}Int"
        values: list[tuple[str, str, Any]] = [
            (f"{names.BUF_SIZE}minBlockLength", whole, c_int32(block or 1)),
            (f"{names.BUF_SIZE}maxBlockLength", whole, c_int32(longest)),
            (f"{names.BUF_SIZE}nominalBlockLength", whole, c_int32(longest)),
            (f"{names.BUF_SIZE}sequenceSize", whole, c_int32(EVENT_BYTES)),
            (f"{names.PARAMETERS}sampleRate", f"{names.ATOM}Float", c_float(sample_rate)),
        ]
        options = (_Option * (len(values) + 1))()
        for option, (key, kind, value) in zip(options, values, strict=False):
            option.key, option.type = uri_number(key), uri_number(kind)
            option.size, option.value = ctypes.sizeof(value), ctypes.addressof(value)
        data = {
            f"{names.URID}map": ctypes.addressof(_mapper),
            f"{names.URID}unmap": ctypes.addressof(_unmapper),
            f"{names.OPTIONS}options": ctypes.addressof(options),
        }
        features = [_Feature(uri.encode(), data.get(uri)) for uri in sorted(SUPPORTED | block_features(block))]
        pointers = (POINTER(_Feature) * (len(features) + 1))(*map(ctypes.pointer, features))
        self._kept = (values, options, features, pointers)
        self.address = ctypes.addressof(pointers)


EVENT_BYTES = 8192
"""Room for the events of a call; nobody sends any."""


@lru_cache(maxsize=64)
def features(sample_rate: float, longest: int, block: int | None) -> Features:
    """The same features, kept."""
    return Features(sample_rate, longest, block)


class Library:
    """A plugin's functions in its loaded shared library.

    Args:
        binary: The shared library.
        uri: The plugin in it.
        bundle: The folder of the plugin's data.

    Raises:
        InputError: When it does not load or lacks the plugin.
    """

    def __init__(self, binary: Path, uri: str, bundle: Path) -> None:
        check_binary(binary)
        try:
            self._library = ctypes.CDLL(str(binary))
            entry = self._library.lv2_descriptor
        except OSError as error:
            raise InputError(f"{binary} does not load: {error}; reinstall the plugin") from error
        except AttributeError:
            raise InputError(f"{binary} is no LV2 plugin: it has no lv2_descriptor; reinstall the plugin") from None
        entry.restype = POINTER(_Descriptor)
        entry.argtypes = [c_uint32]
        index = 0
        while found := entry(index):
            if found.contents.uri == uri.encode():
                break
            index += 1
        else:
            raise InputError(f"{binary} has no plugin {uri}, although its bundle says so; reinstall the plugin")
        descriptor = found.contents
        self.bundle = str(bundle).rstrip("/").encode() + b"/"
        self.instantiate = descriptor.instantiate
        self.connect_port = descriptor.connect_port
        self.run = descriptor.run
        self.cleanup = descriptor.cleanup
        self.addresses = (_address(self.run), _address(self.connect_port))
        self.activate = _plain(descriptor.activate) if descriptor.activate else None
        self.deactivate = _plain(descriptor.deactivate) if descriptor.deactivate else None
        self.descriptor = ctypes.addressof(descriptor)


def _address(function: Any) -> int:
    return ctypes.cast(function, c_void_p).value or 0


@lru_cache(maxsize=256)
def load_library(binary: Path, uri: str, bundle: Path) -> Library:
    """Load a plugin's library once; it stays loaded, since many do not survive being loaded twice.

    Raises:
        InputError: When it does not load or lacks the plugin.
    """
    with starting, default_arithmetic():
        return Library(binary, uri, bundle)


# Plugins share tables that they fill when they start; a finaliser may stop one while its own thread starts another.
starting = threading.RLock()

_MACHINES = {"x86_64": 62, "aarch64": 183, "i686": 3, "armv7l": 40, "riscv64": 243, "ppc64le": 21, "s390x": 22}


def check_binary(binary: Path) -> None:
    """Refuse a file that this machine cannot load, without loading it.

    Raises:
        InputError: When it is missing, no shared library, or built for another machine.
    """
    try:
        with binary.open("rb") as file:
            head = file.read(20)
    except (OSError, ValueError):
        raise InputError(f"{binary} is missing: reinstall the plugin") from None
    if not sys.platform.startswith("linux"):
        return
    if head[:4] != b"\x7fELF" or len(head) < 20:
        raise InputError(f"{binary} is no Linux shared library: install the plugin's Linux build")
    machine = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
    if machine != _MACHINES.get(platform.machine(), machine):
        raise InputError(
            f"{binary} was built for another kind of processor: install the plugin's {platform.machine()} build"
        )
