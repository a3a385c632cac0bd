"""Does the certificate of a DCL run follow from what its folder holds, and is that intact?"""

from collections.abc import Callable

from graft.models.weights import sha256
from graft.search.kinds.dcl import conclusion, confirmation
from graft.search.kinds.dcl.verdict import comparisons
from graft.search.proof.verification import UNSPENT, departure
from graft.search.run.evidence import Evidence
from graft.search.run.folder import Run
from graft.search.run.results import DclResult, Equal
from graft.search.tasks.distilled.data import observe
from graft.search.tasks.distilled.study import DclStudy


def checks(run: Run, study: DclStudy) -> dict[str, Callable[[], str]]:
    """What makes a certificate trustworthy, by name; each tells what is wrong ('' if nothing is).

    Raises:
        InputError: If the folder holds no finished run.
    """
    result, certificate = run.record(DclResult, "result.json"), run.read("certificate.json")
    confirmed = result.confirmation
    assert confirmed is not None

    def studies() -> str:
        return "" if result.study == study.to_dict() else "result.json is of another study"

    def data() -> str:
        _, card = observe(study, run.path("data", "watched"))
        return "" if card == result.data["watched"] else "data/watched is not the data set of the result"

    def networks() -> str:
        for name, told in result.finals.items():
            for part, digest in ((name, told.sha256), (f"{name}-student", told.student_sha256)):
                if sha256(run.path("finals", f"{part}.safetensors").read_bytes()) != digest:
                    return f"finals/{part}.safetensors is not the network of the result"
        best = next(told for told in result.finals.values() if told.plan == confirmed.plan)
        card = run.read("model/card.json")
        parts = {"network": ("sha256", best.sha256), "network-student": ("student_sha256", best.student_sha256)}
        for part, (key, digest) in parts.items():
            weights = run.path("model", f"{part}.safetensors")
            if not weights.is_file() or not sha256(weights.read_bytes()) == card[key] == digest:
                return f"model/{part}.safetensors is not the network that was confirmed"
        return ""

    def evidence() -> str:
        if confirmed.fixed != run.record(Equal, "confirmation.json").fixed:
            return "what was confirmed is not what was fixed beforehand"
        if confirmed.looks and confirmed.seeds != confirmed.longest:
            return "there was another number of seeds"
        held = Evidence(run.path("evidence", "confirmation.jsonl")).done
        same = confirmation.arms({arm: len(e) for arm, e in confirmed.arms.items()}, held) == confirmed.arms
        return "" if same else "errors differ from the recorded trainings"

    def comparison() -> str:
        rebuilt = conclusion.certificate(study, result, comparisons(confirmed), UNSPENT)
        return departure(rebuilt.to_dict(), certificate)

    return {"study": studies, "data": data, "networks": networks, "evidence": evidence, "certificate": comparison}
