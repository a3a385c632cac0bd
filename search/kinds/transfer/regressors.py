"""The reference regressors of a run: tuned on its unlocked rows, fitted with each seed of its confirmation.

They see what the networks of a confirmation see: with each seed the rows that its networks learn from, and the rows
that judge these. Where a source has the target's own columns, the regressor that does best with its rows too is beside
them: to take both tables together is what anybody would try first.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from graft.models.regressors import Tuned
from graft.search.kinds.transfer.pipeline import Pipeline
from graft.search.run.certificate import Reference
from graft.search.run.evidence import Evidence
from graft.search.run.folder import Run
from graft.search.run.seeds import Role
from graft.search.run.trials import finite
from graft.search.tasks.regressors import Fit, Regressed, together, tune

FILE, EVIDENCE = "regressors.json", "regressors"


def measured(line: Pipeline, seeds: int) -> tuple[Reference, ...]:
    """Errors of the reference regressors that suit a run's task, with as many seeds as its arms had.

    Args:
        line: Whose searches are done.
        seeds: Of the confirmation.
    """
    phase = line.confirming({}, line.test())
    task, pool, sources = line.task, phase.pool, [name for name in line.study.taught if line.task.same_columns(name)]
    more = together([task.of_target(line.examples(name, Role.SOURCE, line.study.rows.source)) for name in sources])
    asked = [(name, False) for name in task.regressors(len(pool))]
    if more is not None:
        asked += [(name, True) for name in task.regressors(len(pool) + len(more))]
    if not asked:
        return ()
    with line.phase("reference regressors", len(asked)):
        if not line.run.has(FILE):
            found = line.calls(tune, [(task, name, pool, more if pooled else None) for name, pooled in asked])
            line.run.write(FILE, {"alone": _told(found, asked, False), "pooled": _told(found, asked, True)})
        kept = line.run.read(FILE)
        alone, pooled = ([Tuned(**one) for one in kept[part]] for part in ("alone", "pooled"))
        best = sorted(pooled, key=lambda one: one.error)[:1]
        spaces = {False: Regressed(phase), True: Regressed(phase, more)}
        chosen = [(one, False) for one in alone] + [(one, True) for one in best]
        fits = {
            f"{key(one.name, with_sources)}/{i}": (spaces[with_sources], Fit(one, i))
            for one, with_sources in chosen
            for i in range(seeds)
        }
        errors = line.measure(EVIDENCE, fits)
    rows = len(phase.rows(0)[0])
    return tuple(_reference(one, sources if pooled else (), rows, errors, seeds) for one, pooled in chosen)


def _told(found: Sequence[Tuned], asked: Sequence[tuple[str, bool]], wanted: bool) -> list[dict[str, object]]:
    """Of what was tuned, with rows of sources or without, as JSON holds it."""
    return [asdict(one) for one, (_, pooled) in zip(found, asked, strict=True) if pooled == wanted]


def _reference(
    found: Tuned, pooled: Sequence[str], rows: int, errors: Mapping[str, float | None], seeds: int
) -> Reference:
    """What is recorded of a regressor."""
    each = tuple(errors[f"{key(found.name, bool(pooled))}/{i}"] for i in range(seeds))
    return Reference(
        name=found.name,
        chosen=found.chosen,
        cross_validated=found.error,
        rows=rows,
        pooled=tuple(pooled),
        mean=None if None in each else math.fsum(finite(each)) / len(each),
        per_seed=each,
    )


def key(name: str, pooled: bool) -> str:
    """What errors of a regressor are recorded by, before the seed."""
    return f"{name}, pooled" if pooled else name


def departed(run: Run, references: Sequence[Reference]) -> str:
    """What of references does not follow from what the folder has recorded, in words; '' if all does."""
    if not references:
        return ""
    held = Evidence(run.path("evidence", f"{EVIDENCE}.jsonl")).done
    for one in references:
        errors = [held[f"{key(one.name, bool(one.pooled))}/{i}"].error for i in range(len(one.per_seed))]
        if list(one.per_seed) != errors:
            return f"errors of {one.words} differ from the recorded ones"
    return ""


def better(references: Sequence[Reference], networks: Sequence[float], margin: float) -> Reference | None:
    """The regressor that errs least, if every network errs more by more than the margin; else None."""
    known = [one for one in references if one.mean is not None]
    best = min(known, key=lambda one: one.mean or 0.0, default=None)
    if best is None or best.mean is None or not networks or min(networks) <= (1 + margin) * best.mean:
        return None
    return best
