"""Downloads from a server on this computer: mirrors, checksums, interruptions, bad archives."""

import hashlib
import io
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ucmt_lite.common import InputError
from ucmt_lite.data.download import Archive, fetch, fetch_set, unzip


def zipped(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/"), text)
    return buffer.getvalue()


GOOD = zipped(images__a="1" * 5000, masks__a="2")


class Server(ThreadingHTTPServer):
    files: dict[str, bytes]
    cut: dict[str, int]  # answer with that many bytes, then hang up
    ranges = True
    asked: list[tuple[str, str | None]]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        data = self.server.files.get(self.path)
        if data is None:
            return self.send_error(404)
        start = (
            int(wanted.removeprefix("bytes=").removesuffix("-"))
            if wanted and self.server.ranges
            else 0
        )
        if start >= len(data):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start : self.server.cut.pop(self.path, len(data))])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Handler) as server:
        server.files = {"/good.zip": GOOD, "/bad.zip": zipped(a="other")}
        server.cut = {}
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def archive(server, *paths, content=GOOD):
    urls = tuple(f"http://127.0.0.1:{server.server_port}{path}" for path in paths)
    return Archive(urls, hashlib.sha256(content).hexdigest(), 1)


def test_fetch_set(server, tmp_path):
    fetch_set([archive(server, "/good.zip")], tmp_path / "set")
    assert (tmp_path / "set/images/a").read_text() == "1" * 5000 and (
        tmp_path / "set/masks/a"
    ).read_text() == "2"
    assert [path.name for path in tmp_path.iterdir()] == ["set"]  # nothing else is left behind


def test_the_next_address_is_tried(server, tmp_path):
    assert (
        fetch(archive(server, "/missing.zip", "/bad.zip", "/good.zip"), tmp_path).read_bytes()
        == GOOD
    )
    assert [path for path, _ in server.asked] == ["/missing.zip", "/bad.zip", "/good.zip"]


def test_wrong_checksum_leaves_nothing(server, tmp_path):
    with pytest.raises(
        InputError,
        match=r"bad.zip could not be fetched \(http.*: sha256 is .*, not .*\): try later",
    ):
        fetch_set([archive(server, "/good.zip"), archive(server, "/bad.zip")], tmp_path / "set")
    assert not (tmp_path / "set").exists()
    assert {path.name for path in (tmp_path / ".set.download").iterdir()} == {"good.zip"}


def test_interrupted_download_goes_on(server, tmp_path):
    server.cut["/good.zip"] = 100
    with pytest.raises(InputError, match=f"the connection ended after 100 of {len(GOOD)} bytes"):
        fetch_set([archive(server, "/good.zip")], tmp_path / "set")
    assert not (tmp_path / "set").exists()
    fetch_set([archive(server, "/good.zip")], tmp_path / "set")
    assert server.asked == [("/good.zip", None), ("/good.zip", "bytes=100-")]
    assert (tmp_path / "set/masks/a").read_text() == "2"


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("before", [b"of another file", GOOD, GOOD + b"more"])
def test_leftovers_do_no_harm(server, tmp_path, ranges, before):
    """Whatever lies there as the first half, and whether or not the server can go on there."""
    server.ranges = ranges
    (tmp_path / "good.zip.part").write_bytes(before)
    assert fetch(archive(server, "/good.zip"), tmp_path).read_bytes() == GOOD
    assert [path.name for path in tmp_path.iterdir()] == ["good.zip"]


def test_no_server(tmp_path):
    with pytest.raises(
        InputError, match=r"x.zip could not be fetched \(http://127.0.0.1:9/x.zip: .*refused"
    ):
        fetch(Archive(("http://127.0.0.1:9/x.zip",), "0" * 64, 1), tmp_path)


@pytest.mark.parametrize(
    "name", ["../outside", "a/../../outside", "/absolute", "..\\outside", "C:\\outside"]
)
def test_path_traversal(tmp_path, name):
    file = tmp_path / "evil.zip"
    with zipfile.ZipFile(file, "w") as harm:
        harm.writestr("first", "harmless")
        harm.writestr(name, "harm")
    with pytest.raises(InputError, match=r"evil.zip would write outside its folder"):
        unzip(file, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [file]  # not even the harmless entry


def test_link_in_archive(tmp_path):
    file = tmp_path / "evil.zip"
    with zipfile.ZipFile(file, "w") as harm:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        harm.writestr(link, "/etc")
    with pytest.raises(InputError, match="would write outside its folder"):
        unzip(file, tmp_path / "out")


def test_not_a_zip(tmp_path):
    (tmp_path / "page.zip").write_text("<html>please log in</html>")
    with pytest.raises(InputError, match="page.zip is not a zip archive"):
        unzip(tmp_path / "page.zip", tmp_path / "out")


def test_damaged_archive_leaves_no_folder(server, tmp_path):
    """The right bytes of a zip whose content does not match its own checksum."""
    damaged = bytearray(zipped(a="x" * 100))
    damaged[40] ^= 1
    server.files["/damaged.zip"] = bytes(damaged)
    with pytest.raises(InputError, match="not a zip archive"):
        fetch_set([archive(server, "/damaged.zip", content=bytes(damaged))], tmp_path / "set")
    assert not (tmp_path / "set").exists() and not (tmp_path / ".set.unpacked").exists()


def test_a_folder_with_files_is_never_replaced(server, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set/mine").write_text("dear")
    with pytest.raises(OSError):
        fetch_set([archive(server, "/good.zip")], tmp_path / "set")
    assert (tmp_path / "set/mine").read_text() == "dear"
