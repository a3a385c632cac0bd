"""Networks on disk: the same bytes for the same weights, and nothing else is taken for one."""

import hashlib
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from graft.models.networks.mlp import MLP
from graft.models.networks.network import Network, Shape
from graft.models.scaling import Scaling
from graft.models.weights import no_gradient, pack, sha256, unpack
from graft.spaces.errors import InputError

SHAPE = Shape(3, 2, Network(2, 5), "gelu")
SCALING = Scaling(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5, 1.0, 2.0]))


def network() -> MLP:
    torch.manual_seed(0)
    return SHAPE.build()


def test_packing_and_unpacking_gives_the_same_network_and_the_same_bytes(tmp_path: Path) -> None:
    made = network()
    data = pack(made, SHAPE, SCALING)
    (tmp_path / "a.safetensors").write_bytes(data)
    opened, shape, scaling = unpack(tmp_path / "a.safetensors")
    assert shape == SHAPE
    assert torch.equal(scaling.mean, SCALING.mean) and torch.equal(scaling.deviation, SCALING.deviation)
    x = torch.randn(4, 3)
    assert torch.equal(opened(x), made(x))
    assert pack(opened, shape, scaling) == data


def test_one_weight_changes_the_bytes() -> None:
    made = network()
    before = pack(made, SHAPE, SCALING)
    with torch.no_grad():
        made.blocks[0][0].weight[0, 0] += 1e-6  # type: ignore[index]
    assert pack(made, SHAPE, SCALING) != before


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_a_file_cut_short_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(pack(network(), SHAPE, SCALING)[:kept])
    with pytest.raises(InputError, match=r"cut\.safetensors is not a network written by graft \(.*\); allowed: "):
        unpack(path)


TENSORS = network().state_dict() | {"scaling.mean": SCALING.mean, "scaling.deviation": SCALING.deviation}
WRITTEN = {"shape": json.dumps({"inputs": 3, "outputs": 2, "depth": 2, "width": 5, "activation": "gelu"})}


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        (TENSORS, None),
        (TENSORS, {"shape": "not json"}),
        (TENSORS, {"shape": '{"inputs": 3, "colour": 1}'}),
        (TENSORS, {"shape": WRITTEN["shape"].replace('"inputs": 3', '"inputs": 0')}),
        (TENSORS, {"shape": WRITTEN["shape"].replace('"width": 5', '"width": 6')}),
        ({name: tensor for name, tensor in TENSORS.items() if "scaling" not in name}, WRITTEN),
    ],
    ids=["no shape", "shape is no JSON", "unknown key", "no inputs", "other width", "no scaling"],
)
def test_tensors_that_are_no_network_of_ours_are_refused(
    tmp_path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None
) -> None:
    path = tmp_path / "foreign.safetensors"
    path.write_bytes(save(tensors, metadata=metadata))
    with pytest.raises(InputError):
        unpack(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.safetensors", tmp_path):
        with pytest.raises(InputError, match=r"is not a network written by graft"):
            unpack(path)


def test_the_digest_is_sha256() -> None:
    assert sha256(b"graft") == hashlib.sha256(b"graft").hexdigest()


def test_a_source_is_only_read() -> None:
    source = no_gradient(network())
    assert not any(parameter.requires_grad for parameter in source.parameters())
