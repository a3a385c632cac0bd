"""Networks as users have them: every weight drawn by the seed, frozen is frozen, saved is saved, or refused by name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from phases import phase
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from graft.models.initialise import draw_weights
from graft.models.networks.network import OwnNetwork, Shape
from graft.models.pretrained import put, read
from graft.models.scaling import Scaling
from graft.models.weights import pack
from graft.search.run.seeds import Role
from graft.search.study import opened, resolve
from graft.search.tasks.base import Examples, Request, fit
from graft.spaces.errors import InputError
from graft.spaces.plan import OWN, Block, Plan, Recipe

RECIPE = Recipe(epochs=3, batch=8, activation=OWN, rate=1e-2)
X = np.random.default_rng(0).uniform(30, 70, (60, 3)).astype(np.float32)
Y = (1 + X[:, :2] / 100).astype(np.float32)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)


def own(name: str, **settings: Any) -> OwnNetwork:
    return OwnNetwork(f"own_nets:{name}", tuple(settings.items()))


def drawn(network: OwnNetwork, seed: int, scale: float = 1.0) -> nn.Module:
    found = network.build(3, 2)
    draw_weights(found, scale, torch.Generator().manual_seed(seed), lambda: network.constructed(3, 2))
    return found


def effective(network: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters by name, of a parametrised layer the weight that they make."""
    found = {key: weight for key, weight in network.named_parameters() if "parametrizations" not in key}
    layers = [(key, layer) for key, layer in network.named_modules() if is_parametrized(layer)]
    return found | {f"{key}.weight": layer.eval().weight for key, layer in layers}


NETWORKS = [("Plain", {}), ("Attending", {}), ("Alias", {}), ("Normed", {}), ("Fourier", {}), ("Complex", {})]
NETWORKS += [("Parametrised", {"how": how}) for how in ("weight", "spectral", "orthogonal")]


@pytest.mark.parametrize(("name", "settings"), NETWORKS)
def test_every_weight_is_drawn_by_the_seed(name: str, settings: dict[str, Any]) -> None:
    one, same, other = (effective(drawn(own(name, **settings), seed)) for seed in (1, 1, 2))
    for key, weight in one.items():
        assert torch.equal(weight, same[key])
        constant = bool((weight == weight.flatten()[0]).all())  # normalisations begin at 1 and 0 whatever the seed
        assert constant or not torch.equal(weight, other[key]), key


def test_weights_of_a_parametrised_layer_are_scaled() -> None:
    one, double = (drawn(own("Parametrised", how="weight"), 1, scale).blocks[1].weight for scale in (1.0, 2.0))
    torch.testing.assert_close(double, 2 * one)


def source(name: str, settings: dict[str, Any]) -> bytes:
    """A network that has seen other rows, statistics of batches included."""
    network = drawn(own(name, **settings), 5).train()
    with torch.no_grad():
        for _ in range(20):
            network(torch.randn(32, 3) * 2 + 1)
    shape = Shape(3, 2, own(name, **settings), OWN)
    return pack(network.eval(), shape, Scaling(torch.full((3,), 50.0), torch.full((3,), 11.5)))


@pytest.mark.parametrize(("name", "settings"), NETWORKS)
def test_a_frozen_block_computes_what_the_source_computes(name: str, settings: dict[str, Any]) -> None:
    data = source(name, settings)
    task = phase(1, Role.PLANS, Examples(X, Y), 6, own(name, **settings), {"w": data})
    blocks = len(own(name, **settings).build(3, 2).blocks)
    plan = Plan(RECIPE, (Block("w", rate=0.0), *[Block()] * (blocks - 1)))
    fitted, _ = fit(task, Request(plan, 0))
    before = task.task.unpack(data).network.eval().blocks[0]
    after = fitted.network.eval().blocks[0]
    z = torch.randn(64, 3)
    with torch.no_grad():
        torch.testing.assert_close(after(z), before(z), rtol=0, atol=0)


def test_what_the_network_itself_fixes_is_not_trained() -> None:
    data = source("Fourier", {})
    task = phase(1, Role.PLANS, Examples(X, Y), 6, own("Fourier"), {"w": data})
    copied, _ = fit(task, Request(Plan(RECIPE, (Block("w"), Block())), 0))
    fixed = task.task.unpack(data).network.blocks[0].frequencies
    assert torch.equal(copied.network.blocks[0].frequencies, fixed)


