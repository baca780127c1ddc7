"""What each of the ten questions asks, in words that a clinician reads without a glossary."""

from collections.abc import Mapping
from types import MappingProxyType

ASKED: Mapping[int, str] = MappingProxyType(
    {
        1: "Are the images whole, so that they can be used at all? Images that could not be read, "
        "segmented or trusted are counted, because a generator must not look better by losing its "
        "failures, and so are structures that the reference has and the generated cohort lacks.",
        2: "Is every structure as large as in reference subjects of the same age, sex and head size? "
        "Head size itself is tested too, since every other volume is read against it.",
        3: "Do generated subjects differ from each other as much as those of the reference do, and "
        "do their structures vary together in the same way? A generator can hit every mean and "
        "still generate the same subject again and again.",
        4: "Do structures shrink and grow with age as fast as in the reference?",
        5: "Do men and women differ as they do in the reference? The answer depends on how head size "
        "is taken into account, so each convention is shown.",
        6: "When a ventricle volume, a brain volume or an age is requested, does the image show what "
        "was requested?",
        7: "Are the images as sharp, as noisy and as even as the scans of the reference?",
        8: "Taken together, do the generated subjects fill the same space as those of the reference? "
        "Every distance depends on the number of subjects, so each stands beside the distance "
        "between two halves of the reference.",
        9: "Are the generated subjects new and different from each other, or copies of subjects that "
        "the model was trained on, of the reference, or of each other?",
        10: "Does a model that was trained with these images work on real ones?",
    }
)
