"""Does the certificate of several tasks follow from what its folder holds, and is that intact?"""

from collections.abc import Callable, Mapping

from graft.search.champion import load
from graft.search.engine.searched import other_rival, recorded
from graft.search.kinds.sharing import conclusion, confirmation
from graft.search.kinds.sharing.study import SharingStudy
from graft.search.kinds.sharing.verdict import comparisons
from graft.search.proof.verification import UNSPENT, departure, other_data
from graft.search.run.certificate import Kept
from graft.search.run.evidence import Evidence
from graft.search.run.folder import Run
from graft.search.run.results import Round, SharingResult


def checks(run: Run, study: SharingStudy) -> dict[str, Callable[[], str]]:
    """What makes a certificate trustworthy, by name; each tells what is wrong ('' if nothing is).

    Raises:
        InputError: If the folder holds no finished run.
    """
    result, certificate = run.record(SharingResult, "result.json"), run.read("certificate.json")

    def studies() -> str:
        return "" if type(study).reopened(result.study) == study else "result.json is of another study"

    def evidence() -> str:
        for number, told in enumerate(result.rounds, 1):
            if told.fixed != run.record(Round, f"confirmation-{number}.json").fixed:
                return f"what round {number} confirmed is not what was fixed beforehand"
            if told.looks and told.seeds != told.longest:
                return f"round {number} had another number of seeds"
            held, errors = Evidence(run.path("evidence", f"confirmation-{number}.jsonl")).done, confirmation.flat(told)
            wanted = {name: len(measured) for name, measured in errors.items()}
            if confirmation.arms(told, wanted, held) != errors:
                return f"errors of round {number} differ from the recorded trainings"
        return "" if result.handed_over is None else rivals(result.handed_over)

    def rivals(handed_over: Mapping[str, Kept]) -> str:
        for one in comparisons(study.tasks, result.rounds):
            task, phase = one.task, study.phase_of(one.task)
            found = recorded(run, f"rival-{phase}.json")
            direct = recorded(run, f"direct-{phase}.json")
            wrong = other_rival(result.searches[phase], result.direct_by_budget[task], direct, found)
            kept, rows = handed_over[task], study.rows.pool - study.rows.locked
            best = ("candidate", one.plan) if one.helped else conclusion.best_measured(one, found.plan)
            if wrong or (kept.arm, kept.plan, kept.rows) != (*best, rows):
                return f"{task}: {wrong or 'what is handed over is not the best that was measured'}"
        return ""

    def comparison() -> str:
        rebuilt = conclusion.certificate(study, result, comparisons(study.tasks, result.rounds), UNSPENT)
        return departure(rebuilt.to_dict(), certificate)

    def champions() -> str:
        held = {task: load(run.folder, study.alone(task).called, study.learned.opened).card for task in study.tasks}
        other = [task for task, card in held.items() if card["sentence"] != certificate["sentence"]]
        if other:
            return f"the card of {', '.join(other)} tells another verdict"
        for task, kept in (result.handed_over or {}).items():
            if (held[task]["plan"], held[task]["error"]) != (kept.plan.to_dict(), kept.error):
                return f"the card of {task} tells another network"
        return ""

    return {
        "study": studies,
        "data": lambda: other_data(study.learned.data_cards(run.path("data")), result),
        "evidence": evidence,
        "certificate": comparison,
        "champions": champions,
    }
