"""The names of LV2's vocabularies that a headless host needs."""

from __future__ import annotations

LV2 = "http://lv2plug.in/ns/lv2core#"
ATOM = "http://lv2plug.in/ns/ext/atom#"
BUF_SIZE = "http://lv2plug.in/ns/ext/buf-size#"
OPTIONS = "http://lv2plug.in/ns/ext/options#"
PARAMETERS = "http://lv2plug.in/ns/ext/parameters#"
PORT_GROUPS = "http://lv2plug.in/ns/ext/port-groups#"
PORT_PROPERTIES = "http://lv2plug.in/ns/ext/port-props#"
PRESETS = "http://lv2plug.in/ns/ext/presets#"
RESIZE_PORT = "http://lv2plug.in/ns/ext/resize-port#"
UNITS = "http://lv2plug.in/ns/extensions/units#"
URID = "http://lv2plug.in/ns/ext/urid#"

RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
RDF_VALUE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#value"
RDFS_LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
RDFS_SEE_ALSO = "http://www.w3.org/2000/01/rdf-schema#seeAlso"
DOAP_NAME = "http://usefulinc.com/ns/doap#name"

UNIT_NAMES = {
    "db": "dB",
    "hz": "Hz",
    "khz": "kHz",
    "mhz": "MHz",
    "s": "s",
    "ms": "ms",
    "min": "min",
    "pc": "%",
    "semitone12TET": "semitones",
    "cent": "cent",
    "oct": "octaves",
    "bpm": "BPM",
    "beat": "beats",
    "bar": "bars",
    "degree": "degrees",
    "frame": "samples",
    "midiNote": "MIDI note",
    "m": "m",
    "cm": "cm",
    "mm": "mm",
    "km": "km",
    "inch": "in",
    "mile": "mi",
    "coef": "",
}
"""What people read for the units extension's own units."""
