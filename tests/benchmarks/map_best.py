"""Is the best span of a map knowledge? ``python tests/benchmarks/map_best.py DIR``, where DIR holds a run and a map.

The map's best is the lowest of many noisy means, has no controls, and was scored on the confirmation's examples. Here
it meets what a certificate asks for, with seeds and examples that neither run nor map has seen: tuned direct learning,
direct learning with the span's recipe, and the span's own weights shuffled entry by entry.
"""

import json
import sys
from pathlib import Path

from graft.search.proof.statistics import log_ratios, reduction
from graft.search.tasks.base import Request
from graft.spaces.plan import Plan, Recipe, Span

sys.path.insert(0, str(Path(__file__).parent))  # ``python -P`` leaves it out
from finished import asked, opened, unseen  # noqa: E402


def main() -> None:
    """Measure, print a table, and write ``map-best.json``."""
    options = asked(__doc__)
    drawn = json.loads((options.folder / "map.json").read_text())
    best = min((cell for cell in drawn["cells"] if cell["change"] is not None), key=lambda cell: cell["change"])
    theirs, own = Recipe.from_dict(drawn["recipe"]), Recipe.from_dict(drawn["direct_recipe"])
    with opened(options.folder, options.workers) as line:
        sources, study = line.source_networks(theirs), line.study
        span = Span(best["n1"], best["n2"])
        plan = Plan.span(theirs, study.blocks, best["source"], span, scale=study.source_space.scale(best["source"]))
        task = unseen(line, sources)
        arms = {"direct": (Plan(own), False), "same recipe": (Plan(theirs), False)}
        arms |= {"shuffled": (plan, True), "copied": (plan, False)}
        seeds = range(options.seeds)
        errors = line.measure(
            "map-best",
            {
                f"{name}/{i}": (task, Request(plan, i, shuffled))
                for i in seeds
                for name, (plan, shuffled) in arms.items()
            },
        )
    found = {name: [errors[f"{name}/{i}"] for i in seeds] for name in arms}
    line.run.write("map-best.json", {"span": [span.first, span.last], "errors": found})
    print(f"{study.name}: the map's best, span {span}; {options.seeds} fresh seeds, {study.rows.test} fresh examples")
    for name in arms:
        known = [error for error in found[name] if error]
        print(f"{name:12} {sum(known) / len(known):.2%}")
    for name in ("direct", "same recipe", "shuffled"):
        pairs = [(a, b) for a, b in zip(found[name], found["copied"], strict=True) if a and b]
        estimate = reduction(log_ratios([a for a, _ in pairs], [b for _, b in pairs]), 0.05)
        low, high = estimate.interval
        print(f"copied errs {estimate.value:.1%} less than {name} (95 %: {low:.1%} to {high:.1%}; {len(pairs)} seeds)")


if __name__ == "__main__":
    main()
