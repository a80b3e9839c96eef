"""Walks a data set and everything in its sequences, and applies an action to each element."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from pydicom.datadict import dictionary_has_tag, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from safelight.imaging.deidentification.dates import shift_date
from safelight.imaging.deidentification.descriptor_words import cleaned
from safelight.imaging.deidentification.identifier_key import IdentifierKey
from safelight.imaging.deidentification.options import DeidentificationOptions
from safelight.imaging.deidentification.profile import Action
from safelight.imaging.deidentification.replacement_values import dummy_value
from safelight.imaging.deidentification.report import DeidentificationReport
from safelight.imaging.deidentification.rules import choose_action, fallback_action
from safelight.imaging.deidentification.safe_private import is_safe_private

_STANDARD_UID_ROOT = "1.2.840.10008."
_TEXT_VRS = frozenset(["LO", "LT", "SH", "ST", "UC", "UT"])
_GRAPHIC_GROUPS = (0x5000, 0x6000)  # curves and overlays repeat in even groups up to …1E
_FIRST_GROUP = 0x0008  # commands and file meta information are not for data sets
_TRAILING_PADDING = 0xFFFCFFFC
_MAX_DEPTH = 64


class Walk:
    """De-identification of one object.

    Args:
        options: As chosen.
        key: Of replacements.
        sop_class: UID of the object.
        patient: What tells patients apart; the key of the date shift.
        report: Filled here.
    """

    def __init__(
        self,
        options: DeidentificationOptions,
        key: IdentifierKey,
        sop_class: str,
        patient: str,
        report: DeidentificationReport,
    ) -> None:
        self._options, self._key, self._report = options, key, report
        self._sop_class, self._days = sop_class, key.shift_days(patient)

    def dataset(self, dataset: Dataset, path: tuple[str, ...] = ()) -> None:
        """Changes a data set in place.

        Args:
            dataset: The object, or an item of a sequence.
            path: Keywords of the sequences around it.
        """
        if len(path) > _MAX_DEPTH:
            dataset.clear()
            return
        for tag in sorted(dataset.keys()):
            if tag in dataset:  # a creator may have gone with its last element
                self._element(dataset, BaseTag(tag), path)
        self._drop_empty_blocks(dataset)

    def _element(self, dataset: Dataset, tag: BaseTag, path: tuple[str, ...]) -> None:
        if tag.is_private:
            self._private(dataset, tag, path)
            return
        is_graphic = any(base <= tag.group <= base + 0x1E for base in _GRAPHIC_GROUPS)
        is_foreign = tag.group < _FIRST_GROUP or tag.element == 0 or tag == _TRAILING_PADDING
        if is_graphic or is_foreign:
            self._remove(dataset, tag, path)
            return
        try:
            element = dataset[tag]
            keyword, vr = element.keyword, element.VR
        except Exception:  # noqa: BLE001 - whatever cannot be read cannot be kept
            self._remove(dataset, tag, path, "unreadable, removed")
            return
        if not keyword or vr == "UN" or not dictionary_has_tag(tag):
            self._remove(dataset, tag, path)
            return
        place = (self._sop_class, path[-1] if path else "")
        action = choose_action(int(tag), keyword, vr, place, self._options)
        if vr == "SQ":
            self._sequence(dataset, element, action, path)
            return
        apply: dict[Action, Callable[[DataElement], bool]] = {
            Action.KEEP: lambda _: True,
            Action.EMPTY: self._empty,
            Action.DUMMY: self._dummy,
            Action.UID: self._uid,
            Action.CLEAN: self._clean,
            Action.REMOVE: lambda _: False,
        }
        done = apply[action](element)
        if not done and action is Action.CLEAN:
            action = fallback_action(int(tag), keyword, place)
            done = apply[action](element)
        if not done:
            self._remove(dataset, tag, path)
        elif action is not Action.KEEP:
            self._report.record((*path, keyword), action)

    def _sequence(
        self, dataset: Dataset, element: DataElement, action: Action, path: tuple[str, ...]
    ) -> None:
        if action is Action.REMOVE:
            self._remove(dataset, element.tag, path)
            return
        if action is Action.EMPTY:
            element.value = Sequence()
        elif action is Action.DUMMY:
            element.value = Sequence([_dummy_item(element.keyword)])
        else:
            inner = (*path, element.keyword)
            for item in element.value or []:
                self.dataset(item, inner)
            if action is Action.KEEP:
                return
        self._report.record((*path, element.keyword), action)

    def _private(self, dataset: Dataset, tag: BaseTag, path: tuple[str, ...]) -> None:
        if self._options.retain_safe_private and not tag.is_private_creator:
            creator_tag = BaseTag((tag.group << 16) | (tag.element >> 8))
            creator = dataset.get(creator_tag)
            name = str(creator.value).strip() if creator is not None else ""
            try:
                vr = dataset[tag].VR
            except Exception:  # noqa: BLE001 - as above
                vr = "UN"
            if is_safe_private(name, int(tag), vr):
                self._report.record((*path, _tag_text(tag)), "kept, safe private")
                return
        if tag.is_private_creator and self._options.retain_safe_private:
            return  # until it is known whether anything of its block stays
        self._remove(dataset, tag, path)

    def _drop_empty_blocks(self, dataset: Dataset) -> None:
        """Creators whose blocks have nothing left."""
        private = [tag for tag in map(BaseTag, dataset.keys()) if tag.is_private]
        used = {(tag.group, tag.element >> 8) for tag in private if not tag.is_private_creator}
        for tag in private:
            if tag.is_private_creator and (tag.group, tag.element) not in used:
                del dataset[tag]

    def _remove(
        self, dataset: Dataset, tag: BaseTag, path: tuple[str, ...], action: str = Action.REMOVE
    ) -> None:
        keyword = "" if tag.is_private else keyword_for_tag(tag)
        self._report.record((*path, keyword or _tag_text(tag)), action)
        del dataset[tag]

    def _empty(self, element: DataElement) -> bool:
        element.value = "" if element.VR not in ("OB", "OW", "UN") else b""
        return True

    def _dummy(self, element: DataElement) -> bool:
        if element.VR == "UI":
            return self._uid(element)
        value = dummy_value(element.VR)
        if value is None:
            return False
        element.value = value
        return True

    def _uid(self, element: DataElement) -> bool:
        element.value = _each(element.value, self._replaced_uid)
        return True

    def _replaced_uid(self, value: Any) -> str:
        text = str(value).strip(" \0")
        return text if not text or text.startswith(_STANDARD_UID_ROOT) else self._key.uid(text)

    def _clean(self, element: DataElement) -> bool:
        """Dates are moved, times stay with moved dates, text keeps known words."""
        if element.VR == "TM":
            return True
        clean: Callable[[str], str | None]
        if element.VR in ("DA", "DT"):
            clean = functools.partial(shift_date, days=self._days)
        elif element.VR in _TEXT_VRS:
            clean = cleaned
        else:
            return False
        if element.value in (None, ""):
            return True
        result = _each(element.value, lambda value: clean(str(value)))
        values = result if isinstance(result, list) else [result]
        if any(value is None for value in values) or not any(values):
            return False
        element.value = result
        return True


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    return [change(v) for v in value] if isinstance(value, MultiValue | list) else change(value)


def _tag_text(tag: BaseTag) -> str:
    return f"({tag.group:04X},{tag.element:04X})"


def _dummy_item(keyword: str) -> Dataset:
    """An item that says nothing, with what codes and content items must have."""
    item = Dataset()
    if keyword.endswith("CodeSequence"):
        item.CodeValue, item.CodingSchemeDesignator = "REMOVED", "99SAFELIGHT"
        item.CodeMeaning = "Removed"
    elif keyword == "ContentSequence":
        comment = Dataset()
        comment.CodeValue, comment.CodingSchemeDesignator = "121106", "DCM"
        comment.CodeMeaning = "Comment"
        item.RelationshipType, item.ValueType = "CONTAINS", "TEXT"
        item.ConceptNameCodeSequence = Sequence([comment])
        item.TextValue = "REMOVED"
    return item
