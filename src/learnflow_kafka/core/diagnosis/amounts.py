"""
Amounts as Kubernetes writes them: `500m` CPU, `2Gi` memory, `3` pods.

In our values CPU is in thousandths of a core, all else in whole units.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

CPU: Final = "cpu"
MEMORY: Final = "memory"
GI: Final = 2**30
MI: Final = 2**20

_FACTORS: Final = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}
_QUANTITY: Final = re.compile(r"([+-]?\d{1,30}(?:\.\d{0,30})?(?:[eE][+-]?\d{1,2})?)([A-Za-z]{0,2})")
_BINARY: Final = (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))
_CORE: Final = 1000


def amount(resource: str, text: object) -> int | None:
    """
    A quantity of the API as our number, rounded up; None where it is none.

    >>> amount("requests.cpu", "1500m"), amount("memory", "1Gi"), amount("pods", "x")
    (1500, 1073741824, None)
    """
    found = _QUANTITY.fullmatch(str(text).strip())
    if found is None or found[2] not in _FACTORS:
        return None
    value = Decimal(found[1]) * _FACTORS[found[2]] * (_CORE if _is_cpu(resource) else 1)
    return int(value.to_integral_value(rounding="ROUND_CEILING"))


def shown(resource: str, number: int) -> str:
    """
    Our number as people write it.

    >>> shown("cpu", 1500), shown("requests.cpu", 2000), shown("memory", 3 * 2**29)
    ('1500m', '2', '1536Mi')
    """
    if _is_cpu(resource):
        return str(number // _CORE) if number % _CORE == 0 else f"{number}m"
    if "memory" not in resource and "storage" not in resource:
        return str(number)
    for unit, size in _BINARY:
        if number and number % size == 0:
            return f"{number // size}{unit}"
    return f"{number // MI}Mi" if abs(number) >= MI else str(number)


def bytes_of_heap(option: str | None, limit: int | None) -> int | None:
    """
    The heap that a JVM option allows, in bytes; percentages are of the memory `limit`.

    >>> bytes_of_heap("-Xmx1g", None)
    1073741824
    """
    if option is None:
        return None
    if found := re.fullmatch(r"-Xmx(\d{1,15})([kKmMgGtT]?)", option):
        return int(found[1]) << (" kmgt".index(found[2].lower() or " ") * 10)
    if (found := re.fullmatch(r"-XX:MaxRAMPercentage=(\d{1,3}(?:\.\d{1,6})?)", option)) and limit:
        return int(limit * float(found[1]) / 100)
    return None


def _is_cpu(resource: str) -> bool:
    return resource == CPU or resource.endswith(f".{CPU}")