@pytest.mark.parametrize(("name", "settings"), NETWORKS)
def test_a_network_that_can_be_learned_passes_its_rehearsal(
    name: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    assert resolve(str(study(tmp_path, name, **settings))).network == own(name, **settings)


def study(folder: Path, name: str, **settings: Any) -> Path:
    told = "".join(
        f", {key} = {str(value).lower() if isinstance(value, bool) else repr(value)}" for key, value in settings.items()
    )
    text = f'source = "film-4"\ntarget = "film-3"\nnetwork = {{ module = "own_nets:{name}"{told} }}\n'
    (folder / "mine.toml").write_text(text)
    return folder / "mine.toml"


REFUSED = {
    "Lazy": "cannot be drawn",
    "Stateful": "cannot be saved: InputError: Stateful keeps '_extra_state', which is no tensor",
    "Forgetful": "predicts otherwise once it was saved and opened again",
    "Broken": "cannot be trained: ZeroDivisionError: no such thing",
    "Standardising": r"holds mean, deviation, a number for each of its 3 inputs; .*network.standardised = false",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_before_anything_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=REFUSED[name]) as refused:
        resolve(str(study(tmp_path, name)))
    assert f"own_nets:{name}" in str(refused.value) and "\n" not in str(refused.value)


def test_a_network_that_standardises_by_itself_is_given_inputs_as_they_are(tmp_path: Path) -> None:
    found = resolve(str(study(tmp_path, "Standardising", standardised=False)))
    scaling = found.learned.scaling(torch.tensor(X), None)
    torch.testing.assert_close(scaling(torch.tensor(X)), torch.tensor(X))
    twice = resolve(str(study(tmp_path, "Standardising", standardised=True))).learned.scaling(torch.tensor(X), None)
    assert abs(float(twice(torch.tensor(X)).mean())) < 1e-5
    with pytest.raises(InputError, match="network.standardised is 'no'; allowed: true or false"):
        resolve(str(study(tmp_path, "Standardising", standardised="no")))


CUT = ["stem+norm", "layer1", "fc"]


def test_blocks_may_be_named_where_a_class_has_none(tmp_path: Path) -> None:
    path = study(tmp_path, "Named", blocks=CUT)
    found = resolve(str(path))
    assert found.blocks == 3 and opened(found.to_dict()) == found
    task = phase(1, Role.PLANS, Examples(X, Y), 6, replace(own("Named"), cut=tuple(CUT)), {"w": named("w", tmp_path)})
    fitted, _ = fit(task, Request(Plan(RECIPE, (Block("w", rate=0.0), Block(), Block())), 0))
    assert torch.equal(fitted.network.norm.weight, torch.full((8,), 7.0))
    with pytest.raises(InputError, match=r"unknown submodule of own_nets:Named .* 'layer2' \(did you mean"):
        resolve(str(study(tmp_path, "Named", blocks=["stem", "layer2", "fc"])))
    with pytest.raises(InputError, match="Named has no blocks"):
        resolve(str(study(tmp_path, "Named")))


def named(name: str, folder: Path) -> bytes:
    """A network of that class whose normalisation multiplies by 7."""
    network = replace(own("Named"), cut=tuple(CUT))
    built = network.build(3, 2)
    nn.init.constant_(built.norm.weight, 7.0)
    return pack(built, Shape(3, 2, network, OWN), Scaling(torch.full((3,), 50.0), torch.full((3,), 11.5)))


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "_forward_module.", "model.net.", "model._orig_mod."])
@pytest.mark.parametrize("wrapped", [False, True])
def test_weights_are_found_behind_what_others_put_before_their_names(
    prefix: str, wrapped: bool, tmp_path: Path
) -> None:
    network = drawn(own("Alias"), 3)
    state = {f"{prefix}{name}": tensor for name, tensor in network.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 7} if wrapped else state, tmp_path / "w.pt")
    again = put(own("Alias").build(3, 2), read(tmp_path / "w.pt").tensors, "w.pt")
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), network.parameters(), strict=True))
