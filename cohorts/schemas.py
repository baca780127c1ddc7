"""The tables of a run folder: every column with its type, description and unit."""

from plausibrain.cohorts.tables import Column, Schema

_COHORT = Column("cohort", "str", "reference or generated")
_ID = Column("participant_id", "str", "Row key, unique within its cohort")
_STRUCTURE = Column("structure", "str", "FreeSurfer name, TIV, a region, or empty for the whole brain")
_STATUS = Column("status", "str", "ok, or why there is no value: excluded, not_applicable, failed")
_REASON = Column("reason", "str", "In words, why the status is not ok")

NETWORK_AGE, NETWORK_SEX = "network_age", "network_sex_score"
SUBJECTS_COLUMNS = (
    _ID,
    Column("subject", "str", "Cluster: rows of one subject, or of one requested metadata row, share it"),
    Column("age", "float", "Age at the scan, or the requested age of a generated image", "years"),
    Column("sex", "str", "M or F"),
    Column("site", "str", "Scanner or study site"),
    Column("diagnosis", "str", "Diagnosis or group, as given"),
    Column("session", "str", "Session, visit or run, as given"),
    Column("seed", "int", "Seed of a generated image"),
    Column("requested_age", "float", "Age asked of the generator", "years"),
    Column("requested_sex", "str", "Sex asked of the generator, M or F"),
    Column("requested_ventricle_mm3", "float", "Raw ventricular volume asked of the generator", "mm3"),
    Column("requested_brain_mm3", "float", "Raw brain volume (all tissue) asked of the generator", "mm3"),
    Column(
        "requested_brain_normalised_mm3",
        "float",
        "Brain volume normalised for head size (tissue over TIV, times a standard head) asked for",
        "mm3",
    ),
    Column(NETWORK_AGE, "float", "Age that a network trained on the reference sees in the image", "years"),
    Column(NETWORK_SEX, "float", "Its score of sex, positive for men"),
)
SUBJECTS_OPTIONAL = tuple(column.name for column in SUBJECTS_COLUMNS[4:])

SUBJECTS = Schema(
    "subjects",
    (_COHORT, *SUBJECTS_COLUMNS, _STATUS, _REASON),
    description="Subjects of both cohorts; excluded rows stay, with the reason.",
    extra=Column("{name}", "str", "Further column of the participants table, as given"),
    optional=SUBJECTS_OPTIONAL,
)

PARTICIPANTS = Schema(
    "participants",
    (*SUBJECTS_COLUMNS, _STATUS, _REASON),
    description="Subjects of one cohort, as BIDS keeps them.",
    extra=SUBJECTS.extra,
    optional=(*SUBJECTS_OPTIONAL, "status", "reason"),
)

VOLUMES = Schema(
    "volumes",
    (_COHORT, _ID),
    description="One row per image or subject, one column per structure.",
    extra=Column("{structure}", "float", "Volume of the structure", "mm3"),
)

QC = Schema(
    "qc",
    (_COHORT, _ID),
    description="Quality of the segmentation per group of structures.",
    extra=Column("{group}", "float", "Quality score of the group, 0 (bad) to 1 (good)"),
)

SUBJECT_VOLUMES = Schema("volumes", (_ID,), extra=VOLUMES.extra, description="Volumes of one cohort.")
SUBJECT_QC = Schema("qc", (_ID,), extra=QC.extra, description="Quality of the segmentation of one cohort.")

MEASURES = Schema(
    "measures",
    (
        _COHORT,
        _ID,
        Column("metric", "str", "Name of the measure, as in the catalogue"),
        _STRUCTURE,
        Column("value", "float", "The measured value, in the unit of this row"),
        Column("unit", "str", "Unit of the value, empty for none"),
        _STATUS,
        _REASON,
    ),
    description="Image quality: one row per image, measure and structure.",
)

