"""The sections of a run's page, in the order a physicist asks: the verdict, the knowledge, the search, the price."""

import base64
import html
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from search.records.leaderboard import best, geometric_mean, span, trials
from search.records.results import Picture, Results
from search.report.searches import searches
from search.report.spans import PAPER, sources
from search.report.verdict import verdict
from search.report.words import duration, percent, plain, table
from search.sentences.transfer import taught

MODELS = {"linear": "Linear-logistic baseline", "direct": "Direct learning", "transfer": "Transfer"}
"""Sequence models of a run, as people call them."""
Section = Callable[[Results, Picture], str]


def render(run: Results, images: Mapping[str, bytes], sections: Sequence[Section] = ()) -> str:
    """The whole page, self-contained.

    Args:
        run: What the folder recorded.
        images: PNG of each figure that could be drawn, by name.
        sections: Of the page; by default those of a transfer study.
    """

    def picture(name: str, alt: str, caption: str) -> str:
        if name not in images:
            return ""
        source = f"data:image/png;base64,{base64.b64encode(images[name]).decode('ascii')}"
        caption = f"<figcaption>{caption}</figcaption>"
        return f'<figure><img alt="{html.escape(alt, quote=True)}" src="{source}">{caption}</figure>'

    page = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    study = run.study
    rows = study.get("rows") or {}
    parts = [study.get("name"), study.get("scale") and f"{study['scale']} scale", f"seed {study.get('seed', '–')}"]
    parts += [f"{plain(rows['pool'])} target examples in all" if "pool" in rows else None]
    body = "\n".join(section(run, picture) for section in sections or SECTIONS)
    title = html.escape(str(study.get("title") or study.get("name") or "graft"))
    return page.substitute(title=title, subtitle=html.escape(" · ".join(filter(None, parts))), body=body)


def transferred(run: Results, picture: Picture) -> str:
    """Error by number of first layers, and the map of all spans."""

    def each(names: Sequence[str], figure: str, alt: str, caption: str) -> str:
        """One figure for each source, named where there are several."""
        found = [
            (f"<h3>{plain(taught(name))}</h3>" * (len(names) > 1), picture(f"{figure}-{i}", alt, caption * (i == 1)))
            for i, name in enumerate(names, 1)
        ]
        return "".join(head + drawn for head, drawn in found if drawn)

    if run.map:
        source = f"the map: every span trained on {plain(run.map.get('seeds'))} seeds with one recipe"
    else:
        source = "the plan search: the best validation error found for each span"
    caption = f"From {source}. On the logarithmic axis equal steps are equal relative changes"
    names = sources(run.result, run.map)
    if any((name, run.study.get("target")) in PAPER for name in names):
        caption += ", so slopes compare with the values of Qu et al. 2018 (grey); their recipe and size of error differ"
    caption += "."
    one = each(names, "layers", "Error against the number of first layers transferred", caption)
    limits = "" if run.map else f", as far as {len(trials(run.result, 'plans'))} trials tell"
    caption = (
        f"From {source}. Blue spans help, red spans harm. Outlined: the paper’s spans, which leave the head fresh."
    )
    if not run.map:
        caption += " A red span may only have met a poor recipe; a map of all spans with one recipe would tell."
    what = "Triangular map of the change of error for every span (n1, n2) of layers transferred"
    two = each(names, "map", what, caption)
    text = f"<h2>How many of the first layers</h2>{measure(run)}{one}" if one else ""
    return text + (f"<h2>Which span of layers{limits}</h2>{findings(run)}{two}" if two else "")


def measure(run: Results) -> str:
    """What layers and errors are where they are no spectra's: of sequence models."""
    if run.study.get("metric") != "information-missed":
        return ""
    term = "layer 1 is the masked linear term, " if (run.study.get("network") or {}).get("linear_term") else ""
    told = "" if run.map else (
        " Errors of a search are perplexities of held-out states as a share of the linear-logistic baseline’s on one "
        "set of them: 100&nbsp;% is as good as that, one per cent is 0.01 nats a state. No exact value is read there."
    )  # fmt: skip
    return f"<p>Here {term}the last the head.{told}</p>"


