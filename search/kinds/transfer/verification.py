"""Does a certificate follow from what its folder holds, and is that intact?"""

import hashlib
from collections.abc import Callable
from typing import Any

from graft.search.champion import certified
from graft.search.engine.searched import other_rival, recorded
from graft.search.kinds.transfer import conclusion
from graft.search.kinds.transfer.bases import stored
from graft.search.kinds.transfer.confirmation import followed
from graft.search.kinds.transfer.small import compare
from graft.search.kinds.transfer.study import Study
from graft.search.proof.verification import UNSPENT, departure, other_data
from graft.search.run.folder import Evidence, Run
from graft.search.run.results import TransferResult
from graft.spaces.plan import Plan, Recipe


def checks(run: Run, study: Study) -> dict[str, Callable[[], str]]:
    """What makes a certificate trustworthy, by name; each tells what is wrong ('' if nothing is).

    Raises:
        InputError: If the folder holds no finished run.
    """
    result, certificate = run.read("result.json"), run.read("certificate.json")
    held = TransferResult.read(result)

    def bases() -> str:
        for base, told in zip(result["bases"], certificate["sources"], strict=True):
            taught = Recipe.from_dict(base["recipe"]) if base["recipe"] else None
            file, _ = stored(base["name"], taught, run.path("bases"))
            if not hashlib.sha256(file.read_bytes()).hexdigest() == base["sha256"] == told["sha256"]:
                return f"{file.name} is not the network that was certified"
        for base in result.get("placebos", ()):
            file, _ = stored(base["name"], Recipe.from_dict(base["recipe"]), run.path("placebos"))
            if hashlib.sha256(file.read_bytes()).hexdigest() != base["sha256"]:
                return f"{file.name} is not the placebo that was measured"
        return ""

    def comparison() -> str:
        return departure(conclusion.certificate(result, judged(), UNSPENT), certificate)

    def judged() -> dict[str, Any]:
        confirmed = result["confirmation"]
        return followed(confirmed, confirmed["arms"], study, compare(run, study.mode))

    def rival() -> str:
        if "handed_over" not in result:  # protocol 1
            return ""
        found = recorded(run, "rival.json")
        wrong = other_rival(held.baseline, held.direct_by_budget, recorded(run, "direct.json"), found)
        kept, (arm, plan) = result["handed_over"], conclusion.best_measured(judged(), found.plan)
        rows = study.rows.pool - study.rows.locked
        same = (kept["arm"], Plan.from_dict(kept["plan"]), kept["rows"]) == (arm, plan, rows)
        return wrong or ("" if same else "what is handed over is not the best that was measured")

    def evidence() -> str:
        confirmed = result["confirmation"]
        if {key: confirmed[key] for key in run.read("confirmation.json")} != run.read("confirmation.json"):
            return "what was confirmed is not what was fixed beforehand"
        recorded = Evidence(run.path("evidence", "confirmation.jsonl")).done
        told = {f"{arm}/{i}": e for arm, errors in confirmed["arms"].items() for i, e in enumerate(errors)}
        if {key: recorded[key]["error"] for key in told} != told:
            return "errors differ from the recorded trainings"
        return rival()

    def champion() -> str:
        card, _ = certified(run.path("model"))
        if card["sentence"] != certificate["sentence"]:
            return "the card tells another verdict"
        kept = result.get("handed_over")
        same = kept is None or (card["plan"], card["error"]) == (kept["plan"], kept["error"])
        return "" if same else "the card tells another network"

    def studies() -> str:
        return "" if type(study).reopened(result["study"]) == study else "result.json is of another study"

    return {
        "study": studies,
        "data": lambda: other_data(study.learned.data_cards(run.path("data")), held),
        "base networks": bases,
        "evidence": evidence,
        "certificate": comparison,
        "champion": champion,
    }
