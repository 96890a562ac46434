#!/bin/bash
# Runs `hotgate check OLD NEW` for a pipeline, with the options that follow. A job that forgot to fetch or build OLD gets
# inconclusive (11), not an error that somebody filters out, and never pass.
set -euo pipefail
old=${1-} new=${2-}
shift $(($# < 2 ? $# : 2))
for file in "$old" "$new"; do
	if [[ ! -e $file ]]; then
		echo "inconclusive: no such file: ${file:-(OLD or NEW is empty)}" >&2
		echo "hint: fetch what runs in production as OLD, and build NEW, before this step" >&2
		exit 11
	fi
done
exec hotgate check "$old" "$new" "$@"
