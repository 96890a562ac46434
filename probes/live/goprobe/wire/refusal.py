"""A second look at what msgspec refused: pydantic reads what can be meant, such as 1.0 for 1, and else says what is wrong."""

from __future__ import annotations

from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from msgspec import Meta, Struct, convert, structs
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, create_model

from probes.live.goprobe.wire.base import Moment, NotThat, Wire, moment

W = TypeVar("W", bound=Wire)


def read_or_refuse(body: bytes, kind: type[W]) -> W:
    """The `kind` in `body`.

    Raises:
        NotThat: it is none.
    """
    try:
        found = _model(kind).model_validate_json(body)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        raise NotThat(".".join(str(part) for part in first["loc"]), first["msg"]) from exc
    return convert(found.model_dump(), kind, dec_hook=moment)


@cache
def _model(kind: type[Struct]) -> type[BaseModel]:
    """The model with the fields of a struct."""
    fields: dict[str, Any] = {
        each.name: (_translated(each.type), ... if each.required else each.default) for each in structs.fields(kind)
    }
    return create_model(kind.__name__, __config__=ConfigDict(extra="ignore", defer_build=True), **fields)


def _translated(kind: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Moment:
        return AwareDatetime
    if isinstance(kind, type) and issubclass(kind, Struct):
        return _model(kind)
    if origin is Annotated:
        bounds: Meta = arguments[1]
        return Annotated[_translated(arguments[0]), Field(ge=bounds.ge, le=bounds.le, **(bounds.extra or {}))]
    if origin is list:
        return list[_translated(arguments[0])]  # type: ignore[misc]
    if origin in (Union, UnionType):
        return Union[tuple(map(_translated, arguments))]  # noqa: UP007 - made here
    return kind
