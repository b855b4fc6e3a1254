#!/usr/bin/env bash
# Fuzz targets: one for each decoder and kind of message, on the stable toolchain. Inputs follow from the seed; one that
# fails is kept in the temporary folder, and its place is printed.
#
#   docker/fuzz.sh                                            all targets, 60 s in total
#   docker/fuzz.sh --target map-actions --inputs 1000000      a million inputs of one target
#   docker/fuzz.sh --target map-actions --file FILE           an input that was kept
#   docker/fuzz.sh --seconds 600 --seed 7                     other inputs, for longer
#   docker/fuzz.sh --target list                              the names of the targets
#   docker/fuzz.sh --collect                                  rebuild the corpus from the simulators
#
#   A failure that is corrected becomes a file of workers/fuzz/corpus/TARGET: `cargo test` runs these.
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- --seconds 60
# A few times as fast as a plain build, in a folder of its own.
export CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/fuzz"
exec cargo run --locked -p fuzz -- "$@"
