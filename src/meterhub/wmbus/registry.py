"""Finds the driver for an address; every module of `drivers` with a `DRIVER` takes part."""

import importlib
import pkgutil
from functools import cache, lru_cache

from meterhub.wmbus import drivers
from meterhub.wmbus.driver import Driver, Match
from meterhub.wmbus.model import Address


@cache
def all_drivers() -> tuple[Driver, ...]:
    """Return all drivers, by name."""
    found = []
    for module in pkgutil.iter_modules(drivers.__path__):
        driver = getattr(importlib.import_module(f"{drivers.__name__}.{module.name}"), "DRIVER", None)
        if isinstance(driver, Driver):
            found.append(driver)
    return tuple(sorted(found, key=lambda driver: driver.name))


@cache
def _by_manufacturer() -> dict[str, list[tuple[Match, Driver]]]:
    index: dict[str, list[tuple[Match, Driver]]] = {}
    for driver in all_drivers():
        for entry in driver.detect:
            index.setdefault(entry.manufacturer, []).append((entry, driver))
    for entries in index.values():
        entries.sort(key=lambda pair: -pair[0].specificity)
    return index


@cache
def generic() -> Driver:
    """Return the driver for meters that no other driver knows."""
    return next(driver for driver in all_drivers() if not driver.detect)


@lru_cache(maxsize=4096)
def _find(manufacturer: str, version: int, device_type: int, swapped: bool) -> Driver | None:
    address = Address(manufacturer, "", version, device_type)
    for entry, driver in _by_manufacturer().get(manufacturer, ()):
        if entry.swapped == swapped and entry.fits(address):
            return driver
    return None


def find_driver(address: Address, *, swapped: bool = False) -> Driver | None:
    """Return the driver of an address; `swapped` says that it was read in Diehl's byte order."""
    return _find(address.manufacturer, address.device_version, address.device_type, swapped)
