# SPDX-License-Identifier: Apache-2.0
"""The ledger: each record that was produced must be in the table exactly once.

Records are told apart by topic, partition and offset, so a pipeline under this
test selects _partition and _offset (and _topic, if it reads several), and its
value, if that shall be compared too.  Records are compared as a multiset; order
and file layout do not matter.
"""

import collections
import dataclasses
from typing import Callable, Iterable

import pyarrow as pa

from .kafka import Record


@dataclasses.dataclass
class Difference:
    missing: list  # produced, not in the table
    doubled: list  # more than once in the table
    foreign: list  # in the table, never produced
    altered: list  # there, with another value: (place, produced, found)

    def __bool__(self) -> bool:
        return bool(self.missing or self.doubled or self.foreign or self.altered)

    def __str__(self) -> str:
        parts = []
        for field in dataclasses.fields(self):
            found = getattr(self, field.name)
            if found:
                more = ", …" if len(found) > 10 else ""
                parts.append(f"{len(found)} {field.name}: "
                             + ", ".join(map(str, sorted(found, key=str)[:10])) + more)
        return "\n".join(parts) or "no difference"


class Ledger:
    """`value_of` makes of a record what its row shall have in `value_column`."""

    def __init__(self, records: Iterable[Record] = (), value_column: str | None = None,
                 value_of: Callable[[Record], object] = lambda r: (r.value or b"").decode()):
        self.records: list[Record] = list(records)
        self.value_column = value_column
        self.value_of = value_of

    def add(self, records: Iterable[Record]) -> list[Record]:
        """Write records into the book; they are given back."""
        records = list(records)
        self.records.extend(records)
        return records

    def __len__(self) -> int:
        return len(self.records)

    def compare(self, table: pa.Table) -> Difference:
        with_topic = "_topic" in table.column_names
        columns = (["_topic"] if with_topic else []) + ["_partition", "_offset"]
        places = list(zip(*(table.column(c).to_pylist() for c in columns)))
        seen = collections.Counter(places)
        expected = {self._place(r, with_topic): r for r in self.records}
        assert len(expected) == len(self.records), "two records of one place: compare with _topic"
        altered = []
        if self.value_column:
            for place, found in zip(places, table.column(self.value_column).to_pylist()):
                record = expected.get(place)
                if record is not None and self.value_of(record) != found:
                    altered.append((place, self.value_of(record), found))
        return Difference(missing=[p for p in expected if p not in seen],
                          doubled=[p for p, n in seen.items() if n > 1],
                          foreign=[p for p in seen if p not in expected],
                          altered=altered)

    def check(self, table: pa.Table) -> None:
        """Raise AssertionError, saying which, unless each record is there once."""
        difference = self.compare(table)
        if difference:
            raise AssertionError(f"{len(self.records)} produced, {table.num_rows} rows found\n"
                                 f"{difference}")

    @staticmethod
    def _place(record: Record, with_topic: bool) -> tuple:
        place = (record.partition, record.offset)
        return (record.topic, *place) if with_topic else place
