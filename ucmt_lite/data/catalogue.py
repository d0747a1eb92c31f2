"""The real sets by name: what they hold, where they come from, which reader knows their layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ucmt_lite.data.download import Archive

# Pairs of ISIC 2018 training images that show one lesion, by difference hash and colour
# correlation: see the data card.
ISIC_TWINS = (
    ("0012290", "0013594"),
    ("0013109", "0013163"),
    ("0015986", "0015987"),
    ("0012672", "0012673"),
    ("0000162", "0014826"),
    ("0012222", "0016003"),
    ("0000222", "0014846"),
    ("0000184", "0015310"),
    ("0012887", "0012989"),
    ("0012756", "0013184"),
    ("0000519", "0011295"),
    ("0000183", "0015311"),
)
# LA 2018 scans whose aligned labels and images agree so well that one patient is likely (first
# characters of the ids).
LA_TWINS = (
    ("ZIJLJAVQ", "4EPVTT1H"),
    ("ULHWPWKK", "4498CA6D"),
    ("WSJB9P4J", "45C45I6I"),
    ("WBG9WYZ1", "QZC1W0FN"),
    ("VIXBEFTN", "O5TSIKRD"),
    ("Z9GMG63C", "45C45I6I"),
    ("0RZDK210", "CMPXO4J2"),
)


def _isic_group(name: str) -> str:
    """Return the id, or for near-duplicates one id for both.

    >>> _isic_group("ISIC_0013594"), _isic_group("ISIC_0000000")
    ('ISIC_0012290', 'ISIC_0000000')
    """
    return next(
        (f"ISIC_{twins[0]}" for twins in ISIC_TWINS if name.removeprefix("ISIC_") in twins), name
    )


def _la_group(name: str) -> str:
    """Return the id, or for scans that are probably of one patient the start of one of their ids.

    >>> _la_group("Z9GMG63CXXXX") == _la_group("WSJB9P4JYYYY")
    True
    """
    for twins in LA_TWINS:
        if name[:8] in twins:
            return "45C45I6I" if "45C45I6I" in twins else min(twins)
    return name


def _acdc_group(name: str) -> str:
    """Return the patient of a slice or volume.

    >>> _acdc_group("patient001_frame01_slice_1")
    'patient001'
    """
    return name.split("_")[0]


@dataclass(frozen=True)
class RealSet:
    """One public set as this kit reads it; `data_cards/<name>.md` tells the rest."""

    title: str
    classes: tuple[str, ...]
    channels: int
    dims: int
    cases: int  # images or volumes with a public mask
    reader: str  # a row of `readers.READERS`
    folder: str  # what a local folder must hold
    homepage: str  # from which a person gets the files
    archives: tuple[Archive, ...] = ()
    # Of the groups for train, validation, test, where no lists are in the folder.
    shares: tuple[float, float, float] = (0.6, 0.2, 0.2)
    group_of: Callable[[str], str] = str  # the patient, or the like, of an id
    options: dict = field(default_factory=dict)  # for the reader

    @property
    def takes_size(self) -> bool:
        """Whether images are resized while they are read; volumes keep their size."""
        return self.dims == 2


CATALOGUE: dict[str, RealSet] = {
    "isic2018": RealSet(
        title="ISIC 2018 Task 1: skin lesions in dermoscopy",
        classes=("background", "lesion"),
        channels=3,
        dims=2,
        cases=2594,
        reader="folder",
        folder="images/ and masks/, or the two unpacked official archives",
        homepage="https://challenge.isic-archive.com/data",
        archives=(
            Archive(
                urls=(
                    "https://isic-challenge-data.s3.amazonaws.com/2018/ISIC2018_Task1-2_Training_Input.zip",
                    "https://isic-archive.s3.amazonaws.com/challenges/2018/ISIC2018_Task1-2_Training_Input.zip",
                ),
                sha256="80f98572347a2d7a376227fa9eb2e4f7459d317cb619865b8b9910c81446675f",
                megabytes=10400,
            ),
            Archive(
                urls=(
                    "https://isic-challenge-data.s3.amazonaws.com/2018/ISIC2018_Task1_Training_GroundTruth.zip",
                    "https://isic-archive.s3.amazonaws.com/challenges/2018/ISIC2018_Task1_Training_GroundTruth.zip",
                ),
                sha256="99f8b2bb3c4d6af483362010715f7e7d5d122d9f6c02cac0e0d15bef77c7604c",
                megabytes=26,
            ),
        ),
        shares=(0.7, 0.1, 0.2),  # as the 1815 / 260 / 519 of the published lists
        group_of=_isic_group,
    ),
    "kvasir_seg": RealSet(
        title="Kvasir-SEG: polyps in colonoscopy",
        classes=("background", "polyp"),
        channels=3,
        dims=2,
        cases=1000,
        reader="folder",
        folder="images/ and masks/",
        homepage="https://datasets.simula.no/kvasir-seg",
        archives=(
            Archive(
                urls=("https://datasets.simula.no/downloads/kvasir-seg.zip",),
                sha256="03b30e21d584e04facf49397a2576738fd626815771afbbf788f74a7153478f7",
                megabytes=46,
            ),
        ),
        shares=(0.8, 0.08, 0.12),
    ),
    "la2018": RealSet(
        title="LA 2018: left atrium in late gadolinium MRI",
        classes=("background", "left atrium"),
        channels=1,
        dims=3,
        cases=100,
        reader="hdf5",
        folder="one .h5 file for each case, with image and label",
        homepage="https://www.cardiacatlas.org/atriaseg2018-challenge/atria-seg-data/",
        shares=(0.8, 0.0, 0.2),
        group_of=_la_group,
    ),
    "acdc": RealSet(
        title="ACDC: ventricles and myocardium in short-axis cine MRI",
        classes=("background", "right ventricle", "myocardium", "left ventricle"),
        channels=1,
        dims=2,
        cases=1902,
        reader="hdf5",
        folder="slices named patient001_frame01_slice_1.h5, with image and label",
        homepage="https://www.creatis.insa-lyon.fr/Challenge/acdc/",
        shares=(0.7, 0.1, 0.2),
        group_of=_acdc_group,
        options={"pattern": "*_slice_*.h5"},
    ),
    "pancreas_ct": RealSet(
        title="NIH Pancreas-CT: pancreas in portal-venous CT",
        classes=("background", "pancreas"),
        channels=1,
        dims=3,
        cases=80,
        reader="nifti",
        folder="images/ and masks/ with one .nii.gz file of the same name for each case",
        homepage="https://doi.org/10.7937/K9/TCIA.2016.tNB1kqBU",
        shares=(0.75, 0.0, 0.25),
        options={"window": (-125.0, 275.0)},
    ),
}
