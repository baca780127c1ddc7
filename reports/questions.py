"""What each of the ten questions means, for a reader of the report."""

from collections.abc import Mapping
from types import MappingProxyType

#: Place of figures that stand in a section after the ten questions.
COMPLEXITY = 11

QUESTIONS_IN_FULL: Mapping[int, str] = MappingProxyType(
    {
        1: "Are the images complete enough to be used? Images that could not be read, segmented or trusted "
        "are counted, because a generator must not gain by losing its failures; so are structures that are "
        "absent from the generated cohort.",
        2: "Does every structure have the size that it has in reference subjects of the same age, sex and "
        "head size? Head size is tested as well, because every other volume is adjusted for it.",
        3: "Do generated subjects differ from each other as much as those of the reference, and do their "
        "structures vary together in the same way? A generator can match every mean and still generate the "
        "same subject repeatedly.",
        4: "Do structures change with age as fast as in the reference?",
        5: "Do men and women differ as in the reference? The result depends on the adjustment for head size, "
        "so each convention is shown.",
        6: "When a ventricle volume, a brain volume or an age is requested, does the image show it?",
        7: "Do the images have the sharpness, noise and uniformity of the scans of the reference?",
        8: "Do the generated subjects, taken together, follow the distribution of the reference? Every "
        "distance depends on the number of subjects and is therefore shown beside the distance between two "
        "halves of the reference.",
        9: "Are the generated subjects new and different from each other, or copies of training subjects, of "
        "the reference, or of each other?",
        10: "Does a model that was trained on generated images work on real ones?",
    }
)