MEASURE_NAMES = Schema(
    "measure_names",
    (
        Column("name", "str", "Name in results.tsv: the measure, and its part where it has several"),
        Column("metric", "str", "Name of the measure"),
        Column("structure", "str", "Which of its numbers, empty where it has one"),
        Column("label", "str", "What a page calls it"),
        Column("unit", "str", "Unit of the value, empty for none"),
        Column("better", "str", "higher, lower or closer (to the reference)"),
        Column("judged", "bool", "Whether question 7 is about it; otherwise it only describes the images"),
        Column("meaning", "str", "What it is, in a sentence"),
        Column("source", "str", "Keys in references.bib"),
    ),
    description="What the measures of image quality are called and mean.",
)

RESULTS = Schema(
    "results",
    (
        Column("question", "int", "Question of the scorecard, 1 to 10"),
        Column("analysis", "str", "Name of the analysis"),
        Column("quantity", "str", "What is estimated, for example hedges_g, sd_ratio, age_slope"),
        _STRUCTURE,
        Column(
            "stratum",
            "str",
            "all, F, M, an age decade such as 60-69, both such as F 60-69, or a range of requests",
        ),
        Column("headsize", "str", "Head-size convention: none, share, pooled_residual or covariate"),
        Column("cohort", "str", "reference, generated or difference"),
        Column("estimate", "float", "The estimate, in the unit of this row"),
        Column("ci_low", "float", "Lower end of the interval"),
        Column("ci_high", "float", "Upper end of the interval"),
        Column("ci_level", "float", "Confidence level of the interval"),
        Column("p", "float", "Two-sided p value against no effect"),
        Column(
            "q", "float", "Benjamini-Hochberg, within analysis, quantity, stratum and head-size convention"
        ),
        Column("p_equivalence", "float", "p value of the two one-sided tests against the margin"),
        Column("n_reference", "int", "Subjects of the reference in the estimate"),
        Column("n_generated", "int", "Subjects of the generated cohort in the estimate"),
        Column("null_median", "float", "Median of the same quantity, reference against reference"),
        Column("null_low", "float", "2.5 % quantile of the same quantity, reference against reference"),
        Column("null_high", "float", "97.5 % quantile of the same quantity, reference against reference"),
        Column(
            "matched_median",
            "float",
            "Median of reference against generated at the n of the null, where the quantity depends on n",
        ),
        Column("matched_low", "float", "2.5 % quantile of the same quantity at the n of the null"),
        Column("matched_high", "float", "97.5 % quantile of the same quantity at the n of the null"),
        Column("n_null", "int", "Subjects on each side of the null and of the matched value"),
        Column("margin_low", "float", "Lower end of the equivalence margin"),
        Column("margin_high", "float", "Upper end of the equivalence margin"),
        Column("pass_low", "float", "Lower end of the interval that must lie inside the margin for a pass"),
        Column("pass_high", "float", "Upper end of that interval, 90 % unless alpha was changed"),
        Column("fail_low", "float", "Lower end of the interval that must exclude no effect for a fail"),
        Column("fail_high", "float", "Upper end of that interval, at the corrected level"),
        Column("mde", "float", "Smallest effect that this n detects with 80 % power"),
        Column("unit", "str", "Unit of estimate, interval, null and margin"),
        Column("verdict", "str", "pass, fail, inconclusive, not judged, or empty"),
        _STATUS,
        _REASON,
    ),
    description="One row per estimate.",
)

DRAWS = Schema(
    "draws",
    (Column("draw", "int", "Number of the resample"),),
    description="Bootstrap draws; one column per headline.",
    extra=Column("{headline}", "float", "Value of the headline in this resample"),
)

NULL_DRAWS = Schema(
    "null_draws",
    (
        Column("split", "int", "Number of the split of the reference into disjoint halves"),
        Column("headline", "str", "Name of the headline"),
        Column("null", "float", "One half against the other"),
        Column("matched", "float", "Generated cohort against the reference at the same n"),
    ),
    description="Reference against reference, beside the generated cohort at the same n.",
)

