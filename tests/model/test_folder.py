"""Model files below a folder."""

from pathlib import Path

from modules.model.folder import files_below


def test_files_are_found_by_their_endings_in_order_links_followed(tmp_path: Path) -> None:
    root = tmp_path / "models"
    for name in ("b/one.PT", "b/two.txt", "a/three.pt", "b c/four.pt", "five.pt"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "six.pt").write_bytes(b"x")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    (root / "a" / "up").symlink_to(root)  # in a circle
    (root / "gone.pt").symlink_to(tmp_path / "nowhere")
    (root / "folder.pt").mkdir()
    found = [path.relative_to(root).as_posix() for path in files_below(root, (".pt",))]
    assert found == ["a/three.pt", "b/one.PT", "b c/four.pt", "five.pt", "linked/six.pt"]
    assert files_below(tmp_path / "missing", (".pt",)) == []
