"""Reading a body: all that is wrong with its shape at once, and what can be understood all the same.

A body is held to the same types that the OpenAPI document is made of. Where some of it does not fit,
the rest is still handed on, so that one answer names the problems of shape and those of the rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.http import HttpRequest
from pydantic import BaseModel, ValidationError, WrapValidator
from pydantic_core import ErrorDetails

from callbacks.errors import Problem
from dashboard.api.errors import Misread

Model = TypeVar("Model", bound=BaseModel)
SHOWN = 60


@dataclass(frozen=True)
class Body(Generic[Model]):
    """What was sent, as far as it could be read."""

    content: Model
    """Without the parts that had problems."""
    problems: Sequence[Problem]

    @property
    def wrong(self) -> frozenset[str]:
        """The top-level names that had problems."""
        return frozenset(one.field.split(".")[0] for one in self.problems)


def collecting(model: type[Model]) -> WrapValidator:
    """For an annotated parameter: a ``Body`` instead of an error for everything that is wrong."""

    def collect(value: Any, handler: Any) -> Body[Model]:
        return read(model, value)

    return WrapValidator(collect)


def read(model: type[Model], value: Any) -> Body[Model]:
    """The value as this model; its problems, and what is left without them."""
    if not isinstance(value, dict):
        empty = model.model_construct()
        return Body(empty, [Problem("invalid.value", "", "Send a JSON object.")])
    try:
        return Body(model.model_validate(value), ())
    except ValidationError as refused:
        errors = refused.errors(include_url=False)
    problems = [_problem(error) for error in errors]
    wrong = {str(error["loc"][0]) for error in errors if error["loc"]}
    fit = {name: part for name, part in value.items() if name not in wrong}
    try:
        return Body(model.model_validate(fit), problems)
    except ValidationError:
        # Something that must be there is missing, or was among the wrong parts.
        return Body(_constructed(model, fit), problems)


def _constructed(model: type[Model], fit: dict[str, Any]) -> Model:
    """The good parts as they are typed; what must be there stays unset."""
    values: dict[str, Any] = {}
    for name, part in fit.items():
        try:
            values[name] = getattr(
                model.__pydantic_validator__.validate_assignment(
                    model.model_construct(), name, part
                ),
                name,
            )
        except (ValidationError, AttributeError):
            continue
    return model.model_construct(**values)


def refuse_strangers(request: HttpRequest, asked: BaseModel) -> None:
    """Raise ``Misread`` for parameters that there are not, and for one value too many.

    A misspelt filter that is passed over gives an answer to another question.
    """
    known = {field.alias or name: field for name, field in type(asked).model_fields.items()}
    problems = [
        Problem(
            "invalid.value", name, f"{name} is no parameter here. There are: {', '.join(known)}."
        )
        for name in request.GET
        if name not in known
    ]
    problems += [
        Problem("invalid.value", name, f"{name} may be given once.")
        for name, field in known.items()
        if len(request.GET.getlist(name)) > 1 and "list" not in str(field.annotation)
    ]
    if problems:
        raise Misread(problems)


def problems_of(errors: Sequence[Any]) -> list[Problem]:
    """Errors of parameters and headers as problems, each at what the caller calls it."""
    return [_problem({**error, "loc": _place(error["loc"])}) for error in errors]


def _place(loc: Sequence[Any]) -> Sequence[Any]:
    """Without ninja's parts: where in the request it is, and our own name for several parameters.

    Of one value of a repeatable parameter, ninja keeps the latter: query, asked, status, 0.
    """
    return loc[2:] if isinstance(loc[-1], int) and len(loc) > 3 else loc[1:]


def _problem(error: ErrorDetails | dict[str, Any]) -> Problem:
    place = ".".join(str(part) for part in error["loc"])
    return Problem("invalid.value", place, _message(error, place))


def _message(error: Any, place: str) -> str:
    kind, name = error["type"], place or "This"
    if kind == "extra_forbidden":
        return f"{name} is not known here. Check its spelling, or put it into externalData."
    if kind == "missing":
        return f"{name} is missing."
    said = str(error["msg"])
    said = said.removeprefix("Value error, ")
    return f"{name}: {said[:1].lower()}{said[1:]}{_sent(error)}."


def _sent(error: Any) -> str:
    """What was sent, where that is short and helps."""
    value = error.get("input", ...)
    if not isinstance(value, (str, int, float, bool)) and value is not None:
        return ""
    text = repr(value)
    return f" (sent: {text})" if len(text) <= SHOWN and text.isprintable() else ""