BALANCE = Schema(
    "balance",
    (
        Column("variable", "str", "age, sex or site"),
        Column("level", "str", "Level of a categorical variable, else empty"),
        Column("reference", "float", "Mean (years) or share in the reference"),
        Column("generated", "float", "Mean (years) or share in the generated cohort"),
        Column("reference_sd", "float", "Standard deviation in the reference"),
        Column("generated_sd", "float", "Standard deviation in the generated cohort"),
        Column("smd", "float", "Standardised mean difference, generated minus reference", "SD"),
        Column("n_reference", "int", "Subjects of the reference"),
        Column("n_generated", "int", "Subjects of the generated cohort"),
    ),
    description="Are the two cohorts of the same age, sex and site?",
)

CURVES = Schema(
    "curves",
    (
        _STRUCTURE,
        Column("sex", "str", "M, F or all"),
        Column("age", "float", "Age", "years"),
        Column("cohort", "str", "reference or generated"),
        Column("estimate", "float", "Expected volume at this age", "mm3"),
        Column("ci_low", "float", "Lower end of the interval", "mm3"),
        Column("ci_high", "float", "Upper end of the interval", "mm3"),
    ),
    description="Age curves for figures.",
)

CORRELATIONS = Schema(
    "correlations",
    (
        Column("structure_a", "str", "First structure"),
        Column("structure_b", "str", "Second structure"),
        Column("reference", "float", "Correlation over subjects in the reference"),
        Column("generated", "float", "Correlation over subjects in the generated cohort"),
    ),
    description="Correlations between structures in both cohorts.",
)

DOSE = Schema(
    "dose",
    (
        _ID,
        Column("condition", "str", "Which condition was requested"),
        Column("requested", "float", "Requested value, in the unit of this row"),
        Column("measured", "float", "Measured value, in the unit of this row"),
        Column("unit", "str", "Unit of both values"),
    ),
    description="Requested against measured conditions, one row per image and condition.",
)

PAIRS = Schema(
    "pairs",
    (
        _COHORT,
        Column("first", "str", "participant_id of one image"),
        Column("second", "str", "participant_id of the other image, of another subject"),
        _REASON,
    ),
    description="Similarity of pairs of images within each cohort, aligned rigidly.",
    extra=Column("{similarity}", "float", "Similarity of the two images, 1 for equal ones"),
)

NEAREST = Schema(
    "nearest",
    (
        _ID,
        Column("extractor", "str", "Space in which images are compared, with the hash of its settings"),
        Column("nearest_training", "str", "participant_id of the most similar training image"),
        Column("similarity", "float", "Correlation with it, of deviations from the mean training image"),
        Column("p_copy", "float", "Share of new real subjects at least as similar to their nearest"),
        Column("copy", "float", "1 when it counts as a copy, 0 when not"),
        Column("limit", "float", "Smallest similarity that counts as a copy"),
        Column(
            "nearest_held_out", "str", "participant_id of the most similar reference image not trained on"
        ),
        Column("similarity_held_out", "float", "Correlation with it, of the same deviations"),
        Column("nearest_generated", "str", "participant_id of the nearest other generated subject"),
        Column("distance_generated", "float", "Distance to it, in the unit of the vectors"),
        Column(
            "near_duplicate",
            "float",
            "1 when it has a near-duplicate among as many images as there are real ones, 0 when not",
        ),
        Column("limit_generated", "float", "Distance below which another subject is a near-duplicate"),
    ),
    description="For every generated image the training image and the generated image most like it.",
)

CASES = Schema(
    "cases",
    (
        _COHORT,
        _ID,
        Column("question", "int", "Question of the scorecard that the deviation belongs to"),
        Column("score", "float", "Largest deviation over its 95th percentile among real subjects"),
        Column("about", "str", "Structure or measure that deviates most"),
        Column("deviation", "float", "Its deviation from what age and sex predict", "SD"),
    ),
    description="How unusual every subject is beside real subjects of the same age and sex, and in what.",
)

PLAUSIBILITY = Schema(
    "plausibility",
    (
        _COHORT,
        _ID,
        Column("rank", "int", "1 for the least plausible subject of the cohort"),
        Column("distance", "float", "Robust distance from the reference given age and sex, all volumes"),
        Column("share_as_far", "float", "Share of reference subjects at least as far away", "share"),
        Column("reasons", "str", "Structures that add most to the distance, with their deviations"),
    ),
    description="How plausible every subject is as a whole, beside real subjects of the same age and sex.",
)

