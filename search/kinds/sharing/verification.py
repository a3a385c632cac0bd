"""Does the certificate of several tasks follow from what its folder holds, and is that intact?"""

from collections.abc import Callable

from graft.search.champion import load
from graft.search.engine.searched import other_rival, recorded
from graft.search.kinds.sharing import conclusion, confirmation
from graft.search.kinds.sharing.pipeline import baseline_phase
from graft.search.kinds.sharing.study import SharingStudy
from graft.search.kinds.sharing.verdict import comparisons
from graft.search.proof.verification import UNSPENT, departure, other_data
from graft.search.run.folder import Evidence, Run
from graft.search.tasks.base import cards
from graft.simulators.registry import find
from graft.spaces.plan import Plan


def checks(run: Run, study: SharingStudy) -> dict[str, Callable[[], str]]:
    """What makes a certificate trustworthy, by name; each tells what is wrong ('' if nothing is).

    Raises:
        InputError: If the folder holds no finished run.
    """
    result, certificate = run.read("result.json"), run.read("certificate.json")

    def studies() -> str:
        return "" if type(study).reopened(result["study"]) == study else "result.json is of another study"

    def evidence() -> str:
        for number, told in enumerate(result["rounds"], 1):
            fixed = run.read(f"confirmation-{number}.json")
            if {key: told[key] for key in fixed} != fixed:
                return f"what round {number} confirmed is not what was fixed beforehand"
            held = Evidence(run.path("evidence", f"confirmation-{number}.jsonl")).done
            if confirmation.arms(fixed, held) != told["arms"]:
                return f"errors of round {number} differ from the recorded trainings"
        return rivals() if "handed_over" in result else ""

    def rivals() -> str:
        for one in comparisons(study.tasks, result["rounds"]):
            task, phase = one["task"], baseline_phase(one["task"])
            found = recorded(run, f"rival-{phase}.json")
            direct = recorded(run, f"direct-{phase}.json")
            wrong = other_rival(result[phase], result["direct_by_budget"][task], direct, found)
            kept, rows = result["handed_over"][task], study.rows.pool - study.rows.locked
            if one["decision"] == "transfer":
                same = (kept["arm"], kept["plan"]) == ("candidate", one["plan"])
            else:
                arm, plan = conclusion.best_measured(one, found.plan)
                same = (kept["arm"], Plan.from_dict(kept["plan"])) == (arm, plan)
            if wrong or not same or kept["rows"] != rows:
                return f"{task}: {wrong or 'what is handed over is not the best that was measured'}"
        return ""

    def comparison() -> str:
        rebuilt = conclusion.certificate(result, comparisons(study.tasks, result["rounds"]), UNSPENT)
        return departure(rebuilt, certificate)

    def champions() -> str:
        held = {task: load(run.folder, find(task).name).card for task in study.tasks}
        other = [task for task, card in held.items() if card["sentence"] != certificate["sentence"]]
        if other:
            return f"the card of {', '.join(other)} tells another verdict"
        for task, kept in result.get("handed_over", {}).items():
            if (held[task]["plan"], held[task]["error"]) != (kept["plan"], kept["error"]):
                return f"the card of {task} tells another network"
        return ""

    return {
        "study": studies,
        "data": lambda: other_data(cards(run.path("data")), result),
        "evidence": evidence,
        "certificate": comparison,
        "champions": champions,
    }
