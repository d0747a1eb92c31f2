"""The command as researchers use it: repeated runs, scripts, shells of Windows, completion."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from ucmt_lite import cli
from ucmt_lite.experiments.config import RunConfig
from ucmt_lite.experiments.folder import RunFolder
from ucmt_lite.experiments.run import read_run, run

SMALL = {"size": 32, "iterations": 2, "labeled": 2, "method": "supervised", "distances": False}


@pytest.fixture(autouse=True)
def few(few_cases, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")  # which --quiet sets, and would leave set


@pytest.fixture
def saved(tmp_path):
    """The config.json of a run."""
    config = RunConfig(**SMALL | {"method": "ucmt"}, seed=3, settings={"grid": 4, "top_k": 1})
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config.as_dict()))
    return config, path


def test_a_configuration_repeats_its_run(saved, tmp_path, capsys):
    config, path = saved
    run(config, tmp_path / "first")
    first = tmp_path / "first/config.json"
    assert cli.main(["run", "--config", str(first), "--out", str(tmp_path / "again")]) == 0
    again = read_run(tmp_path / "again")
    assert again.config == config and again.config.fingerprint == config.fingerprint
    assert again.metrics["scores"] == read_run(tmp_path / "first").metrics["scores"]
    assert " is " not in capsys.readouterr().out.partition("\n")[0]


def test_options_beside_a_configuration_count_more_and_are_said(saved, tmp_path, capsys):
    config, path = saved
    command = ["run", "--config", str(path), "--seed", "7", "--set", "top_k=2"]
    assert cli.main([*command, "--out", str(tmp_path / "run")]) == 0
    changed = read_run(tmp_path / "run").config
    assert changed == RunConfig.of(
        config.as_dict() | {"seed": 7, "settings": {"grid": 4, "top_k": 2}}
    )
    said = capsys.readouterr().out
    assert f"seed is 7, in {path} it is 3" in said and "settings is {'grid': 4, 'top_k': 2}" in said


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("{", "is not JSON"),
        ("[1]", "holds no settings by name"),
        ('{"metod": "cps"}', "did you mean 'method'"),
        ('{"seed": "x"}', "seed='x' is not of type int"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path, capsys, content, message):
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content)
    assert cli.main(["run", "--config", str(path), "--out", str(tmp_path / "run")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line and not (tmp_path / "run").exists()


def test_json_is_one_line_of_scores_and_quiet_is_silent(saved, tmp_path, capsys):
    _, path = saved
    command = ["run", "--config", str(path), "--out", str(tmp_path / "run")]
    assert cli.main([*command, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == read_run(tmp_path / "run").metrics["scores"]
    other = ["run", "--config", str(path), "--seed", "5", "--out", str(tmp_path / "other")]
    assert cli.main([*other, "--quiet"]) == 0
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err == ""
    assert cli.main([*command, "--json", "--quiet"]) == 2


def test_what_is_wrong_is_said_in_quiet_too(tmp_path, capsys):
    command = ["run", "--method", "umct", "--out", str(tmp_path / "run"), "--quiet"]
    assert cli.main(command) == 2
    assert "did you mean 'ucmt'" in capsys.readouterr().err


def test_help_shows_every_default(capsys):
    with pytest.raises(SystemExit):
        cli.main(["run", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for shown in ("(default: phantom_heart)", "(default: 600)", "(default: True)"):
        assert shown in text


# Windows, by simulation


def is_held(path):
    """Whether this process has a file open."""
    for handle in os.listdir("/proc/self/fd"):
        try:
            if os.path.samefile(f"/proc/self/fd/{handle}", path):
                return True
        except OSError:
            continue
    return False


@pytest.fixture
def windows_unlink(monkeypatch):
    """Deleting follows the rule of Windows: not while the file is open."""
    if not pathlib.Path("/proc/self/fd").is_dir():
        pytest.skip("this system does not list open files")
    real = pathlib.Path.unlink

    def unlink(self, missing_ok=False):
        if self.exists() and is_held(self):
            raise PermissionError(13, "the file is used by another process", str(self))
        return real(self, missing_ok=missing_ok)

    monkeypatch.setattr(pathlib.Path, "unlink", unlink)


def test_a_held_lock_is_not_deleted(windows_unlink, tmp_path):
    result = run(RunConfig(**SMALL), tmp_path / "run")
    assert result.scores and [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_lock_that_another_process_holds_already_stays(tmp_path, monkeypatch):
    def refused(self, missing_ok=False):
        raise PermissionError(13, "the file is used by another process", str(self))

    monkeypatch.setattr(pathlib.Path, "unlink", refused)
    folder = RunFolder(tmp_path / "run")
    for _ in range(2):
        with folder.alone(patience=0):
            assert not folder.is_finished


def test_a_folder_that_jupyter_left_does_not_stop_a_finished_run(tmp_path):
    folder = RunFolder(tmp_path / "run")
    (folder.unfinished / ".ipynb_checkpoints").mkdir(parents=True)
    (folder.unfinished / ".half").touch()
    folder.put_in_place()
    assert [path.name for path in folder.out.iterdir()] == [".ipynb_checkpoints"]


@pytest.mark.parametrize("option", ["--set", "--views", "--network-settings"])
def test_a_value_without_a_name_is_told_by_its_own_option(option, tmp_path, capsys):
    assert cli.main(["run", option, "degrees", "--out", str(tmp_path / "run")]) == 2
    assert f"{option} degrees: say NAME=VALUE" in capsys.readouterr().err


@pytest.mark.parametrize("folders", [["runs/*"], ["runs/b", "runs/?"]])
def test_stars_are_expanded_where_no_shell_has_done_it(tmp_path, monkeypatch, capsys, folders):
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate("ab"):
        run(RunConfig(**SMALL, seed=seed), f"runs/{name}")
    assert cli.main(["table", *folders]) == 0
    rows = capsys.readouterr().out.strip().splitlines()
    assert sum("phantom_heart" in row for row in rows) >= 2
    assert cli.main(["table", "none/*"]) == 2
    assert "none/*" in capsys.readouterr().err


def test_names_outside_the_code_page_are_printed(tmp_path):
    code = "from ucmt_lite.cli import _print_any_name; _print_any_name(); print('\\u75c5 caf\\xe9')"
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment)
    assert done.returncode == 0 and done.stdout.strip() == b"\\u75c5 caf\xe9", done.stderr


# Completion


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_knows_commands_and_options(capsys, shell):
    pytest.importorskip("shtab", reason="shtab is optional")
    with pytest.raises(SystemExit) as end:
        cli.main(["--print-completion", shell])
    script = capsys.readouterr().out
    assert not end.value.code and "predict" in script and "--probabilities" in script


def test_without_shtab_a_sentence_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert cli.main(["--print-completion", "bash"]) == 2
    assert "pip install shtab" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["run", "08_umix"], ["08_umix"]])
def test_a_lesson_runs_by_its_name_alone(words, monkeypatch):
    ran = []
    monkeypatch.setattr("ucmt_lite.course.build.run_all", lambda *args: ran.append(args) or 0)
    assert cli.main(["course", *words]) == 0
    assert ran == [("quick", "runs/course", ["08_umix"])]


@pytest.mark.parametrize("action", ["build", "record"])
def test_lessons_are_written_in_a_clone_only(action, monkeypatch, capsys):
    monkeypatch.setattr("ucmt_lite.cli.kit.KEPT", pathlib.Path("/a/wheel"))
    assert cli.main(["course", action]) == 2
    assert f"`ucmt-lite course {action}` writes into a clone" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", ["course", "sweep grid.yaml --out sweep", "report .", "run --out run --page p.ipynb"]
)
def test_without_the_lab_one_sentence_comes_before_anything_runs(command, monkeypatch, capsys):
    monkeypatch.setattr(
        "ucmt_lite.common.find_spec", lambda name: None if name in ("papermill", "yaml") else name
    )
    assert cli.main(command.split()) == 2
    said = capsys.readouterr().err
    assert 'run pip install "ucmt-lite[lab]"' in said and said.count("\n") == 1
    assert not pathlib.Path("run").exists()


@pytest.mark.parametrize("command", [["data"], ["--help"], ["course", "check", "91_results"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_who_leaves_ends_a_command_without_a_word(command, unbuffered):
    """As `ucmt-lite course check | head -1` does."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "ucmt_lite.cli", *command],
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    os.close(writing)
    assert done.stderr == b""
    # Of some versions argparse leaves out what it cannot write at once.
    left_out = [0] if command == ["--help"] and unbuffered else []
    assert done.returncode in [141, *left_out]


