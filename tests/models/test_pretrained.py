"""Files of weights as sources: what fits is read, nothing of them is run, what does not fit is named."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from graft.models.networks.mlp import MLP
from graft.models.networks.network import Network, Shape
from graft.models.pretrained import Pretrained, put, read
from graft.models.scaling import Scaling
from graft.models.weights import pack
from graft.spaces.errors import InputError


class Evil:
    def __reduce__(self) -> tuple:
        return Path.touch, (Path("ran"),)


def network(**sizes: int) -> MLP:
    return MLP(3, 4, **({"depth": 2, "width": 5} | sizes), activation="gelu")


def refused(path: Path) -> str:
    with pytest.raises(InputError) as problem:
        read(path)
    assert "\n" not in str(problem.value)
    return str(problem.value)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt", "w.pth"])
def test_a_state_dict_is_read_and_put_into_a_network(name: str, tmp_path: Path) -> None:
    source, target = network(), network()
    state = {key: weight.double() for key, weight in source.state_dict().items()}
    (save_file if name.endswith("safetensors") else torch.save)(state, tmp_path / name)
    put(target, read(tmp_path / name).tensors, name)
    assert all(torch.equal(a, b) for a, b in zip(source.parameters(), target.parameters(), strict=True))
    assert next(target.parameters()).dtype == torch.float32


def test_a_network_that_graft_wrote_tells_its_scaling_and_its_activation(tmp_path: Path) -> None:
    scaling = Scaling(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0, 5.0, 6.0]))
    (tmp_path / "w.safetensors").write_bytes(pack(network(), Shape(3, 4, Network(2, 5), "gelu"), scaling))
    found = read(tmp_path / "w.safetensors")
    assert (found.mean, found.deviation, found.activation) == ((1, 2, 3), (4, 5, 6), "gelu")
    assert set(found.tensors) == set(network().state_dict())


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors"])
def test_a_pickle_is_refused_and_not_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(pickle.dumps({"blocks.0.weight": Evil()}))
    assert "cannot be read as weights alone" in refused(Path(name))
    torch.save(Evil(), "w.pth")
    assert "a pickle of more could run code" in refused(Path("w.pth"))
    assert not Path("ran").exists()


def test_what_is_no_state_dict_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    torch.save({"epoch": 3, "weights": network().state_dict()}, path)
    assert "holds epoch, weights; allowed: a state_dict, tensors by name" in refused(path)
    torch.save(torch.ones(3), path)
    assert "holds Tensor" in refused(path)
    state = network().state_dict()
    state["blocks.1.0.weight"][2, 3] = torch.nan
    torch.save(state, path)
    assert "block 2, 0.weight, holds a value that is not finite" in refused(path)


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        (
            {"width": 6},
            "block 1, 0.weight, has shape (6, 3) in the file and has shape (5, 3) in the network of 3 blocks",
        ),
        ({"depth": 1}, "block 2, 0.weight, is missing in the file and has shape (5, 5) in the network of 3 blocks"),
        ({"depth": 3}, "block 3, weight, is missing in the file and has shape (4, 5)"),
    ],
)
def test_what_does_not_fit_is_named_with_both_shapes(sizes: dict[str, int], said: str) -> None:
    with pytest.raises(InputError) as problem:
        put(network(), network(**sizes).state_dict(), "w.pt")
    assert str(problem.value).startswith(f"w.pt does not fit: {said}")


def test_a_weight_too_many_is_named() -> None:
    with pytest.raises(InputError, match=r"'gate' has shape \(1,\) in the file and is missing in the network"):
        put(network(), network().state_dict() | {"gate": torch.ones(1)}, "w.pt")


@pytest.mark.parametrize(
    ("told", "inputs", "mean"),
    [(((50.0,), (11.0,)), 8, [50.0] * 8), (((1.0, 2.0), (3.0, 4.0)), 2, [1.0, 2.0]), (((), ()), 8, None)],
)
def test_one_mean_stands_for_every_input(told: tuple, inputs: int, mean: list | None) -> None:
    file = Pretrained("w.pt", "0", *told)
    scaling = file.scaling(8)
    assert file.inputs(8) == inputs and (None if scaling is None else scaling.mean.tolist()) == mean


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (((1.0,), ()), "w.pt has 1 means and 0 deviations; allowed: one of each"),
        (((1.0,), (0.0,)), "deviation of w.pt is 0.0; allowed: a number above 0"),
        (((float("nan"),), (1.0,)), "mean of w.pt is nan"),
    ],
)
def test_bad_standardisation_is_refused(told: tuple, said: str) -> None:
    with pytest.raises(InputError) as problem:
        Pretrained("w.pt", "0", *told)
    assert said in str(problem.value)


def test_the_inputs_that_both_have_are_standardised_as_the_source_was() -> None:
    own = Scaling(torch.zeros(3), torch.ones(3))
    found = own.beginning(Scaling(torch.tensor([5.0, 6.0]), torch.tensor([2.0, 3.0])))
    assert found.mean.tolist() == [5, 6, 0] and found.deviation.tolist() == [2, 3, 1]
    longer = own.beginning(Scaling(torch.full((5,), 7.0), torch.full((5,), 2.0)))
    assert longer.mean.tolist() == [7, 7, 7] and own.mean.tolist() == [0, 0, 0]


SORTS = {
    "float8": (
        lambda weight: weight.to(torch.float8_e4m3fn),
        "is float8_e4m3fn, strided, on cpu; allowed: dense weights",
    ),
    "sparse": (torch.Tensor.to_sparse, "is float32, sparse_coo, on cpu; allowed: dense weights"),
    "meta": (lambda weight: weight.to("meta"), "is float32, strided, on meta; allowed: dense weights"),
    "int8": (lambda weight: weight.to(torch.int8), "is int8 in the file and real in the network"),
    "complex": (lambda weight: weight.to(torch.complex64), "is complex in the file and real in the network"),
}


@pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")
@pytest.mark.parametrize("sort", SORTS)
def test_weights_of_another_sort_are_refused_by_file_and_block(sort: str, tmp_path: Path) -> None:
    changed, said = SORTS[sort]
    path = tmp_path / "w.pt"
    torch.save({name: changed(weight) for name, weight in network().state_dict().items()}, path)
    with pytest.raises(InputError) as problem:
        put(network(), read(path).tensors, str(path))
    assert str(path) in str(problem.value) and f"block 1, 0.weight, {said}" in str(problem.value)


def test_names_that_are_numbers_are_no_state_dict(tmp_path: Path) -> None:
    torch.save(dict(enumerate(network().state_dict().values())), tmp_path / "w.pt")
    assert "holds 0, 1, 2" in refused(tmp_path / "w.pt")
