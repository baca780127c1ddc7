"""A regression check as JUnit XML, the form that Jenkins, GitLab and GitHub actions read.

A *fail* is a ``failure``; *missing* and *inconclusive* are an ``error`` of that type, because neither passes;
*watched*, *not judged* and *left out* are ``skipped``.
"""

import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET  # only writes; nothing foreign is parsed

from plausibrain.reports.check.outcomes import CheckResult, Outcome, Row
from plausibrain.reports.check.text import facts_of

ERRORS: tuple[Outcome, ...] = ("missing", "inconclusive")
SKIPPED: tuple[Outcome, ...] = ("watched", "not judged", "left out")
TAGS = {"fail": "failure", **dict.fromkeys(ERRORS, "error"), **dict.fromkeys(SKIPPED, "skipped")}
# Everything outside the character range of XML 1.0 (https://www.w3.org/TR/xml/#charsets).
FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(result: CheckResult) -> str:
    """Return the check as a JUnit XML document.

    Parameters
    ----------
    result : CheckResult
        What was found.

    Returns
    -------
    str
        ``testsuites`` with one ``testsuite`` and one ``testcase`` per rule and headline.

    References
    ----------
    The Jenkins schema, https://github.com/jenkinsci/xunit-plugin (junit-10.xsd), and
    https://docs.gitlab.com/ci/testing/unit_test_reports.
    """
    counts = {
        "tests": len(result.rows),
        "failures": result.count("fail"),
        "errors": sum(result.count(outcome) for outcome in ERRORS),
        "skipped": sum(result.count(outcome) for outcome in SKIPPED),
    }
    root = ET.Element("testsuites", name="plausibrain check", time="0")  # Jenkins knows no skipped here
    suite = _suite(root, result.run.name, counts)
    suite.set("timestamp", datetime.now(tz=UTC).strftime("%Y-%m-%dT%H:%M:%S"))
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(result).items():
        ET.SubElement(properties, "property", name=name, value=_clean(value))
    for row in result.rows:
        _add_case(suite, row)
    return _document(root)


def junit_error(name: str, message: str) -> str:
    """Return a JUnit XML document for a check that could not be made.

    Parameters
    ----------
    name : str
        What was to be checked.
    message : str
        Why it could not be.
    """
    root = ET.Element("testsuites", name="plausibrain check", time="0")
    suite = _suite(root, name, {"tests": 1, "failures": 0, "errors": 1, "skipped": 0})
    case = ET.SubElement(suite, "testcase", classname="plausibrain.check", name="comparable", time="0")
    ET.SubElement(case, "error", message=_clean(message.splitlines()[0]), type="data").text = _clean(message)
    return _document(root)


def _properties(result: CheckResult) -> dict[str, str]:
    return {
        "run": str(result.run.source),
        "baseline": str(result.baseline.source),
        "fingerprint": result.run.facts.fingerprint,
        "status": result.status,
        "alpha": f"{result.alpha:g}",
    }


def _add_case(suite: ET.Element, row: Row) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=f"plausibrain.check.{_identifier(row.question) or 'rules'}",
        name=_clean(f"{row.name} [{row.rule}]"),
        time="0",
    )
    tag = (
        "skipped"
        if row.outcome in SKIPPED
        else {"fail": "failure", "missing": "error", "inconclusive": "error"}.get(row.outcome)
    )
    if tag:
        message = f"{row.outcome}: {row.label}: {row.reason}"
        mark = ET.SubElement(case, tag, message=_clean(message), type=row.outcome)
        mark.text = _clean(facts_of(row))
    else:
        ET.SubElement(case, "system-out").text = _clean(facts_of(row))


def _identifier(text: str) -> str:
    """Join the words with underscores: viewers cut class names at dots."""
    return "_".join(re.findall(r"\w+", _clean(text)))


def _suite(root: ET.Element, name: str, counts: dict[str, int]) -> ET.Element:
    texts = {key: str(number) for key, number in counts.items()}
    return ET.SubElement(
        root, "testsuite", {"name": _clean(f"plausibrain check {name}"), "time": "0", **texts}
    )


def _clean(text: str) -> str:
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def _document(root: ET.Element) -> str:
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
