"""Lists by cursor: the cursor is the key of the last row seen, so pages stay right while rows are added."""

from collections.abc import Callable, Sequence
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, Field, StringConstraints

MAX_LIMIT = 500

T = TypeVar("T")


class PageParams(BaseModel):
    """How many rows, and after which."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 100
    cursor: str | None = None


class IdPage(PageParams):
    """A page of rows that are numbered; the cursor is the number of the last one seen."""

    cursor: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")] | None = None

    @property
    def after(self) -> int | None:
        """The number after (or, newest first, before) which the page begins."""
        return None if self.cursor is None else int(self.cursor)


class Page(BaseModel, Generic[T]):
    """Some rows, and the cursor of the next page; null at the end."""

    items: list[T]
    next_cursor: str | None


def page_of(rows: Sequence[T], limit: int, key: Callable[[T], object]) -> tuple[Sequence[T], str | None]:
    """Cut rows that were asked for with `limit + 1` into a page and the cursor of the next."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], str(key(rows[limit - 1]))
