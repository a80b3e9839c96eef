"""De-identification of DICOM files by PS3.15 Annex E.

`deidentify` takes and gives the bytes of a file. The table of the standard is data
(``tables/ps3.15-table-e.1-1.csv``), with the edition that each row is from.
"""

from safelight.imaging.deidentification.deidentify import deidentify
from safelight.imaging.deidentification.identifier_key import IdentifierKey
from safelight.imaging.deidentification.options import DeidentificationOptions
from safelight.imaging.deidentification.report import DeidentificationReport

__all__ = ["DeidentificationOptions", "DeidentificationReport", "IdentifierKey", "deidentify"]
