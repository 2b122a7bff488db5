"""Acceptance tests: a whole app beside a whole switch, driven by callers, agents and phones."""
