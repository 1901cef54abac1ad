#!/usr/bin/env bash
# Writes the hashed lock files anew from pyproject.toml; needs `uv` on PATH. Run it after changing a dependency.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { # compile OUT [uv pip compile options]
  local out=$1; shift
  uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-annotate --custom-compile-command "requirements/compile.sh" \
    --override "$OVERRIDES" --output-file "requirements/$out" "$@"
}
TMP=$(mktemp -d); trap 'rm -rf "$TMP"' EXIT
OVERRIDES=$TMP/cpu.txt; sed "s/^onnxruntime ;.*/onnxruntime>=1.24,<1.32/" requirements/overrides.txt > "$OVERRIDES"
compile cpu.txt --extra cpu --group insightface --extra postgres
compile dev.txt --extra cpu --group insightface --extra train --group dev
OVERRIDES=$TMP/gpu.txt; sed "s/^onnxruntime ;.*/onnxruntime ; sys_platform == 'never'/" requirements/overrides.txt > "$OVERRIDES"
compile gpu.txt --extra gpu --group insightface --extra postgres
