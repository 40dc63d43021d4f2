"""`NamedTuple` at a price the driver can pay.

`typing.NamedTuple` compiles every annotation and generates a constructor: a fifth of a millisecond
per class, and a conflicted file needs seventy of them: together more than an interpreter start.
This one does the same for us at a hundredth of that. To type checkers it is `typing.NamedTuple`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple  # noqa: PLC0414  (meant to be imported from here)
else:
    from _collections import _tuplegetter  # what collections.namedtuple uses for its fields

    class _Fields(type):
        """Turns the annotations of a class body into the fields of a tuple."""

        def __new__(cls, name, bases, body):
            fields = tuple(body.get("__annotations__", ()))
            body["__slots__"] = ()
            if fields:
                body["_fields"] = body["__match_args__"] = fields
                body["_field_defaults"] = {f: body[f] for f in fields if f in body}
                for place, field in enumerate(fields):
                    body[field] = _tuplegetter(place, "")
            return super().__new__(cls, name, bases, body)

    class NamedTuple(tuple, metaclass=_Fields):
        """A tuple whose fields have names; see `typing.NamedTuple`."""

        _fields = ()
        _field_defaults = {}  # noqa: RUF012

        def __new__(cls, *values, **named):
            """Take values by place, then by name, then the defaults."""
            missing = cls._fields[len(values) :]
            if missing or named:
                given = {**cls._field_defaults, **named}
                values += tuple(given[field] for field in missing if field in given)
            wrong = sorted(named.keys() - set(missing))
            if wrong or len(values) != len(cls._fields):
                but = f", not {', '.join(wrong)}" if wrong else ""
                raise TypeError(f"{cls.__name__} takes {', '.join(cls._fields)}{but}")
            return tuple.__new__(cls, values)

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            pairs = zip(self._fields, self, strict=True)
            return f"{type(self).__name__}({', '.join(f'{f}={v!r}' for f, v in pairs)})"

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def _replace(self, **named):
            return type(self)(**{**self._asdict(), **named})
