"""A run's folder as the phases leave it, made up for tests: no number in it was measured, but all are plausible."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from graft.spaces.plan import Plan, Recipe, Span

SHA = "3b1f0c5e9a7d42688cf1e2ab90d47f3655aa1c0be8d9274f6013c7e5bb82a94d"
STUDY: dict[str, Any] = {
    "name": "film10-film8",
    "title": "10-layer films -> 8-layer films",
    "scale": "demo",
    "seed": 0,
    "sources": ["film-10"],
    "target": "film-8",
    "rows": {"source": 50000, "pool": 500, "locked": 50, "validation": 50, "test": 2000},
    "network": {"depth": 6, "width": 200},
    "source_training": Recipe(activation="gelu").to_dict(),
    "ranges": {
        "rate": [1e-3, 1e-2],
        "decay": [0.0, 1.0],
        "batch": [50, 200],
        "activation": ["relu", "gelu"],
        "copied_rate": [0.1, 1.0],
    },
    "budget": {"trainings": 120, "seeds": 4},
    "proof": {"margin": 0.02, "alpha": 0.05, "candidates": 2, "seeds": 8, "most_seeds": 16},
}


def gain(span: Span) -> float:
    """Ratio of a span's error to that of direct learning: early layers help, middle ones harm."""
    first, head = span.first == 1, span.last == 7
    return float(np.exp(-0.05 * len(span) - 0.15 * head + 0.16 * (span.first - 1) - 0.1 * first))


def recipe(rng: np.random.Generator, low: float) -> Recipe:
    rate, decay = float(rng.uniform(low, 8 * low)), float(rng.uniform(0, 0.6))
    return Recipe(rate=rate, decay=decay, batch=int(rng.choice([50, 100, 200])), epochs=400, activation="gelu")


def trial(number: int, plan: Plan, goal: float, best: float, rng: np.random.Generator) -> dict[str, Any]:
    """One trial: pruned after two seeds when it is clearly behind, failed when its rate is too high."""
    errors = [float(error) for error in goal * np.exp(rng.normal(0, 0.04, 4))]
    state = "pruned" if goal > 1.25 * best else "complete"
    if number % 17 == 9:
        state, errors = "failed", [errors[0], None]  # type: ignore[list-item]
    errors = errors[:2] if state == "pruned" else errors
    value = float(np.exp(np.mean(np.log(errors)))) if state == "complete" else None
    reason = {"pruned": "behind the baseline", "failed": "loss is not finite"}.get(state, "")
    params = {"rate": plan.recipe.rate, "decay": plan.recipe.decay}
    seen = {"number": number, "state": state, "errors": errors, "value": value, "reason": reason}
    return seen | {"params": params, "plan": plan.to_dict()}


def search(kind: str, count: int, rng: np.random.Generator) -> dict[str, Any]:
    trials, best = [], 0.05
    for number in range(count):
        how = recipe(rng, 1e-3)
        goal = 0.0212 * float(np.exp(rng.exponential(0.9) * np.exp(-number / 14) + rng.exponential(0.06)))
        plan = Plan(how)
        if kind == "plans":
            first, last = sorted(rng.integers(1, 8, 2).tolist()) if number < 16 else (1, int(rng.integers(5, 8)))
            plan = Plan.span(how, 7, "film-10", Span(first, last), copied_rate=float(rng.choice([0.3, 1.0])))
            goal *= gain(Span(first, last))
        trials.append(trial(number, plan, goal, best, rng))
        best = min(best, trials[-1]["value"] or best)
    complete = [t for t in trials if t["value"]]
    chosen = min(complete, key=lambda t: t["value"])
    return {"trials": trials, "best": chosen["number"]} | ({"edges": ["epochs"]} if kind == "baseline" else {})


def transmittance(thickness: np.ndarray, wavelength: np.ndarray) -> np.ndarray:
    """A film in air at normal incidence, layer after layer (characteristic matrices, SiO2 first)."""
    index = np.where(np.arange(thickness.size) % 2 == 0, 1.43, 2.6)
    field = np.ones((wavelength.size, 2), dtype=complex)
    for n, d in zip(index[::-1], thickness[::-1], strict=True):
        phase = 2 * np.pi * n * d / wavelength
        b, c = field.T
        cos, sin = np.cos(phase), 1j * np.sin(phase)
        field = np.stack([cos * b + sin / n * c, n * sin * b + cos * c], axis=1)
    return 4 / np.abs(field[:, 0] + field[:, 1]) ** 2


