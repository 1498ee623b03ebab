"""Which LV2 plugins and controls cannot be used, each said in one sentence with the remedy."""

from __future__ import annotations

import numpy as np

from fxstyle.effects.lv2 import vocabulary as names
from fxstyle.effects.lv2.abi import SUPPORTED, block_features, check_binary
from fxstyle.effects.lv2.description import Description
from fxstyle.effects.spec import EffectSpec
from fxstyle.errors import InputError

_BLOCKS = {
    f"{names.BUF_SIZE}fixedBlockLength": "set block: 512",
    f"{names.BUF_SIZE}coarseBlockLength": "set block: 512",
    f"{names.BUF_SIZE}powerOf2BlockLength": "set block to a power of two, such as 512",
}


def refuse_plugin(plugin: Description, where: str, block: int | None) -> None:
    """Refuse a plugin that is no effect, needs what this host cannot give, or cannot be loaded on this machine.

    Args:
        plugin: Its description; its binary is looked at, but not loaded.
        where: The config key for the message.
        block: Samples of every call, or ``None``.

    Raises:
        InputError: Naming the remedy.
    """
    inputs, outputs = (plugin.select("audio", is_input=side) for side in (True, False))
    if not inputs and not outputs:
        raise InputError(f"{where}: {plugin.uri} has no audio ports (MIDI or control only): choose an audio effect")
    if not inputs:
        raise InputError(
            f"{where}: {plugin.uri} is an instrument or generator, it has no audio input: choose an effect"
        )
    if not outputs:
        raise InputError(f"{where}: {plugin.uri} is an analyser, it has no audio output: choose an effect")
    for feature in sorted(plugin.required - SUPPORTED - block_features(block)):
        if feature in _BLOCKS:
            raise InputError(f"{where}: {plugin.uri} needs calls of one length: {_BLOCKS[feature]}")
        raise InputError(
            f"{where}: {plugin.uri} needs the host feature {feature}, which fxstyle does not have: "
            "choose another plugin, or its VST3 build"
        )
    for port in plugin.ports:
        if port.kind in ("cv", "other") and "connectionOptional" not in port.hints:
            kind = "control voltage (CV)" if port.kind == "cv" else "an unknown kind"
            raise InputError(f"{where}: {plugin.uri} needs port {port.symbol} of {kind}: choose another plugin")
    try:
        check_binary(plugin.binary)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def refuse_controls(plugin: Description, spec: EffectSpec) -> None:
    """Refuse parameters that the plugin does not have, and ranges that leave those of its ports.

    Raises:
        InputError: Naming the alternatives.
    """
    ports = plugin.controls
    used: dict[str, str] = {}
    for parameter in spec.parameters:
        where = f"effects.{spec.name}.parameters.{parameter.name}"
        symbol = parameter.native_name
        if symbol not in ports:
            raise InputError(f"{where}: {plugin.uri} has no control {symbol!r}; choose from {', '.join(ports)}")
        if symbol in used:
            raise InputError(f"{where}: {symbol!r} is already set by {used[symbol]!r}; remove one of the two")
        used[symbol] = parameter.name
        port = ports[symbol]
        reached = parameter.native or (parameter.low, parameter.high)
        slack = 1e-6 * max(1.0, abs(port.low), abs(port.high))
        # A bound that the plugin does not give compares as false.
        if min(reached) < port.low - slack or max(reached) > port.high + slack:
            raise InputError(
                f"{where}: {plugin.uri} takes {symbol} from {port.low:g} to {port.high:g}, "
                f"not from {np.min(reached):g} to {np.max(reached):g}; narrow the range, or give 'native'"
            )
