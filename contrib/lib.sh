# What contrib/run and contrib/test share. POSIX sh, to be sourced from the root of the source tree
# with $log set to a file for what commands say.
# shellcheck shell=sh disable=SC2154

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
  bold=$(printf '\033[1m') dim=$(printf '\033[2m') red=$(printf '\033[31m')
  green=$(printf '\033[32m') off=$(printf '\033[0m') up=$(printf '\r\033[K')
else
  bold='' dim='' red='' green='' off='' up=''
fi

title() { printf '\n%s%s%s\n\n' "$bold" "$1" "$off"; }
note() { printf '    %s%s%s\n' "$dim" "$1" "$off"; }
done_line() { printf '%s  %s✓%s %-11s %s\n' "$up" "$green" "$off" "$1" "$2"; }

# fail WHAT WHY: says so, and ends everything.
fail() {
  printf '%s  %s✗%s %-11s %s\n' "$up" "$red" "$off" "$1" "$2" >&2
  exit 1
}

now() { date +%s; }

seconds_since() {
  passed=$(($(now) - $1))
  if [ "$passed" -lt 60 ]; then
    echo "$passed s"
  else
    echo "$((passed / 60)) min $((passed % 60)) s"
  fi
}

# step NAME SUMMARY COMMAND…: runs the command quietly; if it fails, shows what it said.
step() {
  step_name=$1 step_summary=$2
  shift 2
  if [ -n "$up" ]; then
    printf '  %s·%s %-11s %s…%s' "$dim" "$off" "$step_name" "$dim" "$off"
  fi
  step_began=$(now)
  if ! "$@" > "$log" 2>&1; then
    printf '%s' "$up"
    tail -n 40 "$log" >&2
    echo >&2
    fail "$step_name" "failed: $*
                (all of its output is in $log)"
  fi
  done_line "$step_name" "$step_summary$dim   $(seconds_since "$step_began")$off"
}

# --- Packages ---------------------------------------------------------------------------------------

# missing_packages SECTION…: the packages of these sections that are missing.
missing_packages() {
  for section in "$@"; do
    sed -n "/^\[$section\]/,/^\[/{/^[a-z]/p}" contrib/packages.txt
  done | sort -u | while read -r package program; do
    if [ -n "$program" ] && command -v "$program" > /dev/null; then
      continue
    fi
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null || true)
    [ "$status" = installed ] || echo "$package"
  done
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo "$@"
  fi
}

install_packages() {
  as_root apt-get update
  # Servers (Redis, Postfix, Dovecot) are started by the tests, on ports of their own: RUNLEVEL=1 keeps
  # their packages from starting the system's.
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
    apt-get install --yes --no-install-recommends "$@"
}

# need_packages SECTION…: installs what is missing. A second run finds everything there.
need_packages() {
  command -v apt-get > /dev/null || fail packages 'this needs Debian 12: there is no apt-get here'
  missing=$(missing_packages "$@" | tr '\n' ' ')
  if [ -z "$missing" ]; then
    done_line packages 'all there'
    return
  fi
  if [ "$(id -u)" != 0 ]; then
    command -v sudo > /dev/null ||
      fail packages "run this as root, or install sudo, or: apt-get install $missing"
    note "sudo apt-get install $missing"
    sudo -v || fail packages "without sudo they cannot be installed: $missing"
  fi
  # shellcheck disable=SC2086 # a list of names
  step packages "installed: $missing" install_packages $missing
}

# --- Building ---------------------------------------------------------------------------------------

# build PRESET SUMMARY [CMAKE_OPTION…]: configures and builds. Needs the packages of [test] as well,
# unless the build folder is new and -DHUB_TESTS=OFF is among the options.
build() {
  preset=$1 summary=$2
  shift 2
  step configure "cmake --preset $preset" cmake --preset "$preset" "$@"
  step build "$summary" cmake --build --preset "$preset"
}