def spectra(rng: np.random.Generator) -> dict[str, Any]:
    wavelength = np.arange(400, 800, 2.0)
    films = []
    for _ in range(2):
        thickness = rng.uniform(30, 70, 8)
        off = {"direct": rng.normal(0, 0.35, 8), "transfer": rng.normal(0, 0.15, 8)}
        film = {name: transmittance(thickness + error, wavelength).tolist() for name, error in off.items()}
        film |= {"thickness_nm": thickness.tolist(), "exact": transmittance(thickness, wavelength).tolist()}
        films.append(film)
    return {"output": "transmittance", "wavelength_nm": wavelength.tolist(), "films": films}


def confirmation(plans: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    chosen = sorted((t for t in plans["trials"] if t["value"]), key=lambda t: t["value"])[:2]
    seed = rng.normal(0, 0.02, 8)
    level = {"direct": 0.0221}
    for index in range(2):
        level |= {f"{index}/direct_same_recipe": 0.0236 + 0.001 * index, f"{index}/shuffled": 0.0228 + 0.002 * index}
        level[f"{index}/candidate"] = 0.0141 + 0.0016 * index
    arms = {name: (mean * np.exp(seed + rng.normal(0, 0.02, 8))).tolist() for name, mean in level.items()}
    candidates = [{"trial": t["number"], "plan": t["plan"]} for t in chosen]
    return {"seeds": 8, "margin": 0.02, "alpha": 0.05, "candidates": candidates, "arms": arms}


def certificate(result: dict[str, Any]) -> dict[str, Any]:
    proof = result["confirmation"]
    arms = {name: {"mean": float(np.mean(errors)), "per_seed": errors} for name, errors in proof["arms"].items()}
    candidates = []
    for index, candidate in enumerate(proof["candidates"]):
        own = {name: arms[f"{index}/{name}"] for name in ("direct_same_recipe", "shuffled", "candidate")}
        blocks = [i for i, block in enumerate(candidate["plan"]["blocks"], 1) if block["source"]]
        tests = {"direct": 1e-7, "direct_same_recipe": 4e-7, "shuffled": 2e-8}
        candidates.append(
            {"trial": candidate["trial"], "plan": candidate["plan"], "span": [blocks[0], blocks[-1]]}
            | {"decision": "transfer"}
            | {"reason": "", "relative_reduction": 0.36 - 0.06 * index, "p_value": 8e-7}
            | {"interval": [0.33 - 0.06 * index, 0.39 - 0.06 * index]}
            | {"p_values": tests, "sign_p_value": 0.0039, "arms": own}
        )
    first = candidates[0]
    comparison = {"task": "film-8", "decision": "transfer", "plan": first["plan"], "chosen": 0}
    comparison |= {"direct": arms["direct"]}
    comparison |= first["arms"] | {key: first[key] for key in ("relative_reduction", "interval", "p_value")}
    sentence = "Copy blocks 1 to 7 of film-10: the error on 8-layer films falls by 36 % (33 to 39 %), p = 8e-07."
    return {
        "study": "film10-film8", "decision": "transfer", "sentence": sentence, "metric": "mean relative error",
        "mode": "fresh", "alpha": 0.05, "margin": 0.02, "seeds": 8, "test_examples": 2000,
        "sources": [{"name": "film-10", "sha256": SHA}], "comparisons": [comparison | {"candidates": candidates}],
        "examples": result["examples"], "versions": {"graft": "0.1.0"},
        "cost": {"trials": 64, "trainings": 300, "train_seconds": 700.0, "wall_seconds": 500.0},
    }  # fmt: skip


def chart(rng: np.random.Generator) -> dict[str, Any]:
    cells = []
    for span in Span.every(7):
        change = gain(span) - 1
        errors = (0.0221 * (1 + change) * np.exp(rng.normal(0, 0.02, 3))).tolist()
        verdict = "helps" if change < -0.05 else "harms" if change > 0.05 else "undecided"
        cells.append(
            {
                "source": "film-10",
                "n1": span.first,
                "n2": span.last,
                "paper": span.last < 7,
                "errors": errors,
                "change": change,
            }
            | {"interval": [change - 0.05, change + 0.05], "verdict": verdict}
        )
    direct = (0.0221 * np.exp(rng.normal(0, 0.02, 3))).tolist()
    return {"study": STUDY, "seeds": 3, "direct": direct, "direct_same_recipe": direct, "recipe": Recipe().to_dict(),
            "direct_recipe": Recipe().to_dict(), "blocks": 7, "trainings": 90, "cells": cells}  # fmt: skip


def cost(result: dict[str, Any]) -> dict[str, Any]:
    clock, timeline = {0: 20.0, 1: 20.0}, []
    for phase in ("baseline", "plans"):
        for number in range(len(result[phase]["trials"])):
            worker = min(clock, key=lambda w: clock[w])
            seconds = 2.2 * len(result[phase]["trials"][number]["errors"])
            timeline.append({"phase": phase, "number": number, "start": clock[worker], "end": clock[worker] + seconds})
            clock[worker] += seconds + 0.2
    states = {phase: [t["state"] for t in result[phase]["trials"]] for phase in ("baseline", "plans")}
    return {
        "core_seconds": {"training": 702.0, "generating": 8.0, "sampling": 12.0, "scheduling": 84.0, "logging": 3.0,
                         "waiting": 197.0},
        "wall_seconds": 503.0, "train_seconds": 702.0, "cpus": 2, "machine": "x86_64, 2 CPUs", "date": "2026-01-01",
        "phases": {"data": 6.0, "baseline": 130.0, "source networks": 60.0, "plans": 140.0, "confirmation": 90.0},
        "trainings": {"baseline": 118, "plans": 112, "confirmation": 56},
        "trials": {p: {s: found.count(s) for s in ("complete", "pruned", "failed")} for p, found in states.items()},
        "timeline": timeline, "versions": {"graft": "0.1.0", "python": "3.11.7", "torch": "2.8.0"},
    }  # fmt: skip


def results() -> dict[str, dict[str, Any]]:
    """What each file of a finished run with a map holds, by its name without ending."""
    rng = np.random.default_rng(7)
    result: dict[str, Any] = {"format": 1, "study": STUDY}
    names = {"source-film-10": ("film-10", 50000), "pool": ("film-8", 500), "test": ("film-8", 2000)}
    result["data"] = {part: {"simulator": s, "rows": n, "digest": SHA} for part, (s, n) in names.items()}
    result["bases"] = [{"name": "film-10", "sha256": SHA, "error": 0.0235, "recipe": STUDY["source_training"]}]
    result |= {"baseline": search("baseline", 34, rng), "plans": search("plans", 34, rng)}
    result["confirmation"] = confirmation(result["plans"], rng)
    curve = [(level * np.exp(rng.normal(0, 0.02, 4))).tolist() for level in (0.0221, 0.0165, 0.0124)]
    result["examples"] = {"rows": [450, 900, 1800], "errors": curve, "candidate_error": 0.0141,
                          "equivalent_rows": 1300.0, "beyond": False}  # fmt: skip
    result["spectra"] = spectra(rng)
    weights = {"rate": 0.52, "decay": 0.2, "batch": 0.15, "activation": 0.09, "epochs": 0.04}
    result["importance"] = {"baseline": weights, "plans": {"n2": 0.48, "n1": 0.3, "rate": 0.14, "copied_rate": 0.08}}
    proof = certificate(result)
    drawn = chart(rng)
    tuned = next(t for t in result["baseline"]["trials"] if t["number"] == result["baseline"]["best"])
    best = min(drawn["cells"], key=lambda cell: float(np.mean(np.log(cell["errors"]))))
    drawn["direct_recipe"], drawn["chosen"] = (
        tuned["plan"]["recipe"],
        {"plan": proof["comparisons"][0]["plan"], "errors": best["errors"]},
    )
    return {"study": STUDY, "result": result, "cost": cost(result), "certificate": proof, "map": drawn}


def build(folder: Path, files: dict[str, dict[str, Any]] | None = None) -> Path:
    """Write a run's folder; by default that of a finished run with a map."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (results() if files is None else files).items():
        Path(folder, f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder
