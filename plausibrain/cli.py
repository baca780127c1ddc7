"""The command line: what to run. Every command reads and writes files; nothing is computed here."""

import json
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from plausibrain.cohorts.errors import DataError, PlausibrainError
from plausibrain.help_layout import GroupedHelp
from plausibrain.output_paths import writable_file, writable_folder

EXIT_DATA_ERROR = 2

app = typer.Typer(
    name="plausibrain",
    cls=GroupedHelp,
    help="A benchmark for generative models of T1-weighted brain MRI: are the brains anatomically plausible?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Out = Annotated[Path, typer.Option("--out", callback=writable_folder, help="Folder to write.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")]
Device = Annotated[str, typer.Option(help="auto (a GPU where there is one), cpu, cuda or cuda:1.")]
Processes = Annotated[
    int,
    typer.Option(min=0, help="Processes; 0 for as many as cores and memory allow. No number depends on it."),
]
Executor = Annotated[str, typer.Option(help="processes (of this machine) or dask.")]
Scheduler = Annotated[str | None, typer.Option(help="Address of a Dask scheduler, e.g. tcp://node:8786.")]
ClusterFile = Annotated[
    Path | None, typer.Option("--cluster", help="YAML file of a cluster to start: kind, workers, options.")
]
ShareOf = Annotated[
    str,
    typer.Option("--share", help="Put only these images into the store, e.g. 0/4: the first of four parts."),
]
Sbatch = Annotated[
    int,
    typer.Option("--sbatch", min=0, help="Print a script by which SLURM runs so many shares; run nothing."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


#: Options of `generate` that only the simulator has.
OF_SIMULATOR = ("n", "youngest", "oldest", "voxel", "skull_strip", "defect", "severity", "processes")


def main() -> None:
    """Run the command line; errors of the project end in one line on stderr and exit code 2."""
    try:
        app()
    except PlausibrainError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        print("plausibrain: stopped", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _fail(
            f"{place}{error.strerror or error}; what was finished stays and is found again; "
            "make room or correct the path, then repeat the command"
        )
    except Exception:
        # Exit code 1 means "fail" to whoever runs `plausibrain check`, so a fault of ours must not have it.
        traceback.print_exc()
        _fail("this is a fault of plausibrain; please report the lines above")


def _show_version(flag: bool) -> None:  # noqa: FBT001 - typer calls it
    if flag:
        print(f"plausibrain {version('plausibrain')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that stand before the command."""


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _refuse(context: typer.Context, names: Sequence[str], rule: str) -> None:
    """Refuse options that were given and that would be ignored."""
    flags = [f"--{name.replace('_', '-')}" for name in names if _was_given(context, name)]
    if flags:
        raise DataError(f"{' and '.join(flags)} {'goes' if len(flags) == 1 else 'go'} with {rule}")


def _show(as_json: bool, line: str, **facts: Any) -> None:  # noqa: FBT001 - the flag of every command
    """Print what a command did: one line, or its facts as JSON."""
    print(json.dumps(facts, indent=1, ensure_ascii=False, default=str) if as_json else line)


def _fail(message: str) -> NoReturn:
    print(f"plausibrain: {message}", file=sys.stderr)
    sys.exit(EXIT_DATA_ERROR)


@app.command()
def run(
    config: Annotated[Path | None, typer.Argument(help="YAML file; or give the flags below.")] = None,
    *,
    reference: Annotated[
        Path | None, typer.Option(help="Reference cohort: BIDS folder, images with a table, or a table.")
    ] = None,
    generated: Annotated[
        Path | None, typer.Option(help="Generated cohort, in any of the same forms.")
    ] = None,
    generator: Annotated[
        str | None, typer.Option(help="Generative model that samples it here, such as ldm.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Checkpoint for --generator (default: the bundled small model).")
    ] = None,
    conditions: Annotated[
        Path | None, typer.Option(help="Conditions to sample (default: those of the reference subjects).")
    ] = None,
    n_images: Annotated[
        int | None,
        typer.Option(min=1, help="Number of images without --conditions (default: that of the reference)."),
    ] = None,
    generator_option: Annotated[
        list[str] | None, typer.Option(help="Option of the generator, as name=value.")
    ] = None,
    training: Annotated[
        Path | None, typer.Option(help="Images that the model was trained on, to look for copies.")
    ] = None,
    independent: Annotated[
        Path | None,
        typer.Option(help="Patients and controls (column diagnosis): is accelerated ageing the same?"),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder to write.")] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder that runs share, so that each image is measured once.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Title of the report.")] = None,
    reference_name: Annotated[str | None, typer.Option(help="What the report calls the reference.")] = None,
    generated_name: Annotated[
        str | None, typer.Option(help="What the report calls the generated cohort.")
    ] = None,
    reference_sex_coding: Annotated[
        str | None, typer.Option(help='Meaning of sex codes, e.g. "1=M,0=F".')
    ] = None,
    generated_sex_coding: Annotated[
        str | None, typer.Option(help='Meaning of sex codes, e.g. "1=M,0=F".')
    ] = None,
    independent_sex_coding: Annotated[
        str | None, typer.Option(help='Meaning of sex codes, e.g. "1=M,0=F".')
    ] = None,
    reference_age_unit: Annotated[str | None, typer.Option(help="years, months, weeks or days.")] = None,
    generated_age_unit: Annotated[str | None, typer.Option(help="years, months, weeks or days.")] = None,
    reference_volumes: Annotated[
        str | None, typer.Option(help="Tables of volumes of the reference, e.g. aseg.tsv,lh.tsv,rh.tsv.")
    ] = None,
    generated_volumes: Annotated[
        str | None, typer.Option(help="Tables of volumes of the generated cohort, with commas between.")
    ] = None,
    reference_images: Annotated[
        str | None, typer.Option(help="Which images: a pattern, or BIDS entities, e.g. acq=mprage.")
    ] = None,
    generated_images: Annotated[
        str | None, typer.Option(help="Which images: a pattern, or BIDS entities, e.g. acq=mprage.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="What the generator's files mean, as in `import`: wdm_3d, brlp, …")
    ] = None,
    voxel: Annotated[str | None, typer.Option(help="With --preset: voxel size, mm, e.g. 1,1,1.")] = None,
    orientation: Annotated[
        str | None, typer.Option(help="With --preset: where the axes lead, e.g. LPS.")
    ] = None,
    table: Annotated[Path | None, typer.Option(help="With --preset: conditions, one row per image.")] = None,
    segmenter: Annotated[
        str | None, typer.Option(help="Program that measured both tables, or that shall segment images.")
    ] = None,
    segmenter_option: Annotated[
        list[str] | None, typer.Option(help="Option of the segmenter, as name=value.")
    ] = None,
    repeats: Annotated[
        str | None, typer.Option(help="first: keep the first of rows with the same id.")
    ] = None,
    noise: Annotated[
        Path | None, typer.Option(help="Table of measurement noise (plausibrain noise) for the margins.")
    ] = None,
    resamples: Annotated[
        int | None, typer.Option(min=100, help="Bootstrap resamples (default: 2000).")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Seed of every random step, sampling of images too (default: 0)."),
    ] = None,
    processes: Processes = 0,
    device: Device = "auto",
    executor: Executor = "processes",
    scheduler: Scheduler = None,
    cluster: ClusterFile = None,
    share: ShareOf = "",
    sbatch: Sbatch = 0,
    headsize: Annotated[
        str | None,
        typer.Option(help="none, share, pooled_residual or covariate (default: covariate)."),
    ] = None,
    tables: Annotated[
        str | None, typer.Option(help="Form of the tables of the run: tsv or parquet (default: tsv).")
    ] = None,
    keep_labels: Annotated[
        str | None,
        typer.Option(help="Label maps to keep: none, sample (those shown) or all (default: all)."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a finished run with another protocol or inputs.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the inputs and say what the run costs; write nothing.")
    ] = False,
    site: Annotated[
        str | None,
        typer.Option(help="Compare within sites of the reference: none, factor or random (default: none)."),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare a generated cohort with a reference cohort and write a report."""
    from plausibrain.executors import executor_of
    from plausibrain.features import check_extractors
    from plausibrain.finished_run import require_same_or_overwrite
    from plausibrain.flags import (
        config_from_flags,
        import_from_flags,
        n_processes,
        name_value_pairs,
        paths_of,
        uses_gpu,
    )
    from plausibrain.forecast import forecast
    from plausibrain.pipeline import run as run_pipeline
    from plausibrain.pipeline import visit_share
    from plausibrain.progress import progress_bar
    from plausibrain.shares import parsed_share

    segmenting = name_value_pairs(segmenter_option or ()) or None
    sources: dict[str, dict[str, Any]] = {
        "reference": {"path": reference, "name": reference_name, "sex_coding": reference_sex_coding,
                      "age_unit": reference_age_unit, "segmenter": segmenter, "repeats": repeats,
                      "segmenter_options": segmenting, "volumes": paths_of(reference_volumes),
                      "images": reference_images},
        "generated": {"path": generated, "name": generated_name, "sex_coding": generated_sex_coding,
                      "age_unit": generated_age_unit, "segmenter": segmenter, "repeats": repeats,
                      "segmenter_options": segmenting, "volumes": paths_of(generated_volumes),
                      "images": generated_images},
        "training": {"path": training},
        "independent": {"path": independent, "sex_coding": independent_sex_coding, "segmenter": segmenter},
    }  # fmt: skip
    sources["generated"]["import_as"] = import_from_flags(preset, voxel, orientation, table)
    settings = {"n_resamples": resamples, "seed": seed, "headsize": headsize, "site": site}
    sampling = {"model": generator, "checkpoint": checkpoint, "conditions": conditions, "n": n_images,
             "options": name_value_pairs(generator_option or ()) or None}  # fmt: skip
    plan = config_from_flags(
        config, sources, settings, out=out, name=name, noise=noise, cache=cache, generator=sampling,
        storage={"tables": tables, "keep_labels": keep_labels},
    )  # fmt: skip
    for folder in (plan.out, plan.cache):
        writable_folder(folder)
    require_same_or_overwrite(plan, overwrite=overwrite)
    if dry_run:
        if plan.images.extractors:
            check_extractors(plan.images)
        n, gpu = n_processes(processes, "cpu"), uses_gpu(device)
        cost = forecast(plan, n_processes=min(n, 2) if gpu and processes <= 0 else n, gpu=gpu)
        _show(as_json, cost.text, **cost.as_dict())
        return
    if sbatch:
        _print_array(sbatch)
        return
    place = executor_of(executor, scheduler=scheduler, cluster=cluster)
    if share:
        with progress_bar(f"share {share}", quiet=quiet) as progress, place:
            visit_share(
                plan, parsed_share(share), n_processes=n_processes(processes, device), device=device,
                progress=progress,
            )  # fmt: skip
        _show(as_json, f"share {share} of the images is in the store", share=share)
        return
    with progress_bar("analysis", quiet=quiet) as progress, place:
        page = run_pipeline(
            plan, n_processes=n_processes(processes, device), device=device, progress=progress
        )
    _show_run(plan.out, page, as_json=as_json)


def _print_array(n_shares: int) -> None:
    """Print the script that starts this command as an array of shares."""
    from plausibrain.shares import array_script

    words, skip = [], False
    for word in sys.argv[1:]:
        if skip or word.startswith("--sbatch="):
            skip = False
        elif word == "--sbatch":
            skip = True
        else:
            words.append(word)
    print(array_script(["plausibrain", *words], n_shares), end="")


def _show_run(folder: Path, page: Path, *, as_json: bool) -> None:
    scorecard = json.loads((folder / "scorecard.json").read_text(encoding="utf-8"))
    if as_json:
        print(json.dumps(scorecard, indent=1, ensure_ascii=False))
        return
    for question in scorecard["questions"]:
        print(f"{question['number']:>2}  {question['name']:<28} {question['verdict']}")
    print(f"\n{scorecard['sentence']}\n\nreport: {page}")


@app.command()
def segment(
    cohort: Annotated[Path, typer.Argument(help="BIDS folder, or a folder of images with a table.")],
    *,
    out: Out,
    segmenter: Annotated[
        str, typer.Option(help="One of `plausibrain metrics`; options of it with --option.")
    ] = "synthseg_style",
    images: Annotated[
        str | None, typer.Option(help="Pattern of the image files, or BIDS entities, e.g. acq=mprage.")
    ] = None,
    participants: Annotated[
        Path | None, typer.Option(help="Table of participants, if it lies elsewhere.")
    ] = None,
    sex_coding: Annotated[str | None, typer.Option(help='Meaning of sex codes, e.g. "1=M,0=F".')] = None,
    processes: Processes = 0,
    device: Device = "auto",
    executor: Executor = "processes",
    scheduler: Scheduler = None,
    cluster: ClusterFile = None,
    share: ShareOf = "",
    sbatch: Sbatch = 0,
    option: Annotated[list[str] | None, typer.Option(help="Option of the segmenter, as name=value.")] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Segment the images of a cohort and write its volumes; resumes where a killed run stopped."""
    from plausibrain.cohorts.cohort import read_cohort
    from plausibrain.evaluation.segment_files import segmenters
    from plausibrain.executors import executor_of
    from plausibrain.flags import n_processes, name_value_pairs
    from plausibrain.imaging import segment as segment_images
    from plausibrain.imaging import segment_share
    from plausibrain.progress import progress_bar
    from plausibrain.shares import parsed_share

    _ = segmenters()[segmenter]  # a wrong name is told before anything is read
    subjects = read_cohort(
        cohort, participants=participants, images=images, sex_coding=sex_coding, min_subjects=1
    )
    if sbatch:
        _print_array(sbatch)
        return
    place = executor_of(executor, scheduler=scheduler, cluster=cluster)
    how: dict[str, Any] = {
        "segmenter": segmenter, "n_processes": n_processes(processes, device), "device": device,
        "options": name_value_pairs(option or ()),
    }  # fmt: skip
    if share:
        with progress_bar(f"share {share}", quiet=quiet) as progress, place:
            n = segment_share(subjects, out, parsed_share(share), progress=progress, **how)
        _show(as_json, f"share {share}: {n} images are in the store", share=share, n_images=n)
        return
    with progress_bar("segment", quiet=quiet) as progress, place:
        measured = segment_images(subjects, out, progress=progress, **how)
    record = out / "segmentation.tsv"
    n_ok = int((measured.subjects["status"] == "ok").sum())
    _show(
        as_json,
        f"{n_ok} of {len(measured)} images measured; cohort: {out}; what happened: {record}",
        cohort=out, n_images=len(measured), n_measured=n_ok, record=record,
    )  # fmt: skip
    if n_ok == 0:
        why = str(measured.subjects["reason"].mode().iloc[0])
        _fail(f"no image of {cohort} could be measured; the commonest reason: {why}")


@app.command()
def generate(
    context: typer.Context,
    *,
    out: Out,
    model: Annotated[str, typer.Option(help="simulator, or a model of `plausibrain metrics`.")] = "simulator",
    checkpoint: Annotated[
        Path | None, typer.Option(help="Folder of a trained model or a bundle; the package's by default.")
    ] = None,
    conditions: Annotated[
        Path | None, typer.Option(help="Table of conditions, or a cohort folder; one image per row.")
    ] = None,
    new_seeds: Annotated[bool, typer.Option("--new-seeds", help="Ignore the table's column seed.")] = False,
    sex_coding: Annotated[str | None, typer.Option(help='Meaning of sex codes, e.g. "1=M,0=F".')] = None,
    share: Annotated[str, typer.Option(help="Only the rows of one of several workers, e.g. 0/4.")] = "",
    option: Annotated[list[str] | None, typer.Option(help="Option of the model, as name=value.")] = None,
    n: Annotated[int, typer.Option(min=1, help="Number of subjects.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Seed; subject i depends on (seed, i) alone.")] = 0,
    youngest: Annotated[float, typer.Option(min=18, help="Minimum age (years).")] = 18.0,
    oldest: Annotated[float, typer.Option(max=90, help="Maximum age (years).")] = 90.0,
    voxel: Annotated[float, typer.Option(min=0.5, max=4, help="Voxel size, mm.")] = 1.0,
    skull_strip: Annotated[bool, typer.Option("--skull-strip", help="Brain and its fluid only.")] = False,
    defect: Annotated[
        str | None, typer.Option(help="Injected defect of subjects or volumes, see `plausibrain metrics`.")
    ] = None,
    severity: Annotated[float, typer.Option(help="Severity of --defect.")] = 0.0,
    processes: Annotated[int, typer.Option(min=1, help="Processes on CPU.")] = 1,
    device: Device = "auto",
    executor: Executor = "processes",
    scheduler: Scheduler = None,
    cluster: ClusterFile = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Generate a cohort of images with a trained model, or with the simulator and its exact labels."""
    from plausibrain.executors import executor_of
    from plausibrain.imaging import refuse_options, refuse_simulator_options, simulate
    from plausibrain.progress import progress_bar

    place = executor_of(executor, scheduler=scheduler, cluster=cluster)
    if model != "simulator":
        refuse_simulator_options([name for name in OF_SIMULATOR if _was_given(context, name)])
        from plausibrain.flags import name_value_pairs
        from plausibrain.models import sample_model

        with progress_bar("generate", quiet=quiet) as progress, place:
            sample_model(
                out, model=model, checkpoint=checkpoint, conditions=conditions, seed=seed, share=share,
                new_seeds=new_seeds, sex_coding=sex_coding, options=name_value_pairs(option or ()),
                device=device, progress=progress,
            )  # fmt: skip
        _show(as_json, str(out), cohort=out, model=model)
        return
    if conditions is not None:
        _refuse(context, ["n", "youngest", "oldest"], "subjects of the norms, not with --conditions")
    if defect is None:
        _refuse(context, ["severity"], "--defect NAME")
    elif not _was_given(context, "severity"):
        raise DataError(f"--defect {defect} goes with --severity, its size; see `plausibrain metrics`")
    refuse_options(
        {"--checkpoint": checkpoint, "--share": share, "--option": option, "--new-seeds": new_seeds}
    )
    with progress_bar("generate", quiet=quiet) as progress, place:
        simulate(
            out.absolute(), n=n, seed=seed, age=(youngest, oldest), voxel_mm=voxel, skull_strip=skull_strip,
            conditions=conditions, sex_coding=sex_coding, defect=defect, severity=severity,
            n_processes=processes, progress=progress,
        )  # fmt: skip
    _show(as_json, str(out), cohort=out, model=model, n=n)


@app.command()
def conditions(
    context: typer.Context,
    *,
    like: Annotated[Path, typer.Option(help="Reference cohort whose subjects the table is modelled on.")],
    out: Annotated[
        Path, typer.Option("--out", callback=writable_file, help="Table to write, .tsv or .parquet.")
    ],
    n: Annotated[int, typer.Option("-n", "--n", min=1, help="Rows, one image each.")] = 100,
    normalised: Annotated[
        bool,
        typer.Option(
            "--normalised", help="Brain volumes normalised for head size (published bundle), not raw ones."
        ),
    ] = False,
    resample: Annotated[
        bool, typer.Option("--resample", help="Take subjects of the reference again.")
    ] = False,
    balanced: Annotated[bool, typer.Option("--balanced", help="As many per age decade and sex.")] = False,
    sweep: Annotated[
        list[str] | None, typer.Option(help="Vary only this: age, ventricle or brain; may be repeated.")
    ] = None,
    levels: Annotated[int, typer.Option(min=2, help="Values per sweep.")] = 9,
    beyond: Annotated[float, typer.Option(min=0, help="Sweep beyond the range, as a share of it.")] = 0.0,
    youngest: Annotated[float | None, typer.Option(help="Years, with --balanced.")] = None,
    oldest: Annotated[float | None, typer.Option(help="Years, with --balanced.")] = None,
    sex: Annotated[str | None, typer.Option(help="F or M: sweep in one sex only.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Row i depends on (seed, i) alone.")] = 0,
    sex_coding: Annotated[str | None, typer.Option(help='Meaning of sex codes, e.g. "1=M,0=F".')] = None,
    as_json: AsJson = False,
) -> None:
    """Write a table of conditions to request; the same table and seeds serve several models."""
    from plausibrain.conditions_table import write_conditions

    if not sweep:
        _refuse(context, ["levels", "beyond", "sex"], "--sweep CONDITION")
    if not balanced:
        _refuse(context, ["youngest", "oldest"], "--balanced")
    line = write_conditions(
        like, out, n=n, seed=seed, normalised=normalised, resample=resample, balanced=balanced,
        sweep=sweep or (), levels=levels, beyond=beyond, ages=(youngest, oldest), sex=sex,
        sex_coding=sex_coding,
    )  # fmt: skip
    _show(as_json, line, table=out, summary=line)


@app.command()
def sweep(
    context: typer.Context,
    *,
    out: Out,
    condition: Annotated[str, typer.Option(help="What varies: age, ventricle or brain.")],
    generator: Annotated[str, typer.Option(help="A model of `plausibrain metrics`.")] = "ldm",
    checkpoint: Annotated[
        Path | None, typer.Option(help="Folder of a trained model or a bundle; the package's by default.")
    ] = None,
    values: Annotated[str, typer.Option(help="Years or mL, as 10,40,80; else --levels over the range.")] = "",
    levels: Annotated[int, typer.Option(min=2, help="Values over the range.")] = 7,
    beyond: Annotated[float, typer.Option(min=0, help="Beyond the range, as a share of it.")] = 0.25,
    like: Annotated[
        Path | None, typer.Option(help="Reference cohort: medians and ranges by sex (default: norms).")
    ] = None,
    sex: Annotated[str | None, typer.Option(help="F or M; both by default.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Noises per sex.")] = 1,
    segmenter: Annotated[str | None, typer.Option(help="As in `segment`.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="Option of the model, as name=value.")] = None,
    sex_coding: Annotated[str | None, typer.Option(help='Meaning of sex codes, e.g. "1=M,0=F".')] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the noise.")] = 0,
    processes: Processes = 0,
    device: Device = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Sample one subject while one condition varies: slices, requested against measured, leakage."""
    from plausibrain.flags import n_processes, name_value_pairs, numbers
    from plausibrain.progress import progress_bar
    from plausibrain.sweep import SEXES, SweepPlan, run_sweep

    if values:
        _refuse(context, ["levels", "beyond"], "a range, not with --values")
    plan = SweepPlan(
        condition, numbers(values, "--values"), levels, beyond, (sex,) if sex else SEXES, repeats, seed
    )
    with progress_bar("sweep", quiet=quiet) as progress:
        line = run_sweep(
            out, plan, generator=generator, checkpoint=checkpoint, like=like, segmenter=segmenter,
            options=name_value_pairs(option or ()), sex_coding=sex_coding,
            n_processes=n_processes(processes, device), device=device, progress=progress,
        )  # fmt: skip
    _show(as_json, line, folder=out, summary=line)


@app.command()
def prepare(
    cohort: Annotated[Path, typer.Argument(help="BIDS folder of images with label maps.")],
    *,
    out: Out,
    grid: Annotated[str, typer.Option(help="1mm, 2mm or 4mm.")] = "1mm",
    labels: Annotated[Path | None, typer.Option(help="segmentation.tsv of `plausibrain segment`.")] = None,
    whole_head: Annotated[bool, typer.Option("--whole-head", help="Keep skull and scalp.")] = False,
    sex_coding: Annotated[str | None, typer.Option(help='Meaning of sex codes, e.g. "1=M,0=F".')] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Bring images into atlas space, 0 to 1, as the models are trained on; resumes a killed run."""
    from plausibrain.cohorts.cohort import read_cohort
    from plausibrain.generation.preprocessing import preset_grid
    from plausibrain.model_grid import prepare as prepare_images
    from plausibrain.progress import progress_bar

    subjects = read_cohort(cohort, sex_coding=sex_coding, min_subjects=1)
    with progress_bar("prepare", quiet=quiet) as progress:
        images = prepare_images(
            subjects, out, preset_grid(grid), labels=labels, skull_strip=not whole_head, progress=progress
        )
    _show(as_json, f"{out}: {len(images)} images", cohort=out, n_images=len(images))


@app.command()
def train(
    *,
    model: Annotated[str, typer.Option(help="A trainable model of `plausibrain metrics`.")],
    cohort: Annotated[Path, typer.Option(help="BIDS folder of images with label maps.")],
    out: Out,
    preset: Annotated[str, typer.Option(help="small (2 mm, one CPU core) or published (1 mm).")] = "small",
    grid: Annotated[str, typer.Option(help="1mm, 2mm or 4mm; that of the preset by default.")] = "",
    condition: Annotated[
        list[str] | None, typer.Option(help="Column of the participants table; sex, age, ventricle, brain.")
    ] = None,
    steps: Annotated[list[str] | None, typer.Option(help="Steps of a stage, as stage=number.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="Option of the recipe, as name=value.")] = None,
    labels: Annotated[Path | None, typer.Option(help="segmentation.tsv of `plausibrain segment`.")] = None,
    whole_head: Annotated[bool, typer.Option("--whole-head", help="Keep skull and scalp.")] = False,
    init: Annotated[
        Path | None, typer.Option(help="Checkpoint to start from; `ldm` is that of the package.")
    ] = None,
    held_out: Annotated[int, typer.Option(min=1, help="Subjects kept for validation.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights, order and noise.")] = 0,
    precision: Annotated[str, typer.Option(help="bf16 or fp32; auto takes what is fast.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    sex_coding: Annotated[str | None, typer.Option(help='Meaning of sex codes, e.g. "1=M,0=F".')] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train a generative model on a cohort; resumes where a killed run stopped."""
    from plausibrain.flags import name_value_pairs
    from plausibrain.models import train_model
    from plausibrain.progress import progress_bar

    with progress_bar("train", quiet=quiet) as progress:
        line = train_model(
            cohort, out, model=model, preset=preset, grid=grid, conditions=condition or (),
            steps=name_value_pairs(steps or ()), options=name_value_pairs(option or ()), labels=labels,
            skull_strip=not whole_head, n_held_out=held_out, seed=seed, precision=precision, device=device,
            init=init, sex_coding=sex_coding, progress=progress,
        )  # fmt: skip
    _show(as_json, line, checkpoint=out, model=model, summary=line)


@app.command()
def fetch(*, out: Out = Path("brain_bundle"), quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Download the published latent diffusion bundle and check it; without a network, say what to place."""
    from plausibrain.generation.bundle.fetch import fetch_bundle
    from plausibrain.progress import progress_bar

    with progress_bar("fetch", quiet=quiet) as progress:
        folder = fetch_bundle(out, progress=progress)
    _show(
        as_json,
        f"{folder}; sample with: plausibrain generate --model monai_bundle --checkpoint {folder} "
        "--conditions TABLE --out COHORT",
        checkpoint=folder,
    )


@app.command()
def status(
    folder: Annotated[Path, typer.Argument(help="Folder that `run` or `segment` writes.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show how many images of a run are done, failed and pending, with rate, time left and reasons."""
    from dataclasses import asdict

    from plausibrain.run_status import run_status, status_text

    state = run_status(folder)
    print(json.dumps(asdict(state), indent=1, ensure_ascii=False) if as_json else status_text(folder, state))


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Hash inputs and results of a run again: exit code 0 when all are the same, 2 when not."""
    from plausibrain.verification import verify as verify_run

    n_files, problems = verify_run(folder)
    said = problems or [f"{folder}: all {n_files} files are the same as when the run ended"]
    _show(as_json, "\n".join(said), files=n_files, problems=problems)
    if problems:
        raise typer.Exit(2)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Run folder.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option(callback=writable_file, help="Page to write; report.html in the run folder by default."),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Write the report of a run folder again, from its tables, and its figures as SVG, PNG and PDF."""
    from plausibrain.progress import progress_bar
    from plausibrain.reports.report import write_report

    with progress_bar("report", quiet=quiet) as progress:
        page = write_report(folder, out, progress=progress)
    _show(as_json, str(page), report=page)


@app.command()
def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Two or more run folders; differences are against the first.")
    ],
    *,
    out: Out,
    as_json: AsJson = False,
) -> None:
    """Compare runs of several models on one page: which to keep, on what counts, and what moved."""
    from plausibrain.reports.compare.answer import answer_text
    from plausibrain.reports.compare.compare import ANSWER, compare_runs

    page = compare_runs(runs, out)
    answer = json.loads((out / ANSWER).read_text(encoding="utf-8"))
    _show(as_json, f"{answer_text(answer)}\n\ncomparison: {page}", **answer, page=page)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Run folder of the new checkpoint.")],
    *,
    baseline: Annotated[Path, typer.Option(help="Run folder, or a file from `plausibrain baseline`.")],
    rules: Annotated[
        Path | None, typer.Option(help="YAML file of rules (default: the shipped ones).")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(callback=writable_folder, help="Folder for JUnit XML, Markdown and JSON.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a new checkpoint against a baseline. Exit: 0 pass, 1 fail, 2 error, 3 inconclusive or missing."""
    from plausibrain.reports.check.check import check_run
    from plausibrain.reports.check.text import as_json as to_json

    result = check_run(folder, baseline=baseline, rules=rules, out=out)
    print(to_json(result) if as_json else result.text)
    raise typer.Exit(result.exit_code)


@app.command()
def baseline(
    folder: Annotated[Path, typer.Argument(help="Run folder.")],
    *,
    out: Annotated[Path, typer.Option("--out", callback=writable_file, help="File to write.")],
    as_json: AsJson = False,
) -> None:
    """Write the baseline file that `plausibrain check` compares with."""
    from plausibrain.reports.baseline import write_baseline

    path = write_baseline(folder, out)
    _show(as_json, str(path), baseline=path)


@app.command()
def curate(
    folder: Annotated[Path, typer.Argument(help="Run folder.")],
    *,
    out: Annotated[Path, typer.Option("--out", callback=writable_file, help="Table to write (TSV).")],
    keep: Annotated[float, typer.Option(help="Share of generated subjects to keep.")] = 0.9,
    as_json: AsJson = False,
) -> None:
    """Rank the generated subjects of a run by plausibility, with reasons, and mark which to keep."""
    from plausibrain.curation import curate as write_ranking

    _show(as_json, write_ranking(folder, out, keep=keep), curation=out)


@app.command()
def complexity(
    folder: Annotated[Path, typer.Argument(help="Run folder whose tables have cortical parcels.")],
    labels: Annotated[Path, typer.Argument(help="Segmented reference cohort, or a geometry.tsv of it.")],
    *,
    out: Out,
    most: Annotated[int, typer.Option(min=1, help="Number of subjects whose cortex is measured.")] = 20,
    headsize: Annotated[str, typer.Option(help="none, share, pooled_residual or covariate.")] = "covariate",
    seed: Annotated[int, typer.Option(min=0, help="Seed of subjects and permutations.")] = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare errors of a run with how folded the cortex is, region by region."""
    from plausibrain.complexity import complexity as compare_errors
    from plausibrain.progress import progress_bar

    with progress_bar("geometry", quiet=quiet) as progress:
        lines = compare_errors(
            folder, labels, out, most=most, headsize=headsize, seed=seed, progress=progress
        )
    _show(as_json, lines, complexity=out / "complexity.tsv")


@app.command(name="import")
def import_(
    folder: Annotated[Path, typer.Argument(help="Folder into which a generator wrote images.")],
    *,
    out: Out,
    preset: Annotated[
        str | None, typer.Option(help="What the files mean: monai_bundle, brlp, wdm_3d, …, or a YAML file.")
    ] = None,
    pattern: Annotated[
        str | None, typer.Option(help='File names with named parts, e.g. "sample_{sex}_{age}.nii.gz".')
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Part of the pattern that means nothing.")] = None,
    table: Annotated[
        Path | None, typer.Option(help="Conditions: CSV, TSV or a JSON list, one row per image.")
    ] = None,
    map_: Annotated[
        list[str] | None, typer.Option("--map", help="Column of the table, e.g. age=prompt_age.")
    ] = None,
    voxel: Annotated[str | None, typer.Option(help="Voxel size, mm, e.g. 0.94,0.94,1.36.")] = None,
    orientation: Annotated[str | None, typer.Option(help="Where the axes lead, e.g. LPS.")] = None,
    scale: Annotated[
        list[str] | None, typer.Option(help="What 0 and 1 of a condition stand for, e.g. age=44:82.")
    ] = None,
    sex_coding: Annotated[str | None, typer.Option(help='Meaning of sex codes, e.g. "1=M,0=F".')] = None,
    as_json: AsJson = False,
) -> None:
    """Turn the images of a generator, as it wrote them, into a cohort that states what was assumed."""
    from plausibrain.cohorts.import_images import import_images
    from plausibrain.cohorts.import_recipe import read_recipe
    from plausibrain.flags import name_value_pairs, numbers_of, ranges_of

    options = {
        "pattern": pattern, "ignore": ignore, "orientation": orientation, "sex_coding": sex_coding,
        "voxel": None if voxel is None else numbers_of(voxel, ","),
        "scale": ranges_of(scale) if scale else None,
    }  # fmt: skip
    recipe = read_recipe(preset, options)
    n, remarks = import_images(folder, out, recipe, table=table, columns=name_value_pairs(map_ or ()))
    lines = [f"{n} images in {out}", *(f"assumed: {remark}" for remark in remarks)]
    _show(as_json, "\n".join(lines), cohort=out, n_images=n, assumed=list(remarks))


@app.command()
def noise(
    first: Annotated[Path, typer.Argument(help="Table of the first visit.")],
    second: Annotated[Path, typer.Argument(help="Table of the second visit of the same subjects.")],
    *,
    out: Annotated[
        Path, typer.Option("--out", callback=writable_file, help="Table of noise per structure to write.")
    ],
    sex_coding: Annotated[str | None, typer.Option(help='Meaning of sex codes, e.g. "1=M,0=F".')] = None,
    as_json: AsJson = False,
) -> None:
    """Estimate the measurement noise of every structure from two visits of the same subjects."""
    from plausibrain.flags import write_noise

    path = write_noise(first, second, out, sex_coding=sex_coding)
    _show(as_json, str(path), noise=path)


@app.command()
def demo(
    *,
    out: Out = Path("demo"),
    n: Annotated[
        int | None,
        typer.Option(min=12, help="Subjects per cohort in each step; default 1500 in tables, 40 as images."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every subject.")] = 0,
    images: Annotated[
        bool,
        typer.Option("--images/--tables", help="Images too, or tables of true volumes alone."),
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run the whole job on simulated subjects: two models, reports, comparison and check."""
    from plausibrain.demo import run_demo

    pages = run_demo(out, n=n, seed=seed, images=images, quiet=quiet, say=_tell if as_json else print)
    if as_json:
        steps = {page.parents[1].name: _demo_step(page) for page in pages}
        _show(as_json, "", **steps)


def _demo_step(comparison: Path) -> dict[str, object]:
    """Return where a step of the demo has its pages."""
    folder = comparison.parents[1]
    reports = {name: str(folder / name / "report.html") for name in ("sound", "defective")}
    return {"comparison": str(comparison), "reports": reports, "check": str(folder / "check")}


def _tell(line: str) -> None:
    """Print what is told on the way to stderr, where stdout holds JSON."""
    print(line, file=sys.stderr)


@app.command()
def audit(
    context: typer.Context,
    *,
    out: Out = Path("audit"),
    n: Annotated[
        int | None, typer.Option(min=12, help="Subjects per cohort; 200, or 24 with --images.")
    ] = None,
    replicates: Annotated[int, typer.Option(min=1, help="Trials per defect and severity.")] = 40,
    null_replicates: Annotated[int, typer.Option(min=1, help="Trials without a defect.")] = 200,
    defect: Annotated[list[str] | None, typer.Option(help="Only these defects.")] = None,
    resamples: Annotated[int, typer.Option(min=100, help="Bootstrap resamples.")] = 500,
    splits: Annotated[int, typer.Option(min=20, help="Splits of the reference.")] = 60,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    images: Annotated[
        bool, typer.Option("--images", help="Run the full pipeline on images, once per defect.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the subjects, with --images.")] = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Inject known defects, count which verdicts see them, and count false alarms without a defect."""
    if images:
        of_tables = ["replicates", "null_replicates", "resamples", "splits", "workers"]
        _refuse(context, of_tables, "an audit of tables, not with --images")
    else:
        _refuse(context, ["seed"], "--images")
    from plausibrain.audit import audit_to_page
    from plausibrain.image_audit import run_image_audit
    from plausibrain.progress import progress_bar

    with progress_bar("audit", quiet=quiet) as progress:
        if images:
            page = run_image_audit(out, n=n or 24, seed=seed, only=defect or (), progress=progress)
        else:
            page = audit_to_page(
                out, n=n or 200, replicates=replicates, null_replicates=null_replicates, only=defect or (),
                n_resamples=resamples, n_splits=splits, workers=workers, progress=progress,
            )  # fmt: skip
    _show(as_json, str(page), report=page)


@app.command()
def plan(
    context: typer.Context,
    *,
    margin: Annotated[float, typer.Option(min=0.01, help="Equivalence margin, standard deviations.")] = 0.2,
    effect: Annotated[
        float, typer.Option(min=0.0, help="True difference to be prepared for, standard deviations.")
    ] = 0.0,
    power: Annotated[
        float, typer.Option(min=0.05, max=0.999, help="Wanted chance of the right verdict.")
    ] = 0.8,
    alpha: Annotated[float, typer.Option(min=0.0001, max=0.5, help="Chance of a false verdict.")] = 0.05,
    n_reference: Annotated[
        int | None, typer.Option(min=2, help="Number of reference subjects, if it is fixed.")
    ] = None,
    of: Annotated[
        str, typer.Option(help="Whose difference: one structure of several, or head size (head).")
    ] = "structure",
    n_structures: Annotated[
        int, typer.Option(min=1, help="Structures that are compared; about 100 with cortical parcels.")
    ] = 32,
    defect: Annotated[
        str | None, typer.Option(help="Plan by simulation for a defect of `plausibrain metrics` instead.")
    ] = None,
    severity: Annotated[float, typer.Option(help="Size of the defect, in its unit.")] = 0.5,
    trials: Annotated[int, typer.Option(min=10, help="Simulated reports per number of subjects.")] = 40,
    as_json: AsJson = False,
) -> None:
    """Say how many images a verdict needs, by the rule of the report, before any are generated."""
    if defect is None:
        _refuse(context, ["severity", "trials"], "--defect NAME")
    else:
        of_formula = ["margin", "effect", "n_reference", "of", "n_structures"]
        _refuse(context, of_formula, "a plan by formula, not with --defect")
    from plausibrain.analysis.planning import check_of, plan_sample_size

    if defect is not None:
        from plausibrain.planning import plan_defect

        answer = plan_defect(defect, severity, power=power, alpha=alpha, trials=trials)
    else:
        answer = plan_sample_size(
            margin=margin, effect=effect, power=power, alpha=alpha, n_reference=n_reference, of=check_of(of),
            n_structures=n_structures,
        )  # fmt: skip
    print(json.dumps(answer, indent=1) if as_json else answer["sentence"])


@app.command()
def metrics(*, as_json: AsJson = False) -> None:
    """List headlines, estimates, injected defects and segmenters: name, question, label, unit."""
    from plausibrain.catalogue import catalogue

    rows = catalogue()
    if as_json:
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for row in rows:
        unit = f" [{row['unit']}]" if row["unit"] else ""
        print(f"{row['kind']:<10} {row['question'] or '':>2}  {row['name']:<18} {row['label']}{unit}")


@app.command()
def doctor(*, as_json: AsJson = False) -> None:
    """Show what is installed, what is missing, and what to do about it."""
    from plausibrain.doctor import examine

    findings = examine()
    print(json.dumps(findings, indent=1) if as_json else _lines(findings))


def _lines(findings: dict[str, Any]) -> str:
    return "\n".join(f"{key:<22} {value}" for key, value in findings.items())
