"""The twelve two-dimensional sets of MedMNIST v2: what they are and how to know their files.

**Source**: Yang et al. 2023, MedMNIST v2, doi:10.1038/s41597-022-01721-8; MD5, counts and
licences as stated with Zenodo record 10519652 (version 3) and, where a set was changed since,
record 6496656 (version 2).
"""

from __future__ import annotations

from dataclasses import dataclass

from safelight.models.datasets.dataset import About, Kind, Task

ZENODO = "https://zenodo.org/records/10519652/files"
SIZES = (28, 64, 128, 224)

_YANG = "Yang et al. 2023 (MedMNIST v2)"
_ORGANS = (
    "bladder", "left femur", "right femur", "heart", "left kidney", "right kidney", "liver",
    "left lung", "right lung", "pancreas", "spleen",
)  # fmt: skip


@dataclass(frozen=True)
class MedMnistSet:
    """One set.

    Args:
        title: As its authors write it.
        task: What its labels are.
        classes: In the order of the labels.
        counts: Images in train, val, test.
        channels: 1 or 3.
        kind: What is pictured.
        source: Whom to name beside Yang et al.
        md5: Of the files at 28, 64, 128, 224 pixels.
        older_md5: Of earlier official files at 28 pixels.
        licence: Of the images.
        positive: The finding, where it is not the second class.
    """

    title: str
    task: Task
    classes: tuple[str, ...]
    counts: tuple[int, int, int]
    channels: int
    kind: Kind
    source: str
    md5: tuple[str, str, str, str]
    older_md5: tuple[str, ...] = ()
    licence: str = "CC BY 4.0"
    positive: str = ""

    def about(self, md5: str = "") -> About:
        """For the card."""
        return About(
            title=f"{self.title} (MedMNIST v2)",
            task=self.task,
            classes=self.classes,
            licence=self.licence,
            attribution=f"{_YANG}; {self.source}",
            source=f"{ZENODO}/{self.title.lower()}.npz",
            kind=self.kind,
            md5=md5,
            positive=self.positive,
        )


def _organs(plane: str, counts: tuple[int, int, int], *md5: str, older: str) -> MedMnistSet:
    return MedMnistSet(
        f"Organ{plane}MNIST", "multi-class", _ORGANS, counts, 1, "ct",
        "Bilic et al. 2023 (LiTS); Xu et al. 2019", (md5[0], md5[1], md5[2], md5[3]), (older,),
    )  # fmt: skip


