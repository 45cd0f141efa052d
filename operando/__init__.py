"""One in-operando experiment: its settings, its session, its live results."""
