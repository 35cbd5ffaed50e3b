#!/bin/sh
# Compiles the example in the header's comment, as its reader would: example.sh CC HEADER_DIR
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
sed -n '/^ \*     #include/,/^ \*     cc /s/^ \*     //p; ' "$2/hub/connector.h" |
    grep -v '^cc ' >"$dir/hello.c"
grep -q hub_connector_entry "$dir/hello.c"
"$1" -std=c99 -pedantic -Wall -Wextra -Werror -I"$2" -shared -fPIC -o "$dir/hello.so" "$dir/hello.c"
