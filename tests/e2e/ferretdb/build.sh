#!/usr/bin/env bash
# Builds FerretDB, which speaks MongoDB's protocol, with its embedded SQLite: build.sh OUTPUT
#
# From a copy of the module: the program refuses to start without build/version/version.txt, which the
# published module lacks, and the patch gives writes the atomicity that MongoDB has.
set -euo pipefail

readonly VERSION=v1.24.0 # the last minor release with an embedded database
readonly SUM=h1:7WJmezL48Bj9bYWnhT/bEJgX5gjT5s7LFdHTqkN25rA=
readonly MODULE=github.com/FerretDB/FerretDB@$VERSION

patch="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/atomic-writes.patch"
mkdir -p "$(dirname "$1")"
output="$(cd "$(dirname "$1")" && pwd)/$(basename "$1")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Out of any other module and repository: both `go` and `git apply` look for one above.
cd "$scratch"
description=$(go mod download -json "$MODULE")
if [[ $description != *"\"$SUM\""* ]]; then
    printf 'the checksum of %s is not %s\n' "$MODULE" "$SUM" >&2
    exit 1
fi
cp -R "$(sed -n 's/^[[:space:]]*"Dir": "\(.*\)",\{0,1\}$/\1/p' <<<"$description")" source
chmod -R u+w source
cd source
git apply "$patch"
printf '%s\n' "$VERSION" >build/version/version.txt

# Built beside its place, then renamed: a broken-off build leaves nothing that looks installed.
go build -trimpath -buildvcs=false -tags ferretdb_no_postgresql -o "$output.new" ./cmd/ferretdb
mv "$output.new" "$output"
