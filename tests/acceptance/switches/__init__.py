"""The switches the acceptance suite can run on, behind one interface (see base.py)."""