SWEEP_VERDICTS = Schema(
    "sweep_verdicts",
    (
        Column("quantity", "str", "slope of measured on requested, or the measure that a request leaks into"),
        Column("range", "str", "Which images: inside or outside the range of the reference"),
        Column("unit", "str", "Unit of estimate and margin"),
        Column("n_strips", "int", "Strips: subjects with one noise while one condition varies"),
        Column("estimate", "float", "Mean over strips"),
        Column("ci_low", "float", "Lower end of its confidence interval"),
        Column("ci_high", "float", "Upper end of its confidence interval"),
        Column("margin_low", "float", "Lowest value that counts as good"),
        Column("margin_high", "float", "Highest value that counts as good"),
        Column("p", "float", "p value of *fail*, before Holm's correction; 1 within the margin"),
        Column("verdict", "str", "pass, fail, inconclusive, not judged or not measured"),
        _REASON,
    ),
    description="Verdicts on a sweep of one condition.",
)

GEOMETRY = Schema(
    "geometry",
    (
        Column("structure", "str", "Cortical parcel"),
        Column("fractal_dimension", "float", "Box-counting dimension, mean over subjects"),
        Column("gyrification", "float", "Surface over envelope, mean over subjects"),
        Column("n", "int", "Subjects in whom the parcel was measured"),
        Column("source", "str", "reference (measured in this run's reference) or typical (of the package)"),
    ),
    description="How folded the cortex of a cohort is, one row per parcel.",
)

COMPLEXITY = Schema(
    "complexity",
    (
        Column("measure", "str", "fractal_dimension or gyrification"),
        Column("error", "str", "Quantity of the results whose size is compared with it"),
        Column("label", "str", "What that is"),
        Column("n_parcels", "int", "Parcels of regions that both hemispheres have"),
        Column("rho", "float", "Spearman correlation over parcels"),
        Column("ci_low", "float", "Lower end of its confidence interval over regions"),
        Column("ci_high", "float", "Upper end of its confidence interval over regions"),
        Column("margin", "float", "Largest correlation, either way, that counts as none"),
        Column("p", "float", "Two-sided, by permutation within lobes, both hemispheres alike"),
        Column("verdict", "str", "pass, fail, inconclusive or not measured"),
        _REASON,
    ),
    description="Association of errors with the geometric complexity of the cortex.",
)

CURATION = Schema(
    "curation",
    (
        _ID,
        Column("rank", "int", "1 for the most plausible subject"),
        Column("keep", "int", "1 when it is among the share that is kept, 0 when not"),
        Column("distance", "float", "Robust distance from the reference given age and sex, all volumes"),
        Column("share_as_far", "float", "Share of reference subjects at least as far away", "share"),
        Column("reasons", "str", "Structures that add most to the distance, with their deviations"),
        Column("quality_score", "float", "Largest deviation of image quality over its usual size, or empty"),
        Column("quality_about", "str", "Quality measure that deviates most, or empty"),
        Column("age", "float", "Age at the scan, or requested", "years"),
        Column("sex", "str", "M or F"),
    ),
    description="Generated subjects by plausibility, the most plausible first.",
)

SLICES = Schema(
    "slices",
    (
        Column("file", "str", "Picture below slices/"),
        Column("question", "int", "Question whose section shows it; 0 for the random images"),
        Column(
            "group", "str", "Why: random, worst, typical, lowest quality, excluded, copies or near-duplicates"
        ),
        Column("pair", "int", "A chosen image and those shown beside it share a number"),
        Column("cohort", "str", "reference, generated or training"),
        _ID,
        Column("age", "float", "Age at the scan, or requested", "years"),
        Column("sex", "str", "M or F"),
        Column("about", "str", "Structure or measure that stands out, or empty"),
        Column("deviation", "float", "Its deviation from what age and sex predict", "SD"),
        Column(
            "likeness",
            "float",
            "To the first of the pair: correlation (copies) or distance (near-duplicates)",
        ),
        Column(
            "limit", "float", "Likeness from which it counts as a copy, or below which as a near-duplicate"
        ),
        Column("verdict", "str", "copy, not a copy, near-duplicate, not a near-duplicate, or empty"),
        Column("volume", "str", "Small volume below slices/ for looking around in, or empty"),
        _REASON,
    ),
    description="Pictures of images chosen by rule and seed.",
)

