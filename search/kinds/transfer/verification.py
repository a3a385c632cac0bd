"""Does a certificate follow from what its folder holds, and is that intact?"""

import hashlib
from collections.abc import Callable

from graft.search.champion import certified
from graft.search.engine.searched import other_rival, recorded
from graft.search.kinds.transfer import conclusion
from graft.search.kinds.transfer.confirmation import followed
from graft.search.kinds.transfer.ensemble import changed
from graft.search.kinds.transfer.holdout import compare
from graft.search.kinds.transfer.precisions import kept_precision
from graft.search.kinds.transfer.prospects import told as told_beside
from graft.search.kinds.transfer.regressors import departed
from graft.search.kinds.transfer.sources import FOLDER, stored
from graft.search.kinds.transfer.standins import NETWORKS, PLACEBOS
from graft.search.kinds.transfer.study import Study
from graft.search.proof.verification import UNSPENT, departure, other_data
from graft.search.run.certificate import Comparison, TransferCertificate
from graft.search.run.evidence import Evidence
from graft.search.run.folder import Run
from graft.search.run.results import Confirmation, TransferResult


def checks(run: Run, study: Study) -> dict[str, Callable[[], str]]:
    """What makes a certificate trustworthy, by name; each tells what is wrong ('' if nothing is).

    Raises:
        InputError: If the folder holds no finished run.
    """
    result, certificate = run.record(TransferResult, "result.json"), run.read("certificate.json")
    if certificate.get("mode") == "small":  # the name of holdout mode once
        certificate["mode"] = "holdout"
    confirmed = result.confirmation
    assert confirmed is not None

    def networks() -> str:
        certified = TransferCertificate.read(certificate).sources
        if [(one.name, one.sha256) for one in result.spoken_of] != [(told.name, told.sha256) for told in certified]:
            return "other source networks were certified than the result has"
        kept = {FOLDER: result.bases, PLACEBOS.folder: result.placebos, NETWORKS.folder: result.networks}
        for folder, held in kept.items():
            for one in held:
                file, _ = stored(one.name, one.recipe, run.path(folder))
                if hashlib.sha256(file.read_bytes()).hexdigest() != one.sha256:
                    return f"{folder}/{file.name} is not the network of the result"
                precise, _ = kept_precision(one.name, one.recipe, run.path(folder))
                if one.precision and hashlib.sha256(precise.read_bytes()).hexdigest() != one.precision:
                    return f"{folder}/{precise.name} is not the precision of the result"
        return ""

    def comparison() -> str:
        return departure(conclusion.certificate(study, result, judged(), UNSPENT).to_dict(), certificate)

    def judged() -> Comparison:
        return followed(confirmed, confirmed.arms, study, compare(run, study, confirmed.folds))

    def rival() -> str:
        kept, rows = result.handed_over, study.rows.pool if confirmed.folds else study.unlocked
        if kept is None:  # protocol 1
            return ""
        found = recorded(run, "rival.json")
        wrong = other_rival(result.baseline, result.direct_by_budget, recorded(run, "direct.json"), found)
        same = (kept.arm, kept.plan, kept.rows) == (*conclusion.best_measured(judged(), found.plan), rows)
        return wrong or ("" if same else "what is handed over is not the best that was measured")

    def evidence() -> str:
        fixed = run.record(Confirmation, "confirmation.json")
        if confirmed.fixed != fixed.fixed or fixed.seeds not in (None, confirmed.seeds):
            return "what was confirmed is not what was fixed beforehand"
        held = Evidence(run.path("evidence", "confirmation.jsonl")).done
        told = {f"{arm}/{i}": e for arm, errors in confirmed.arms.items() for i, e in enumerate(errors)}
        if {key: held[key].error for key in told} != told:
            return "errors differ from the recorded trainings"
        if result.beside and told_beside(run, confirmed.arms) != result.beside:
            return "what trainings told beside their errors differs from what is recorded"
        return rival() or departed(run, result.regressors)

    def champion() -> str:
        card, _ = certified(run.path("model"))
        if card["sentence"] != certificate["sentence"]:
            return "the card tells another verdict"
        kept = result.handed_over
        same = kept is None or (card["plan"], card["error"]) == (kept.plan.to_dict(), kept.error)
        if not same:
            return "the card tells another network"
        return "" if kept is None or kept.ensemble is None else changed(run, kept.ensemble)

    def studies() -> str:
        return "" if type(study).reopened(result.study) == study else "result.json is of another study"

    return {
        "study": studies,
        "data": lambda: other_data(study.learned.data_cards(run.path("data")), result),
        "source networks": networks,
        "evidence": evidence,
        "certificate": comparison,
        "champion": champion,
    }
