"""What scripts/release.py puts into a release, and what it refuses to release under a tag. No Envoy runs for it."""

import os
import re
import subprocess
import sys

import pytest

from samples import ROOT

sys.path.append(str(ROOT / "scripts"))
import release  # noqa: E402

RELEASED = "# Changelog\n\n## [1.2.0] - 2026-11-26\n\n### Added\n\n- This.\n\n## [1.1.0] - 2026-10-01\n\n- That.\n"
MORE = RELEASED.replace("## [1.2.0]", "## [Unreleased]\n\n- More.\n\n## [1.2.0]", 1)


def test_a_release_has_the_section_of_its_version_of_the_changelog():
    for tag in ["v1.2.0", None]:
        assert release.changelog_section(RELEASED, "1.2.0", tag) == "### Added\n\n- This.\n"
    assert release.changelog_section(MORE, "1.2.0", None) == "- More.\n"
    assert release.changelog_section(MORE.replace("\n- More.\n", ""), "1.2.0", "v1.2.0") == "### Added\n\n- This.\n"


@pytest.mark.parametrize(
    ("changelog", "version", "tag", "complaint"),
    [
        (RELEASED, "1.2.0", "v1.1.0", "The tag is v1.1.0, and the version in Cargo.toml is 1.2.0"),
        (RELEASED, "1.2.0", "1.2.0", "The tag is 1.2.0"),
        (RELEASED, "1.3.0", "v1.3.0", r"no section \[1.3.0\]"),
        (RELEASED, "1.3.0", None, r"no section \[1.3.0\]"),
        (MORE, "1.2.0", "v1.2.0", r"something under \[Unreleased\]"),
    ],
)
def test_a_tag_that_contradicts_version_or_changelog_is_not_released(changelog, version, tag, complaint):
    with pytest.raises(release.Problem, match=complaint):
        release.changelog_section(changelog, version, tag)


def test_the_changelog_can_be_released_as_it_is():
    version = release.workspace_version((ROOT / "Cargo.toml").read_text())
    changes = release.changelog_section((ROOT / "CHANGELOG.md").read_text(), version, None)
    titles = [line for line in changes.splitlines() if line.startswith("### ")]
    assert len(titles) == len(set(titles)) >= 1


@pytest.fixture
def git(tmp_path):
    """A repository with one commit, and the command git in it."""

    def do(*arguments):
        identity = {f"GIT_{who}_{what}": "a@b.c" for who in ["AUTHOR", "COMMITTER"] for what in ["NAME", "EMAIL"]}
        environment = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull}
        subprocess.run(["git", "-C", tmp_path, *arguments], env=environment, check=True, capture_output=True)

    do("init")
    (tmp_path / "file").write_text("1")
    do("add", "file")
    do("commit", "--message", "one")
    return do


def test_only_the_commit_of_the_tag_is_released(git, tmp_path):
    with pytest.raises(release.Problem, match="not that of a tag v1.2.0"):
        release.demand_commit_of("v1.2.0", tmp_path)
    git("tag", "--annotate", "--message", "it", "v1.2.0")
    release.demand_commit_of("v1.2.0", tmp_path)
    git("commit", "--allow-empty", "--message", "two")
    with pytest.raises(release.Problem, match="not that of a tag v1.2.0"):
        release.demand_commit_of("v1.2.0", tmp_path)


@pytest.mark.parametrize("name", ["file", "new"])
def test_what_is_not_committed_is_not_released(git, tmp_path, name):
    git("tag", "v1.2.0")
    (tmp_path / name).write_text("2")
    with pytest.raises(release.Problem, match="not committed"):
        release.demand_commit_of("v1.2.0", tmp_path)


def test_a_bill_of_materials_leaves_out_what_only_other_packages_take():
    def part(name):
        return {"name": name, "version": "1.0.0", "bom-ref": f"ref-{name}"}

    document = {
        "metadata": {"component": part("page")},
        "components": [part("core"), part("tls")],
        "dependencies": [{"ref": "ref-page", "dependsOn": ["ref-core", "ref-tls"]}, {"ref": "ref-core"}, {"ref": "ref-tls"}],
    }
    crates = {("page", "1.0.0"), ("core", "1.0.0")}
    kept = release.only(crates, document)
    assert kept["components"] == [part("core")]
    assert kept["dependencies"] == [{"ref": "ref-page", "dependsOn": ["ref-core"]}, {"ref": "ref-core"}]
    with pytest.raises(release.Problem, match="does not know of .*absent"):
        release.only({*crates, ("absent", "1.0.0")}, document)


def test_each_file_with_code_has_the_crates_of_its_own_target():
    programs = {f"jwt-auth-VERSION-{machine}-linux.tar.gz" for machine in release.TARGETS}
    with_code = {name for name in release.BUILT if not name.endswith("-oci.tar")} | programs
    assert set(release.BUILT_FROM) == with_code - {"jwt-auth-portable.wasm"}
    of = {name: {crate for crate, _ in release.crates_of(*built_from)} for name, built_from in release.BUILT_FROM.items()}
    assert "aws-lc-rs" in of["libjwt_auth-aarch64.so"] and "rustls" in of["jwt-auth-VERSION-aarch64-linux.tar.gz"]
    for crate in ["aws-lc-rs", "rustls", "clap", "libc"]:
        assert crate not in of["jwt-auth.wasm"] | of["jwt-auth.html"]


def test_the_page_names_the_files_of_a_release():
    _, section = (ROOT / "docs" / "install.md").read_text().split("\n## Releases\n")
    cells = re.findall(r"(?m)^\| (.+?) \|", section.split("\n## ")[0])
    with_code = [*release.BUILT, *(name for name in release.BUILT_FROM if "VERSION" in name)]
    others = ["THIRD-PARTY-LICENSES.txt", "CHANGES.md", "Dockerfile", "SHA256SUMS"]
    bills = [f"{name}.cdx.json" for name in release.BUILT_FROM]
    assert sorted(re.findall("`(.+?)`", " ".join(cells))) == sorted([*with_code, *others, *bills])


def test_the_licences_of_the_standard_library_are_text():
    page = "<head><title>T</title></head>\n<body>\n\n\n<p><b>License:</b> MIT &#38; <a href='x'>more</a></p>\n\n \n\n<pre>  (c) A</pre>"
    assert release.text_of(page) == "T\n\nLicense: MIT & more\n\n  (c) A\n"
