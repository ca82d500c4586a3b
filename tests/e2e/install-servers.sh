#!/usr/bin/env bash
# Installs the servers that the end-to-end tests talk to, on Debian or Ubuntu.
#
#   tests/e2e/install-servers.sh [prometheus|alertmanager|victoriametrics|chromium|compose|kustomize|ferretdb]...
#
# Without arguments: all of them. What is there already is left alone. Exit status 1 if any is missing at the end.
set -euo pipefail

readonly SERVERS=(prometheus alertmanager victoriametrics chromium compose kustomize ferretdb)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly ferretdb="$here/../../.servers/bin/ferretdb"
readonly compose="$here/../../.servers/bin/compose-config"
readonly kustomize="$here/../../.servers/bin/kustomize"
readonly kustomize_version=v5.7.1

package_lists_are_fresh=false

say() { printf '%s\n' "$*"; }

missing() { # SERVER REASON
    say "$1: missing: $2" >&2
    return 1
}

on_path() { # COMMAND...: is any of them there?
    local command
    for command in "$@"; do
        if command -v "$command" >/dev/null; then return 0; fi
    done
    return 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# A package's postinst starts and enables its service; the tests need the program only.
without_service() { # UNIT COMMAND...
    local unit=$1 status=0
    shift
    if [ -z "$unit" ] || [ ! -d /run/systemd/system ]; then
        "$@"
        return
    fi
    as_root systemctl --quiet --runtime mask "$unit" || true
    "$@" || status=$?
    as_root systemctl --quiet --runtime unmask "$unit" || true
    as_root systemctl --quiet disable "$unit" || true
    return "$status"
}

apt_install() { # SERVER PACKAGE UNIT
    local server=$1 package=$2 unit=$3 log="$scratch/apt.log"
    on_path apt-get || { missing "$server" "there is no apt-get here; install it by hand"; return; }
    [ "$(id -u)" -eq 0 ] || on_path sudo || { missing "$server" "run this as root, or install sudo"; return; }
    if [ "$package_lists_are_fresh" = false ]; then
        as_root apt-get -qq update >"$log" 2>&1 || say "apt-get update failed; going on with the old package lists" >&2
        package_lists_are_fresh=true
    fi
    say "$server: installing the package $package"
    if ! without_service "$unit" as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install --yes --no-install-recommends "$package" >"$log" 2>&1; then
        missing "$server" "$(grep '^E:' "$log" | tail -n 1 || true)"
    fi
}

install_with_apt() { # SERVER PACKAGE UNIT COMMAND...
    local server=$1 package=$2 unit=$3
    shift 3
    if ! on_path "$@"; then
        apt_install "$server" "$package" "$unit" || return 1
        on_path "$@" || { missing "$server" "the package $package brought no $1"; return; }
    fi
    say "$server: ok"
}

install_prometheus() {
    install_with_apt prometheus prometheus prometheus.service prometheus && { on_path promtool ||
        missing promtool "it comes with the Debian package prometheus"; }
}

install_alertmanager() {
    install_with_apt alertmanager prometheus-alertmanager prometheus-alertmanager.service \
        prometheus-alertmanager alertmanager
}

install_victoriametrics() {
    install_with_apt victoriametrics victoria-metrics victoria-metrics.service victoria-metrics victoria-metrics-prod
}

install_chromium() {
    install_with_apt chromium chromium "" chromium chromium-browser google-chrome
}

install_ferretdb() {
    local log="$scratch/ferretdb.log"
    if [ ! -x "$ferretdb" ] || [ -n "$(find "$here/ferretdb" -type f -newer "$ferretdb")" ]; then
        on_path go || { missing ferretdb "it is built with Go 1.22 or later, and there is no go here"; return; }
        on_path git || { missing ferretdb "its patch is applied with git, and there is no git here"; return; }
        say "ferretdb: building with $(go env GOVERSION), about a minute"
        if ! "$here/ferretdb/build.sh" "$ferretdb" >"$log" 2>&1; then
            missing ferretdb "its build failed: $(grep -v '^[{}]' "$log" | tail -n 1)"
            return
        fi
    fi
    say "ferretdb: ok"
}

install_compose() {
    local log="$scratch/compose.log"
    if [ ! -x "$compose" ] || [ -n "$(find "$here/compose" -type f -newer "$compose")" ]; then
        on_path go || { missing compose "it is built with Go 1.24 or later, and there is no go here"; return; }
        say "compose: building with $(go env GOVERSION), a few seconds"
        if ! go build -C "$here/compose" -o "$compose" . >"$log" 2>&1; then
            missing compose "its build failed: $(tail -n 1 "$log")"
            return
        fi
    fi
    say "compose: ok"
}

install_kustomize() { # kubectl has it in itself
    local log="$scratch/kustomize.log"
    if ! on_path kubectl kustomize && [ ! -x "$kustomize" ]; then
        on_path go || { missing kustomize "it is built with Go 1.24 or later, and there is no go here"; return; }
        say "kustomize: building with $(go env GOVERSION), a few seconds"
        if ! CGO_ENABLED=0 GOBIN=$(dirname "$kustomize") \
            go install "sigs.k8s.io/kustomize/kustomize/v5@$kustomize_version" >"$log" 2>&1
        then
            missing kustomize "its build failed: $(tail -n 1 "$log")"
            return
        fi
    fi
    say "kustomize: ok"
}

status=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
[ "$#" -gt 0 ] || set -- "${SERVERS[@]}"
for server in "$@"; do
    case $server in
        prometheus) install_prometheus || status=1 ;;
        alertmanager) install_alertmanager || status=1 ;;
        victoriametrics) install_victoriametrics || status=1 ;;
        chromium) install_chromium || status=1 ;;
        compose) install_compose || status=1 ;;
        kustomize) install_kustomize || status=1 ;;
        ferretdb) install_ferretdb || status=1 ;;
        *)
            say "unknown server: $server; known are: ${SERVERS[*]}" >&2
            exit 2
            ;;
    esac
done
exit "$status"
