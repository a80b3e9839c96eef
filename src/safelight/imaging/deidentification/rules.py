"""Which action meets an element: the table, and what we add for attributes it does not name.

The table says nothing of most attributes, and they stay. Of those that the standard has no reason
to name, a few kinds can still hold identifying values; for them we go beyond the table:

- dates and times: as the table treats dates; person names: removed;
- UIDs that are not of classes, syntaxes or coding schemes: replaced;
- locations (UR): removed, but for those of coding schemes;
- paragraphs of free text (LT, ST, UT): cleaned, but for parts of codes;
- attributes that no dictionary knows: removed.
"""

from __future__ import annotations

from safelight.imaging.deidentification.options import DeidentificationOptions
from safelight.imaging.deidentification.profile import (
    Action,
    attribute_type,
    basic_action,
    option_action,
    table,
)

_CODE_PARTS = frozenset(
    [
        "CodingSchemeName",
        "CodingSchemeExternalID",
        "CodingSchemeURL",
        "ExtendedCodeMeaning",
        "LongCodeValue",
        "URNCodeValue",
    ]
)
_LASTING_UIDS = frozenset(
    [
        "CodingSchemeUID",
        "ContextGroupExtensionCreatorUID",
        "ContextUID",
        "MappingResourceUID",
        "ReferencedColorPaletteInstanceUID",
    ]
)
_TEMPORAL_VRS = frozenset(["DA", "DT", "TM"])
_PARAGRAPH_VRS = frozenset(["LT", "ST", "UT"])


def choose_action(
    tag: int, keyword: str, vr: str, place: tuple[str, str], options: DeidentificationOptions
) -> Action:
    """The action for an element of the standard.

    Args:
        tag: Group and element as one number.
        keyword: As the dictionary names it; not empty.
        vr: Value representation.
        place: SOP class of the object, and keyword of the sequence around the element.
        options: As chosen.
    """
    row = table().get(tag)
    if row is not None:
        chosen = option_action(row, options.columns)
        return chosen or basic_action(row.basic, attribute_type(*place, keyword))
    if vr in _TEMPORAL_VRS:
        beyond = {"remove": Action.REMOVE, "shift": Action.CLEAN, "keep": Action.KEEP}
        return beyond[options.dates]
    if vr == "PN":
        return Action.REMOVE
    if vr == "UI":
        lasting = keyword in _LASTING_UIDS or "Class" in keyword or "TransferSyntax" in keyword
        return Action.KEEP if lasting or options.retain_uids else Action.UID
    if keyword in _CODE_PARTS:
        return Action.KEEP
    if vr == "UR":
        return Action.REMOVE
    return Action.CLEAN if vr in _PARAGRAPH_VRS else Action.KEEP


def fallback_action(tag: int, keyword: str, place: tuple[str, str]) -> Action:
    """What is done where a value cannot be cleaned: the basic profile's action."""
    row = table().get(tag)
    if row is None:
        return Action.REMOVE
    action = basic_action(row.basic, attribute_type(*place, keyword))
    return Action.EMPTY if action is Action.KEEP else action
