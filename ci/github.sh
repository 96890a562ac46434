#!/bin/bash
# The step of action.yml: annotations on stdout, the summary, SARIF and JSON in files, the verdict as an output.
set -euo pipefail
reports=${INPUT_REPORTS:-hotgate-reports}
mkdir -p -- "$reports"
# A kept workspace has the reports of an earlier run, which this one may end without writing.
rm -f -- "$reports/hotgate.json" "$reports/hotgate.sarif" "$reports/summary.md"
options=(--format github --output "json=$reports/hotgate.json" --output "sarif=$reports/hotgate.sarif")
[[ -z ${INPUT_POLICY:-} ]] || options+=(--policy "$INPUT_POLICY")
[[ -z ${INPUT_TARGET:-} ]] || options+=(--target "$INPUT_TARGET")
[[ -z ${GITHUB_STEP_SUMMARY:-} ]] || options+=(--output "markdown=$reports/summary.md")
code=0
hotgate check --hook "${options[@]}" -- "${INPUT_OLD:-}" "${INPUT_NEW:-}" || code=$?
if [[ $code == 0 && ${INPUT_REHEARSE:-} == true ]]; then
	rm -f -- "$reports/rehearsal.json" "$reports/rehearsal.md"
	options=(--format github --output "json=$reports/rehearsal.json" --max-time 10m)
	[[ -z ${INPUT_POLICY:-} ]] || options+=(--policy "$INPUT_POLICY")
	[[ -z ${GITHUB_STEP_SUMMARY:-} ]] || options+=(--output "markdown=$reports/rehearsal.md")
	hotgate rehearse run "${options[@]}" -- "${INPUT_OLD:-}" "${INPUT_NEW:-}" || code=$?
	[[ ! -s $reports/rehearsal.md || -z ${GITHUB_STEP_SUMMARY:-} ]] || cat "$reports/rehearsal.md" >>"$GITHUB_STEP_SUMMARY"
fi
case $code in
0) verdict=pass ;;
10) verdict=block ;;
*) verdict=inconclusive ;;
esac
[[ ! -s $reports/summary.md || -z ${GITHUB_STEP_SUMMARY:-} ]] || cat "$reports/summary.md" >>"$GITHUB_STEP_SUMMARY"
if [[ -n ${GITHUB_OUTPUT:-} ]]; then
	echo "verdict=$verdict" >>"$GITHUB_OUTPUT"
	[[ ! -s $reports/hotgate.sarif ]] || echo "sarif=$reports/hotgate.sarif" >>"$GITHUB_OUTPUT"
fi
exit "$code"
