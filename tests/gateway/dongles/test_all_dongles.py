"""What must hold for every dongle in the folder, found by being there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.gateway.dongle import DongleModel
from meterhub.gateway.dongles import dongle_models

MODELS = dongle_models()


def test_the_search_order_is_sound() -> None:
    orders = [model.probe_order for model in MODELS.values() if model.probe_order is not None]
    assert orders == sorted(orders)
    assert len(set(orders)) == len(orders)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_each_has_a_name_a_title_and_link_modes(model: DongleModel) -> None:
    assert model.name == model.name.lower()
    assert model.title
    assert model.link_modes


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@given(chunks=st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_raise(model: DongleModel, chunks: list[bytes]) -> None:
    codec = model.new_codec()
    for chunk in chunks:
        codec.feed(chunk)
    codec.quiet()
