"""What a cell did, worked out as each step of its programme ends."""

from operando.analysis.analyst import Analyst
from operando.analysis.facts import AnalysisOptions, CellFacts

__all__ = ["AnalysisOptions", "Analyst", "CellFacts"]
