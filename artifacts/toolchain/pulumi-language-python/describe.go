package main

// describeScript prints as JSON: the Python that runs it, the plugin files of installed packages and, with the argument
// `all`, the installed distributions. The latter reads hundreds of files, so a preview does not request it.
const describeScript = `
import json
import pathlib
import sys


def package_folders():
    for entry in sys.path:
        if entry and pathlib.Path(entry).is_dir():
            yield from sorted(pathlib.Path(entry).iterdir())


found = {
    "executable": sys.executable,
    "version": ".".join(map(str, sys.version_info[:3])),
    "pulumi": False,
    "plugins": {},
    "distributions": {},
}
for folder in package_folders():
    if folder.name == "pulumi" and (folder / "__init__.py").is_file():
        found["pulumi"] = True
    if "." not in folder.name and folder.name not in found["plugins"]:
        try:
            found["plugins"][folder.name] = json.loads((folder / "pulumi-plugin.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            pass
if "all" in sys.argv:
    from importlib.metadata import distributions

    for item in distributions():
        found["distributions"].setdefault((item.metadata["Name"] or "").lower().replace("_", "-"), item.version)
print(json.dumps(found))
`