def findings(run: Results) -> str:
    """What the map says in words, and how far the chosen plan is from its best."""
    if not run.map:
        return ""
    cells = run.map["cells"]
    helps, harms, open_ = (sum(c.get("verdict") == kind for c in cells) for kind in ("helps", "harms", "undecided"))
    text = f"Of {len(cells)} spans {helps} help, {harms} harm and {open_} are undecided."
    text += _regret(run)
    share = _share(run)
    text += f" The run, its confirmation included, took {percent(share)} of the map’s trainings." if share else ""
    return f"<p>{text}</p>"


def _regret(run: Results) -> str:
    """How much more the verdict errs than the map's best, on the map's seeds."""
    cells = [cell for cell in run.map["cells"] if cell["change"] is not None]
    errors = {(c["source"], (c["n1"], c["n2"])): geometric_mean(c["errors"]) for c in cells}
    known: dict[Any, float] = {where: error for where, error in errors.items() if error}
    direct, tuned = geometric_mean(run.map["direct"]), best(run.result, "baseline")
    # A map that was drawn before the run has neither its baseline nor its plan.
    if not (known and direct and run.comparisons and tuned and tuned["plan"]["recipe"] == run.map["direct_recipe"]):
        return ""
    top = min(known, key=lambda where: known[where])
    flattered = f"the map’s best, {top[1]} of {plain(top[0])}: the lowest of many noisy means, so flattered."
    if not run.proved:
        if direct <= known[top]:
            return " No span errs less than direct learning, the verdict."
        return f" Direct learning, the verdict, errs {percent(direct / known[top] - 1, 1)} more than {flattered}"
    measured = run.map.get("chosen")
    mine = geometric_mean(measured["errors"]) if measured else None
    if not mine:
        return ""
    plan = run.comparisons[0].get("plan") or {}
    span_of = (next((block["source"] for block in plan.get("blocks", []) if block["source"]), None), span(plan))
    if mine <= known[top]:
        return " No span errs less than the certified plan."
    same = " That is its own span, with the map’s recipe." if span_of == top else ""
    return f" The certified plan errs {percent(mine / known[top] - 1, 1)} more than {flattered}{same}"


def _share(run: Results) -> float | None:
    """Trainings of the run's searches and confirmation over those of the map."""
    spent = run.cost.get("trainings") or {}
    mine = sum(spent.get(phase, 0) for phase in ("baseline", "plans", "confirmation"))
    return mine / run.map["trainings"] if mine and run.map.get("trainings") else None


def spectra(run: Results, picture: Picture) -> str:
    """Predicted and exact spectra."""
    name = "transfer" if run.proved else "the candidate"
    caption = (
        f"Two test examples that no network saw (seed 0 of the confirmation): exact (black), direct learning and {name}"
        "; below, prediction − exact. The error is "
    )
    if (run.result.get("spectra") or {}).get("deviation"):
        caption += "the mean of |predicted − exact| / mean absolute deviation of the output."
    else:
        caption += "Eq. 1 of Qu et al. 2018: mean of |predicted − exact| / exact."
    found = picture("spectra", "Exact and predicted spectra of two test examples", caption)
    return f"<h2>Spectra, predicted and exact</h2>{found}" if found else ""


def energies(run: Results, picture: Picture) -> str:
    """Learned against exact energies of sequence models."""
    caption = (
        "Energies that the networks of confirmation seed 0 have learned, −T log p, against exact ones: mean (dots) and "
        "three standard deviations of the states of each level, the same number of each, most of which are never seen "
        "at the temperature that was watched. Both energies are counted from their means over random states."
    )
    told = run.result.get("energies")
    if not told:
        return ""
    rows = [
        [MODELS[name], percent(one["error"], 2), f"{one['rmse']:.2f}", f"{one['rmse_low']:.2f}"]
        for name, one in told.items()
    ]
    head = ["model", "information missed", "RMSE over all levels (J)", "RMSE up to E = 0 (J)"]
    text = table(head, rows) + picture("energies", "Learned against exact energy, direct and transferred", caption)
    best = min(told, key=lambda name: told[name]["error"])
    if best == "linear":
        text += "<p>The linear-logistic baseline, one logistic regression a site, beats both networks here.</p>"
    return f"<h2>Energies, learned and exact</h2>{text}"