NOTES = Schema(
    "notes",
    (
        Column("cohort", "str", "reference, generated, or empty for both"),
        Column("kind", "str", "duplicate, coerced, excluded, ignored or warning"),
        Column("column", "str", "Column that it is about, or empty"),
        Column("row", "int", "Line of the file as a subject sees it (the header is line 1), or missing"),
        Column("value", "str", "Example of what was found"),
        Column("message", "str", "What was done, in words"),
    ),
    description="What was coerced, excluded or found odd when the cohorts were read.",
)

AUDIT = Schema(
    "audit",
    (
        Column("defect", "str", "Injected defect, or none"),
        Column("label", "str", "What it is called"),
        Column("severity", "float", "Size of the defect, in the unit of this row"),
        Column("unit", "str", "Unit of the severity"),
        Column("question", "int", "Question of the scorecard; 0 for the whole scorecard"),
        Column("headline", "str", "Name of the headline; empty for a question as a whole"),
        Column("declared", "int", "1 when the defect declares that this question must see it"),
        Column("trials", "int", "Simulated pairs of cohorts"),
        Column("n_fail", "int", "Trials that said no"),
        Column("n_pass", "int", "Trials that said yes"),
        Column("n_inconclusive", "int", "Trials that could not tell"),
        Column("share_fail", "float", "Share of trials that said no: power, or the false-alarm rate"),
        Column("ci_low", "float", "Lower end of the 95 % interval of that share (Clopper-Pearson)"),
        Column("ci_high", "float", "Upper end of the 95 % interval of that share (Clopper-Pearson)"),
        Column("subjects", "int", "Subjects per cohort"),
    ),
    description="Power and false alarms of every verdict on injected defects.",
)

AUDIT_IMAGES = Schema(
    "audit_images",
    (
        Column("defect", "str", "Injected defect, or none"),
        Column("label", "str", "What it is called"),
        Column("severity", "float", "Size of the defect, in the unit of this row"),
        Column("unit", "str", "Unit of the severity"),
        Column("level", "str", "table: true volumes were changed and drawn; image: the images were changed"),
        Column("subjects", "int", "Subjects per cohort"),
        Column("question", "int", "Question of the scorecard"),
        Column("declared", "int", "1 when the defect declares that this question must see it"),
        Column("headline", "str", "Name of the headline; empty for a question as a whole"),
        Column("headline_label", "str", "What the headline or the question is called"),
        Column("verdict", "str", "pass, fail, inconclusive, not judged, not measured, or refused (too few)"),
        Column("estimate", "float", "Value of the headline"),
        Column("ci_low", "float", "Lower end of its interval"),
        Column("ci_high", "float", "Upper end of its interval"),
        Column("null_low", "float", "Lower end of split-half reference at the same n"),
        Column("null_high", "float", "Upper end of split-half reference at the same n"),
    ),
    description="What the whole instrument said about one cohort of images per injected defect.",
)

SCHEMAS = {
    schema.name: schema
    for schema in (
        SUBJECTS,
        VOLUMES,
        QC,
        MEASURES,
        MEASURE_NAMES,
        RESULTS,
        DRAWS,
        NULL_DRAWS,
        BALANCE,
        CURVES,
        CORRELATIONS,
        DOSE,
        PAIRS,
        NEAREST,
        CASES,
        PLAUSIBILITY,
        CURATION,
        SWEEP_VERDICTS,
        GEOMETRY,
        COMPLEXITY,
        SLICES,
        NOTES,
        AUDIT,
        AUDIT_IMAGES,
    )
}
"""All tables of a run folder by name."""
