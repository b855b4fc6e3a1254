#!/usr/bin/env bash
# Runs the fuzz targets, one per decoder and kind of message, on the stable toolchain. The seed determines the inputs. A
# failing input is kept in the temporary folder, and its path is printed.
#
#   docker/fuzz.sh                                            run all targets, 60 s in total
#   docker/fuzz.sh --target map-actions --inputs 1000000      run one target with a million inputs
#   docker/fuzz.sh --target map-actions --file FILE           run one target with a kept input
#   docker/fuzz.sh --seconds 600 --seed 7                     run longer, with another seed
#   docker/fuzz.sh --target list                              list the targets
#   docker/fuzz.sh --collect                                  rebuild the corpus from the simulators
#
#   After a fix, add the input to workers/fuzz/corpus/TARGET: `cargo test` runs these files.
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- --seconds 60
# A few times as fast as a plain build, in a folder of its own.
export CARGO_PROFILE_DEV_OPT_LEVEL=1 CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/fuzz"
exec cargo run --locked -p fuzz -- "$@"
