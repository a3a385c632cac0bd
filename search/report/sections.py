"""The page of each kind of study, in the order a physicist asks: verdict, knowledge, search, price."""

from graft.search.report import cost, dcl, images, knowledge, searches, sharing, verdict
from graft.search.report.section import Page, Section
from graft.search.run.results import DclResults, SharingResults, TransferResults

CLOSING = (Section("cost", cost.cost, cost.figures), Section("provenance", cost.provenance))
TRANSFER = Page(
    TransferResults,
    (
        Section("verdict", verdict.verdict, verdict.figures),
        Section("spans", knowledge.moved, knowledge.moved_figures),
        Section("ways", knowledge.ways),
        Section("spectra", knowledge.spectra, knowledge.spectra_figures),
        Section("energies", knowledge.energies, knowledge.energies_figures),
        Section("classes", images.classes, images.classes_figures),
        Section("restoration", images.restoration, images.restoration_figures),
        Section("searches", searches.searches, searches.figures),
        Section("examples", knowledge.examples, knowledge.examples_figures),
        *CLOSING,
    ),
)
SHARING = Page(
    SharingResults,
    (
        Section("sharing-verdict", sharing.verdict, sharing.arms),
        Section("sharing-blocks", sharing.seeds_of_map, sharing.blocks),
        Section("sharing-searches", sharing.searches, sharing.importance),
        *CLOSING,
    ),
)
DCL = Page(
    DclResults,
    (
        Section("dcl-verdict", dcl.verdict, dcl.arms),
        Section("dcl-models", dcl.models, dcl.models_figures),
        Section("dcl-predictions", dcl.predictions, dcl.curves),
        Section("dcl-scores", dcl.scores, dcl.scores_figures),
        *CLOSING,
    ),
)
