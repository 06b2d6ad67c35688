# SPDX-License-Identifier: GPL-2.0-only
"""The schema that JUnit XML is held against, wherever a test comes by some."""

from importlib.resources import files

from lxml import etree


def check_schema(text: str) -> None:
    """Hold it against the schema of Ant's JUnitReport; ``skipped`` is younger than that and taken out before."""
    document = etree.fromstring(text.encode())
    for skipped in document.findall(".//skipped"):
        skipped.getparent().remove(skipped)
    for suite in document.findall("testsuite"):
        del suite.attrib["skipped"]
    schema = files("ub_test_reports") / "schemas" / "JUnit.xsd"
    etree.XMLSchema(etree.fromstring(schema.read_bytes())).assertValid(document)