def examples(run: Results, picture: Picture) -> str:
    """The learning curve of direct learning."""
    caption = "Direct learning on more and more fresh examples; at the dashed line it does as well as transfer."
    found = picture("examples", "Error of direct learning against the number of training examples", caption)
    return f"<h2>What the knowledge is worth in examples</h2>{found}" if found else ""


def price(run: Results, picture: Picture) -> str:
    """Cost by phase, and when the work was done."""
    if not run.cost:
        return ""
    phases, trainings, tried = (run.cost.get(key) or {} for key in ("phases", "trainings", "trials"))
    rows = []
    for phase in dict.fromkeys([*phases, *trainings, *tried]):
        states = ", ".join(f"{n} {html.escape(state)}" for state, n in (tried.get(phase) or {}).items() if n)
        rows.append([plain(phase), duration(phases.get(phase)), plain(trainings.get(phase)), states or "–"])
    total = [duration(run.cost.get("wall_seconds")), plain(sum(trainings.values())), ""]
    caption = "Each bar is one piece of work; rows are pieces that ran at the same time."
    figure = picture("timeline", "When each piece of work ran", caption)
    trained = duration(run.cost.get("train_seconds"))
    note = f"<p>{trained} of training on {plain(run.cost.get('machine'))}, {plain(run.cost.get('date'))}.</p>"
    return f"<h2>Cost</h2>{table(['phase', 'time', 'trainings', 'trials'], [*rows, ['total', *total]])}{note}{figure}"


def _command(study: Mapping[str, Any]) -> list[str]:
    """What draws a study again, as far as an older folder tells."""
    scale = ["--scale", str(study["scale"])] if study.get("scale") else []
    return ["graft", "run", str(study["name"]), *scale, *(["--seed", str(study["seed"])] if study.get("seed") else [])]


def provenance(run: Results, _: Picture) -> str:
    """Versions, sources, data and how to do it again."""
    text = ""
    name = run.study.get("name")
    if name:
        typed = shlex.join(run.command.get("words") or _command(run.study))
        text += f"<pre>{html.escape(typed)}</pre><p>draws the same data and the same seeds from seed "
        text += f"{plain(run.study.get('seed'))}; study.json in the run’s folder holds every setting. With one worker, "
        text += "result.json comes out bit for bit the same.</p>"
    sources = run.result.get("bases") or run.certificate.get("sources") or []
    rows = [[plain(s["name"]), percent(s.get("error"), 2), f"<code>{plain(s['sha256'])}</code>"] for s in sources]
    text += "<h3>Source networks</h3>" + table(["name", "test error", "sha256"], rows, numbers=False) if rows else ""
    data = run.result.get("data") or {}
    rows = [
        [plain(part), plain(d.get("simulator")), plain(d.get("rows")), f"<code>{plain(d.get('digest'))}</code>"]
        for part, d in data.items()
    ]
    text += "<h3>Data</h3>" + table(["part", "simulator", "examples", "sha256"], rows, numbers=False) if rows else ""
    versions = run.cost.get("versions") or run.certificate.get("versions") or {}
    words = ", ".join(f"{plain(package)}&nbsp;{plain(version)}" for package, version in versions.items())
    text += f"<h3>Versions</h3><p>{words}</p>" if words else ""
    return f"<h2>How to reproduce it</h2>{text}" if text else ""


SECTIONS = (verdict, transferred, spectra, energies, searches, examples, price, provenance)
