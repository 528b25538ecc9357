"""Results as JSON values: decimals as strings, dates as ISO, and traces that can be read back."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from meterhub.billing.rating import traces
from meterhub.billing.rating.model import Document, Line, Quality
from meterhub.billing.rating.traces import Evidence, MeterVolume, RegisterValue, Trace
from meterhub.kit.periods import DateRange

TRACES: dict[str, type] = {kind.__name__.removesuffix("Trace").lower(): kind for kind in get_args(Trace)}

_NAMES = {kind: name for name, kind in TRACES.items()}
# Every line has a trace, so the fields of its parts are looked up once and for all.
_PARTS: tuple[type, ...] = (Evidence, RegisterValue, MeterVolume, *TRACES.values())


def _form(kind: type) -> tuple[tuple[str, ...], str]:
    """Return the fields of a trace's part, and its JSON text with a place for each."""
    names = tuple(field.name for field in fields(kind))
    places = [f'"{name}":%s' for name in names]
    rule = _NAMES.get(kind)
    return names, "{" + ",".join([f'"rule":"{rule}"', *places] if rule else places) + "}"


_FORMS = {kind: _form(kind) for kind in _PARTS}
_quoted: Callable[[str], str] = json.encoder.encode_basestring


def plain(value: Decimal) -> str:
    """Return a decimal without exponent."""
    return format(value, "f")


def document_as_json(document: Document, *, with_traces: bool = True) -> dict[str, Any]:
    """Return a document as published."""
    return {
        "type": document.type.value,
        "payer": document.payer,
        "refers_to": document.refers_to,
        "lines": [line_as_json(line, with_trace=with_traces) for line in document.lines],
        "vat_groups": [
            {
                "category": group.category,
                "rate": plain(group.rate),
                "base": plain(group.base),
                "vat": plain(group.vat),
            }
            for group in document.vat_groups
        ],
        "net": plain(document.net),
        "vat": plain(document.vat),
        "gross": plain(document.gross),
    }


def line_as_json(line: Line, *, with_trace: bool = True) -> dict[str, Any]:
    """Return a line as published; `trace` tells how it was computed."""
    made: dict[str, Any] = {
        "code": line.code,
        "point": line.point,
        "period": [line.period.start.isoformat(), line.period.end.isoformat()] if line.period else None,
        "quantity": plain(line.quantity),
        "unit": line.unit,
        "unit_price": plain(line.unit_price),
        "price_base_quantity": plain(line.price_base_quantity),
        "net": plain(line.net),
        "vat_category": line.vat_category,
        "vat_rate": plain(line.vat_rate),
        "quality": line.quality.value if line.quality else None,
        "refers_to": line.refers_to,
    }
    if with_trace and line.trace is not None:
        made["trace"] = trace_as_json(line.trace)
    return made


def line_from_json(value: Mapping[str, Any]) -> Line:
    """Return the line that `line_as_json` wrote; raises KeyError, ValueError for anything else."""
    period, quality, trace = value["period"], value["quality"], value.get("trace")
    return Line(
        code=value["code"],
        point=value["point"],
        period=DateRange(*(date.fromisoformat(day) for day in period)) if period else None,
        quantity=Decimal(value["quantity"]),
        unit=value["unit"],
        unit_price=Decimal(value["unit_price"]),
        price_base_quantity=Decimal(value["price_base_quantity"]),
        net=Decimal(value["net"]),
        vat_category=value["vat_category"],
        vat_rate=Decimal(value["vat_rate"]),
        quality=Quality(quality) if quality else None,
        refers_to=value["refers_to"],
        trace=trace_from_json(trace) if trace else None,
    )


def trace_as_json(trace: Trace) -> dict[str, Any]:
    """Return a trace as JSON, `rule` naming its kind; `trace_from_json` reads it back."""
    made: dict[str, Any] = json.loads(trace_text(trace))
    return made


def trace_text(trace: Trace, told: dict[int, str] | None = None) -> str:
    """Return a trace as JSON text, made at once: a run writes it for every line.

    Lines of a document share the meters' volumes: `told` keeps what was written of them, by identity.
    """
    return _text(trace, {} if told is None else told)


def text_of(value: str | None) -> str:
    """Return a text as JSON text."""
    return "null" if value is None else _quoted(value)


def trace_from_json(value: Any) -> Trace:
    """Return the trace that `trace_as_json` wrote; raises KeyError, ValueError for anything else."""
    trace: Trace = _from_json(Trace, value)
    return trace


def _text(value: Any, told: dict[int, str]) -> str:  # Any: whatever a trace's fields are of
    kind = type(value)
    if kind is str:
        return _quoted(value)
    if kind is int:
        return str(value)
    if value is None:
        return "null"
    if kind is Decimal:
        return f'"{value:f}"'
    if kind is date:
        return f'"{value.isoformat()}"'
    if kind is tuple:
        return f"[{','.join([_text(one, told) for one in value])}]"
    form = _FORMS.get(kind)
    if form is None:
        return _quoted(str(value))
    names, template = form
    if kind is MeterVolume:
        made = told.get(id(value))
        if made is None:
            made = told[id(value)] = template % tuple([_text(getattr(value, name), told) for name in names])
        return made
    return template % tuple([_text(getattr(value, name), told) for name in names])


def _from_json(kind: Any, value: Any) -> Any:
    """Rebuild a value of a trace's field type."""
    if get_origin(kind) in (Union, UnionType):
        if value is None:
            return None
        options = [option for option in get_args(kind) if option is not type(None)]
        if is_dataclass(options[0]):
            kind = TRACES[value["rule"]]
        elif len(options) > 1:
            return value
        else:
            kind = options[0]
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        return tuple(_from_json(one, part) for one, part in zip(kinds, value, strict=True))
    if kind is Decimal:
        return Decimal(value)
    if kind is date:
        return date.fromisoformat(value)
    hints = get_type_hints(kind, vars(traces)) if is_dataclass(kind) else None
    if hints is None:
        return kind(value)
    return kind(**{name: _from_json(hint, value[name]) for name, hint in hints.items()})
