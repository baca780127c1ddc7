"""Copies and near-duplicates, found in simulated vectors of known subjects."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from plausibrain.analysis.applicability import missing_capability
from plausibrain.analysis.estimates.memorisation import memorisation
from plausibrain.analysis.evaluate import Pairs, evaluate_headline
from plausibrain.analysis.headlines.copies import copies
from plausibrain.analysis.joint_design import build_frame
from plausibrain.analysis.memorisation import CHANCE, copies_interval, find_copies
from plausibrain.analysis.nearest_table import nearest_table
from plausibrain.analysis.registry import all_headlines
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import inject
from plausibrain.generation.volume_columns import DRAWN_AS
from tests.unit.analysis.feature_factory import IMAGE, NETWORK

SETTINGS = Settings(n_resamples=200, n_splits=40)
N = 100
WIDE = 30
BY_NAME = {plugin.name: plugin for plugin in all_headlines()}


def shown(cohort: Cohort, seed: int, noise: float = 0.3) -> Cohort:
    """Give every row the vector of the subject it shows (30 numbers), with the noise of a repeat."""
    anatomy = np.stack(
        [
            np.random.default_rng([int(part) for part in who.split(":")]).standard_normal(WIDE)
            for who in cohort.subjects[DRAWN_AS]
        ]
    )
    rng = np.random.default_rng(seed + 50)
    return replace(
        cohort,
        features={
            IMAGE: anatomy + noise * rng.standard_normal(anatomy.shape),
            NETWORK: anatomy[:, :12] + noise * rng.standard_normal((len(anatomy), 12)),
        },
    )


TABLES = {name: table_cohort(N, seed=seed, name=name) for name, seed in (("r", 1), ("g", 2), ("t", 3))}
REFERENCE, TRAINING = shown(TABLES["r"], 1), shown(TABLES["t"], 3)


def pairs_with(generated: Cohort, training: Cohort | None = TRAINING, reference: Cohort = REFERENCE) -> Pairs:
    samples = prepare_samples(reference, generated, min_subjects=10, training=training)
    return Pairs.of(build_frame(samples, SETTINGS))


def verdict(name: str, pairs: Pairs) -> tuple[float, str]:
    found = evaluate_headline(BY_NAME[name], pairs)
    return found.estimate, found.verdict(0.05, 25)


def test_new_subjects_are_hardly_ever_copies():
    share, said = verdict("copies", pairs_with(shown(TABLES["g"], 2)))
    # 100 draws at 5 %, against a limit that is itself an order statistic of 100: standard deviation 3 %
    assert share <= 0.15
    assert said != "fail"


@pytest.mark.parametrize(("severity", "expected"), [(0.25, "fail"), (0.5, "fail")])
def test_the_defect_copied_subjects_is_seen(severity, expected):
    """At n = 100 and a level shared with 24 other headlines a quarter of copies is not proof enough."""
    copied = inject("copied_subjects", TABLES["g"], severity=severity, seed=4, training=TABLES["t"])
    pairs = pairs_with(shown(copied, 2))
    share, said = verdict("copies", pairs)
    assert severity * 0.9 < share < severity + 0.12
    assert said == expected
    table = nearest_table(pairs.full).query("extractor == @IMAGE")
    flagged = table[table["copy"] == 1].head(round(severity * N * 0.9))
    whom = TABLES["t"].subjects.set_index("participant_id")[DRAWN_AS]
    mine = copied.subjects.set_index("participant_id")[DRAWN_AS]
    right = whom[flagged["nearest_training"]].to_numpy() == mine[flagged["participant_id"]].to_numpy()
    assert right.mean() > 0.9


def test_the_defect_mode_collapse_is_seen_as_near_duplicates_without_any_training_image():
    collapsed = inject("mode_collapse", TABLES["g"], severity=4.0, seed=5)
    share, said = verdict("near_duplicates", pairs_with(shown(collapsed, 2), training=None))
    assert share > 0.9
    assert said == "fail"
    share, said = verdict("near_duplicates", pairs_with(shown(TABLES["g"], 2), training=None))
    assert share < 0.2
    assert said != "fail"


def test_copies_everywhere_are_seen_in_both_spaces_and_by_the_published_rule():
    copied = inject("copied_subjects", TABLES["g"], severity=1.0, seed=4, training=TABLES["t"])
    table = memorisation(pairs_with(shown(copied, 2))).set_index(["quantity", "structure"])["estimate"]
    for name, least in ((IMAGE, 0.95), (NETWORK, 0.8)):  # 30 and 12 numbers per subject
        assert table["copies", name] > least
        assert table["copies_published", name] > least
    assert 0.3 < table["training_copied", IMAGE] < 1.0


def test_false_alarms_are_as_rare_as_promised():
    """Mean share over 24 worlds of new subjects within 5 % and its error; limits over few held-out ones."""
    shares, covered = [], 0
    for seed in range(24):
        rng = np.random.default_rng(seed)
        subjects = {"r": 40, "g": 40, "t": 60}
        cohorts = [
            replace(
                table_cohort(n, seed=100 + k, name=name),
                features={IMAGE: rng.standard_normal((n, 25)), NETWORK: rng.standard_normal((n, 25))},
            )
            for k, (name, n) in enumerate(subjects.items())
        ]
        frame = build_frame(prepare_samples(*cohorts[:2], min_subjects=10, training=cohorts[2]), SETTINGS)
        shares.append(find_copies(frame, IMAGE).flagged.mean())
        low, high = copies_interval(frame, 0.95)
        covered += low <= CHANCE <= high
    # one world: binomial of 40 at 5 % (3.4 %) and an order statistic of 40 (3.4 %): 5 % / sqrt(24) = 1 %
    assert np.mean(shares) == pytest.approx(CHANCE, abs=3 * 0.01)
    assert covered >= 22  # conservative: at least 95 %


def test_without_training_images_copies_are_not_measured_and_near_duplicates_are():
    frame = pairs_with(shown(TABLES["g"], 2), training=None).full.frame
    assert missing_capability("training images", frame) == (
        "needs the images that the model was trained on (--training)"
    )
    assert missing_capability("low-resolution images", frame) == ""


def test_trained_subjects_in_the_reference_are_no_held_out_subjects():
    subjects = REFERENCE.subjects.copy()
    subjects.loc[:89, ["subject", "age", "sex"]] = TRAINING.subjects.loc[:89, ["subject", "age", "sex"]]
    subjects.loc[90:, "subject"] = [f"new-{k}" for k in range(10)]
    both = replace(REFERENCE, subjects=subjects)
    frame = pairs_with(shown(TABLES["g"], 2), reference=both).full.frame
    assert missing_capability("training images", frame).startswith(
        "10 subjects of the reference were not trained on; at least 19"
    )


def test_several_images_of_one_subject_are_one_draw():
    pairs = pairs_with(shown(TABLES["g"], 2))
    alone = copies_interval(pairs.full.frame, 0.95)
    twice = shown(with_two_images(TABLES["g"]), 2)
    together = copies_interval(pairs_with(twice).full.frame, 0.95)
    assert together[1] - together[0] >= 0.9 * (alone[1] - alone[0])


def with_two_images(cohort: Cohort) -> Cohort:
    """Every subject with two images."""
    subjects = pd.concat(
        [cohort.subjects, cohort.subjects.assign(participant_id=cohort.subjects["participant_id"] + "b")]
    )
    volumes = pd.concat([cohort.volumes, cohort.volumes])
    return replace(cohort, subjects=subjects, volumes=volumes)


def test_missing_vectors_are_neither_copies_nor_neighbours():
    generated = shown(TABLES["g"], 2)
    holes = {name: matrix.copy() for name, matrix in generated.features.items()}
    holes[IMAGE][:5] = np.nan
    pairs = pairs_with(replace(generated, features=holes))
    table = nearest_table(pairs.full).query("extractor == @IMAGE").set_index("participant_id")
    missing = TABLES["g"].subjects["participant_id"][:5]
    assert table.loc[missing, ["similarity", "p_copy", "distance_generated"]].isna().all(axis=None)
    assert table.loc[missing, "nearest_training"].isna().all()
    assert table.drop(missing)["distance_generated"].notna().all()
    assert np.isfinite(copies(pairs.bootstrap)).all()


def test_a_constant_offset_of_contrast_does_not_hide_copies():
    copied = inject("copied_subjects", TABLES["g"], severity=1.0, seed=4, training=TABLES["t"])
    generated = shown(copied, 2)
    offset = {name: matrix + 0.5 for name, matrix in generated.features.items()}
    assert verdict("copies", pairs_with(replace(generated, features=offset)))[0] > 0.9


def test_the_published_rule_takes_new_subjects_for_copies_when_many_were_trained_on():
    """The nearest of 1,000 training images is nearer than the nearest of 40 held-out ones, copied or not."""
    rng = np.random.default_rng(0)
    cohorts = []
    for k, (name, n) in enumerate({"r": 40, "g": 60, "t": 1000}.items()):
        cohort = table_cohort(n, seed=k, name=name)
        subjects = cohort.subjects.assign(subject=[f"{name}{row}" for row in range(n)])
        cohorts.append(replace(cohort, subjects=subjects, features={IMAGE: rng.standard_normal((n, 25))}))
    frame = build_frame(prepare_samples(*cohorts[:2], min_subjects=10, training=cohorts[2]), SETTINGS)
    found = find_copies(frame, IMAGE)
    assert np.mean(found.generated.similarity > found.published_limit) > 0.5
    assert found.flagged.mean() < 0.2


def test_every_generated_image_has_its_nearest_held_out_subject():
    """Against a loop over subjects: correlation of standardised deviations from the mean training image."""
    generated = shown(TABLES["g"], 2)
    subjects = REFERENCE.subjects.assign(subject=[f"new-{k}" for k in range(N)])  # nobody was trained on
    pair = pairs_with(generated, reference=replace(REFERENCE, subjects=subjects)).full
    table = nearest_table(pair).query("extractor == @IMAGE").set_index("participant_id")
    trained = TRAINING.features[IMAGE].astype(np.float32)
    middle, spread = trained.mean(axis=0), trained.std(axis=0)
    for row in (0, 17, 99):
        own = (generated.features[IMAGE][row] - middle) / spread
        alike = [
            float(own @ other / np.linalg.norm(own) / np.linalg.norm(other))
            for other in (REFERENCE.features[IMAGE] - middle) / spread
        ]
        line = table.loc[generated.subjects["participant_id"][row]]
        assert line["similarity_held_out"] == pytest.approx(max(alike), abs=1e-5)
        assert line["nearest_held_out"] == REFERENCE.subjects["participant_id"][int(np.argmax(alike))]


def test_the_table_names_trained_subjects_of_the_reference_never_as_held_out():
    subjects = REFERENCE.subjects.copy()
    subjects.loc[:59, ["subject", "age", "sex"]] = TRAINING.subjects.loc[:59, ["subject", "age", "sex"]]
    subjects.loc[60:, "subject"] = [f"new-{k}" for k in range(40)]
    table = nearest_table(
        pairs_with(shown(TABLES["g"], 2), reference=replace(REFERENCE, subjects=subjects)).full
    )
    assert set(table["nearest_held_out"]) <= set(subjects["participant_id"][60:])


def test_the_share_of_near_duplicates_in_the_table_is_the_headline():
    collapsed = inject("mode_collapse", TABLES["g"], severity=1.5, seed=5)
    pairs = pairs_with(shown(collapsed, 2), training=None)
    table = nearest_table(pairs.full).query("extractor == @IMAGE")
    assert table["near_duplicate"].mean() == pytest.approx(verdict("near_duplicates", pairs)[0])
    assert table["near_duplicate"].mean() > 0.1
    beyond = table["distance_generated"] < table["limit_generated"]
    assert (
        beyond == (table["near_duplicate"] == 1)
    ).all()  # as many generated as real subjects, so all were compared
