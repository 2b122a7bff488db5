"""``fsapp doctor``: prints what was looked at, what is wrong and what to do about it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable

from fsapp.doctor.examination import Wanted, examine
from fsapp.doctor.finding import Finding, Verdict

__all__ = ["run"]


def run(options: argparse.Namespace) -> int:
    """The exit status: 1 when there is anything that must be mended."""
    wanted = Wanted(call=not options.no_call, ring=options.ring_phones)
    findings = examine(options.config, os.environ, wanted)
    shown = _print_document(findings) if options.json else _print_lines(findings)
    return int(any(finding.verdict is Verdict.PROBLEM for finding in shown))


def _print_document(findings: Iterable[Finding]) -> list[Finding]:
    shown = list(findings)
    problems = sum(finding.verdict is Verdict.PROBLEM for finding in shown)
    document = {"problems": problems, "findings": [finding.document() for finding in shown]}
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    return shown


def _print_lines(findings: Iterable[Finding]) -> list[Finding]:
    shown = []
    for finding in findings:
        shown.append(finding)
        sys.stdout.write(f"{finding.verdict.value:>8}  {finding.what}\n")
        if finding.mend:
            sys.stdout.write(f"{'':>10}-> {finding.mend}\n")
        sys.stdout.flush()
    sys.stdout.write(f"\n{_verdict(shown)}\n")
    return shown


def _verdict(shown: list[Finding]) -> str:
    problems = sum(finding.verdict is Verdict.PROBLEM for finding in shown)
    warnings = sum(finding.verdict is Verdict.WARNING for finding in shown)
    if problems == 1:
        return "1 thing must be mended"
    if problems:
        return f"{problems} things must be mended, the first one first"
    if warnings:
        return f"nothing must be mended; look at the {_counted(warnings)}"
    return "nothing to mend"


def _counted(warnings: int) -> str:
    return "warning" if warnings == 1 else f"{warnings} warnings"