def test_a_pipe_that_breaks_elsewhere_is_not_hidden(monkeypatch):
    def broken(*arguments, **more):
        raise BrokenPipeError("of a worker")

    monkeypatch.setattr("ucmt_lite.data.load", broken)
    with pytest.raises(BrokenPipeError, match="of a worker"):
        cli.main(["data", "phantom_heart"])


def test_a_table_lists_a_method_that_the_kit_does_not_have(tmp_path, capsys):
    """Its run is read from its folder; only its gradient steps are not known."""
    run(RunConfig(**SMALL), tmp_path / "known")
    run(RunConfig(**SMALL), tmp_path / "own")
    for name in ("config.json", "metrics.json"):
        path = tmp_path / "own" / name
        path.write_text(path.read_text().replace('"supervised"', '"entropy"'))
    assert cli.main(["table", str(tmp_path / "known"), str(tmp_path / "own")]) == 0
    known, own = capsys.readouterr().out.strip().splitlines()[-2:]
    assert "| supervised | 2 | 2 | 2 |" in known and "| entropy | 2 | 2 | - |" in own


def test_a_place_without_rights_is_named_in_a_sentence(tmp_path, capsys, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", str(tmp_path / ".temporary"))

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    picture = tmp_path / "views.png"
    assert cli.main(["data", "phantom_heart", "--picture", str(picture)]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith(f"ucmt-lite: {picture}: Permission denied, so it can be neither read")
