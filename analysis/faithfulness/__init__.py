"""Does a map point at what matters? Deletion, infidelity, sensitivity, randomised weights."""

from analysis.faithfulness.infidelity import Infidelity, infidelities
from analysis.faithfulness.parameter_randomisation import (
    ParameterRandomisation,
    parameter_randomisation,
)
from analysis.faithfulness.ranking import DeletionSettings, Ranking, rank_maps
from analysis.faithfulness.sensitivity import Sensitivity, max_sensitivity

__all__ = [
    "DeletionSettings",
    "Infidelity",
    "ParameterRandomisation",
    "Ranking",
    "Sensitivity",
    "infidelities",
    "max_sensitivity",
    "parameter_randomisation",
    "rank_maps",
]