SETS = {
    "pathmnist": MedMnistSet(
        "PathMNIST", "multi-class",
        ("adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle",
         "normal colon mucosa", "cancer-associated stroma",
         "colorectal adenocarcinoma epithelium"),
        (89996, 10004, 7180), 3, "microscopy", "Kather et al. 2019",
        ("a8b06965200029087d5bd730944a56c1", "55aa9c1e0525abe5a6b9d8343a507616",
         "ac42d08fb904d92c244187169d1fd1d9", "2c51a510bcdc9cf8ddb2af93af1eadec"),
    ),
    "chestmnist": MedMnistSet(
        "ChestMNIST", "multi-label",
        ("atelectasis", "cardiomegaly", "effusion", "infiltration", "mass", "nodule",
         "pneumonia", "pneumothorax", "consolidation", "edema", "emphysema", "fibrosis",
         "pleural thickening", "hernia"),
        (78468, 11219, 22433), 1, "chest-xray", "Wang et al. 2017 (NIH ChestX-ray14)",
        ("02c8a6516a18b556561a56cbdd36c4a8", "9de6cd0b934ebb5b7426cfba5efbae16",
         "db107e5590b27930b62dbaf558aebee3", "45bd33e6f06c3e8cdb481c74a89152aa"),
    ),
    "dermamnist": MedMnistSet(
        "DermaMNIST", "multi-class",
        ("actinic keratoses and intraepithelial carcinoma", "basal cell carcinoma",
         "benign keratosis-like lesions", "dermatofibroma", "melanoma", "melanocytic nevi",
         "vascular lesions"),
        (7007, 1003, 2005), 3, "dermatoscopy", "Tschandl et al. 2018 (HAM10000)",
        ("0744692d530f8e62ec473284d019b0c7", "b70a2f5635c6199aeaa28c31d7202e1f",
         "2defd784463fa5243564e855ed717de1", "8974907d8e169bef5f5b96bc506ae45d"),
        licence="CC BY-NC 4.0",
    ),
    "octmnist": MedMnistSet(
        "OCTMNIST", "multi-class",
        ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
        (97477, 10832, 1000), 1, "oct", "Kermany et al. 2018",
        ("c68d92d5b585d8d81f7112f81e2d0842", "e229e9440236b774d9f0dfef9d07bdaf",
         "0a97e76651ace45c5d943ee3f65b63ae", "abc493b6d529d5de7569faaef2773ba3"),
    ),
    "pneumoniamnist": MedMnistSet(
        "PneumoniaMNIST", "binary", ("normal", "pneumonia"),
        (4708, 524, 624), 1, "chest-xray", "Kermany et al. 2018",
        ("28209eda62fecd6e6a2d98b1501bb15f", "8f4eceb4ccffa70c672198ea285246c6",
         "05b46931834c231683c68f40c47b2971", "d6a3c71de1b945ea11211b03746c1fe1"),
    ),
    "retinamnist": MedMnistSet(
        "RetinaMNIST", "ordinal", ("grade 0", "grade 1", "grade 2", "grade 3", "grade 4"),
        (1080, 120, 400), 3, "fundus", "Liu et al. 2022 (DeepDRiD)",
        ("bd4c0672f1bba3e3a89f0e4e876791e4", "afda852cc34dcda56f86ad2b2457dbcc",
         "e48e916a24454daf90583d4e6efb1a18", "eae7e3b6f3fcbda4ae613ebdcbe35348"),
    ),
    "breastmnist": MedMnistSet(
        # upstream's class 1 is "normal, benign": its positive class is the healthy one
        "BreastMNIST", "binary", ("malignant", "normal or benign"),
        (546, 78, 156), 1, "ultrasound", "Al-Dhabyani et al. 2020",
        ("750601b1f35ba3300ea97c75c52ff8f6", "742edef2a1fd1524b2efff4bd7ba9364",
         "363e4b3f8d712e9b5de15470a2aaadf1", "b56378a6eefa9fed602bb16d192d4c8b"),
        positive="malignant",
    ),
    "bloodmnist": MedMnistSet(
        "BloodMNIST", "multi-class",
        ("basophil", "eosinophil", "erythroblast", "immature granulocyte", "lymphocyte",
         "monocyte", "neutrophil", "platelet"),
        (11959, 1712, 3421), 3, "microscopy", "Acevedo et al. 2020",
        ("7053d0359d879ad8a5505303e11de1dc", "2b94928a2ae4916078ca51e05b6b800b",
         "adace1e0ed228fccda1f39692059dd4c", "b718ff6835fcbdb22ba9eacccd7b2601"),
    ),
    "tissuemnist": MedMnistSet(
        "TissueMNIST", "multi-class",
        ("collecting duct, connecting tubule", "distal convoluted tubule",
         "glomerular endothelial cells", "interstitial endothelial cells", "leukocytes",
         "podocytes", "proximal tubule segments", "thick ascending limb"),
        (165466, 23640, 47280), 1, "microscopy",
        "Ljosa et al. 2012 (BBBC051); Woloshuk et al. 2021",
        ("ebe78ee8b05294063de985d821c1c34b", "123ece2eba09d0aa5d698fda57103344",
         "61b955355d7425a89687b06cca3ce0c2", "b077128c4a949f0a4eb01517f9037b9c"),
    ),
    "organamnist": _organs(
        "A", (34561, 6491, 17778),
        "68e3f8846a6bd62f0c9bf841c0d9eacc", "2dcccc29b88e6da5a01161ef20cda288",
        "eeae80d0a227a8d099027e1b3cfd3b60", "50747347e05c87dd3aaf92c49f9f3170",
        older="866b832ed4eeba67bfb9edee1d5544e6",
    ),
    "organcmnist": _organs(
        "C", (12975, 2392, 8216),
        "b9ceb9546e10131b32923c5bbeaea2b1", "3ce34a8724ea6f548e6db4744d03b6a9",
        "773c1f009daa3fe5d9a2a201b2a7ed94", "050f5e875dc056f6768abf94ec9995d1",
        older="0afa5834fb105f7705a7d93372119a21",
    ),
    "organsmnist": _organs(
        "S", (13932, 2452, 8827),
        "9ab87b696fb54e2a387ebe992d6ed5f1", "53a6d115339d874c25e309a994ff46d3",
        "ded0c5fa01a95dc4978b956f613e9b8e", "b354719e553fbbb2513d5533f52a4cb1",
        older="e5c39f1af030238290b9557d9503af9d",
    ),
}  # fmt: skip


def _known_md5() -> dict[str, str]:
    found = {}
    for name, each in SETS.items():
        for size, md5 in zip(SIZES, each.md5, strict=True):
            found[name if size == SIZES[0] else f"{name}_{size}"] = md5
    return found


KNOWN_MD5 = _known_md5()
"""MD5 of the official files by the stem of their names; against damage, not an adversary."""


def accepted_md5(stem: str) -> tuple[str, ...]:
    """The current and the older official MD5 of a name; none of an unknown name."""
    if stem not in KNOWN_MD5:
        return ()
    older = SETS[stem].older_md5 if stem in SETS else ()
    return (KNOWN_MD5[stem], *older)


@dataclass(frozen=True)
class Recognised:
    """Which set a file holds, and by what.

    Args:
        name: One of `SETS`.
        official: By the MD5 of its file; else by its counts and labels.
    """

    name: str
    official: bool


def recognised(
    md5: str, counts: tuple[int, int, int], channels: int, labels: tuple[int, int]
) -> Recognised | None:
    """Which set a file holds; its name decides nothing, which anyone may give.

    Args:
        md5: Of its content.
        counts: Images in train, val, test, which differ between all twelve sets.
        channels: Of an image.
        labels: Labels of an image, and how many values they take.
    """
    for name, each in SETS.items():
        if md5 in each.md5 + each.older_md5:
            return Recognised(name, official=True)
    for name, each in SETS.items():
        several = each.task == "multi-label"
        wanted = (len(each.classes), 2) if several else (1, len(each.classes))
        if (each.counts, each.channels, wanted) == (counts, channels, labels):
            return Recognised(name, official=False)
    return None
