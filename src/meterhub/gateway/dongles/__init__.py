"""Radio dongles: one file each, found by being there. A file defines `DONGLE`, a `DongleModel`."""

import importlib
import pkgutil

from meterhub.gateway.dongle import DongleModel


def dongle_models() -> dict[str, DongleModel]:
    """Return all known kinds of dongle by name, in the order in which they are searched for."""
    found: list[DongleModel] = [
        importlib.import_module(f"{__name__}.{module.name}").DONGLE for module in pkgutil.iter_modules(__path__)
    ]
    found.sort(key=lambda model: (model.probe_order is None, model.probe_order, model.name))
    return {model.name: model for model in found}
