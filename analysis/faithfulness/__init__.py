"""Does a map point at what matters? Deletion, infidelity, sensitivity, randomised weights."""

from analysis.faithfulness.infidelity import Infidelity, infidelities
from analysis.faithfulness.parameter_randomisation import WeightCheck, weight_check
from analysis.faithfulness.ranking import Ranking, Removal, rank_maps
from analysis.faithfulness.sensitivity import Sensitivity, max_sensitivity

__all__ = [
    "Infidelity",
    "Ranking",
    "Removal",
    "Sensitivity",
    "WeightCheck",
    "infidelities",
    "max_sensitivity",
    "rank_maps",
    "weight_check",
]
