"""Does the certificate of several tasks follow from what its folder holds, and is that intact?"""

from collections.abc import Iterator

from search.champion import load
from search.proof.verification import UNSPENT, answers, departure, other_data
from search.records.record import Evidence, Run
from search.sharing import conclusion, confirmation
from search.sharing.verdict import comparisons
from search.studies import reopened
from simulators.registry import find


def checks(run: Run) -> Iterator[tuple[str, str]]:
    """Each thing checked, with what is wrong with it ('' if nothing is); as `search.transfer.verification.checks`.

    Raises:
        Refusal: If the folder holds no finished run.
    """
    result, certificate, study = run.read("result.json"), run.read("certificate.json"), run.study

    def studies() -> str:
        return "" if reopened(result["study"]) == study else "result.json is of another study"

    def evidence() -> str:
        for number, told in enumerate(result["rounds"], 1):
            fixed = run.read(f"confirmation-{number}.json")
            if {key: told[key] for key in fixed} != fixed:
                return f"what round {number} confirmed is not what was fixed beforehand"
            held = Evidence(run.path("evidence", f"confirmation-{number}.jsonl")).done
            if confirmation.arms(fixed, held) != told["arms"]:
                return f"errors of round {number} differ from the recorded trainings"
        return ""

    def comparison() -> str:
        rebuilt = conclusion.certificate(result, comparisons(study.tasks, result["rounds"]), UNSPENT)
        return departure(rebuilt, certificate)

    def champions() -> str:
        other = [t for t in study.tasks if load(run.folder, find(t).name).card["sentence"] != certificate["sentence"]]
        return f"the card of {', '.join(other)} tells another verdict" if other else ""

    yield from answers(
        {
            "study": studies,
            "data": lambda: other_data(run, result),
            "evidence": evidence,
            "certificate": comparison,
            "champions": champions,
        }
    )
