# SPDX-License-Identifier: GPL-2.0-only
"""Small Debian packages, and an apt-get that offers them."""

import subprocess
from pathlib import Path

BUSYBOX = '#include <stdio.h>\nint main(void) { puts("sh\\nls"); return 0; }\n'
APT = """\
#!/bin/sh
here=$(dirname "$0")
[ -e "$here/offline" ] && exit 100
case "$*" in
*--print-uris*)
\tfor deb in "$here"/*.deb; do
\t\techo "'http://mirror/x' $(basename $deb) 10 SHA256:$(sha256sum <$deb | cut -c1-64)"
\tdone ;;
*) for word; do :; done; cp "$here/${word%%=*}"_*.deb . ;;
esac
"""


def compile_(target: Path, text: str, *options: str) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    source = target.with_name(f"{target.name}.c")
    source.write_text(text)
    libraries = [option for option in options if option.startswith("-l") or option.startswith("/")]
    others = [option for option in options if option not in libraries]
    subprocess.run(["gcc", *others, "-o", target, source, *libraries], check=True)
    source.unlink()
    return target


def package(repository: Path, scratch: Path, name: str, file: str, text: str, *options: str) -> None:
    folder = scratch / name
    compile_(folder / file, text, *options)
    pack(repository, folder)


def pack(repository: Path, folder: Path) -> None:
    """Make a package of a folder that is named after it."""
    (folder / "DEBIAN").mkdir()
    maintainer = "Maintainer: A <a@example.org>"
    fields = (f"Package: {folder.name}", "Version: 1.0", "Architecture: amd64", maintainer, "Description: x")
    (folder / "DEBIAN/control").write_text("\n".join(fields) + "\n")
    target = repository / f"{folder.name}_1.0_amd64.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", folder, target], check=True, capture_output=True)
