"""What each of the ten questions asks, in words a clinician reads without a glossary."""

from collections.abc import Mapping
from types import MappingProxyType

ASKED: Mapping[int, str] = MappingProxyType(
    {
        1: "Can every image be used at all? Images that could not be read, segmented or trusted are counted, "
        "because a generator must not look better by losing its failures.",
        2: "Is every structure as large as in real subjects of the same age, sex and head size? Head size "
        "itself is tested too, since every other volume is read against it.",
        3: "Do generated subjects differ from each other as much as real ones do, and do their structures "
        "vary together in the same way? A generator can hit every mean and still draw the same subject again "
        "and again.",
        4: "Do structures shrink and grow with age as fast as in real subjects?",
        5: "Do men and women differ as they do in real subjects? It depends on how head size is taken "
        "into account, so each convention is shown.",
        6: "When a ventricle, a brain volume or an age is requested, does the image show what was requested?",
        7: "Is the image as sharp, as noisy and as even as a real scan?",
        8: "Taken together, do the generated subjects fill the same space as the real ones? Every distance "
        "depends on the number of subjects, so each stands beside the distance of the reference to itself.",
        9: "Are these new subjects, or copies of subjects in the training set?",
        10: "Does something that was trained with these images work on real ones?",
    }
)
