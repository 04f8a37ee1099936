#!/bin/sh
# Every check and test of the project: sh tests/run.sh [--faults]
#
# Makes .venv where there is none, and as root on Debian installs the programs that some tests run. A test whose
# program cannot be had is skipped, with a reason that begins with "needs". --faults runs the full-size fault runs too.
set -u

cd "$(dirname "$0")/.." || exit 1
marked='not faults'
case "${1-}" in
    '') ;;
    --faults) marked='faults or not faults' ;;
    *) echo "usage: sh tests/run.sh [--faults]" >&2; exit 2 ;;
esac
python=${PYTHON:-python3}

debian_packages() {
    "$python" -c 'import ensurepip' 2>/dev/null || echo python3-venv
    command -v chromium >/dev/null || echo chromium
    [ -x /usr/sbin/smtp-sink ] || echo postfix
    command -v redis-server >/dev/null || echo redis-server
    command -v strace >/dev/null || echo strace
    [ -x /usr/lib/dovecot/imap ] || echo dovecot-imapd
    [ -x /usr/sbin/opendkim ] || echo opendkim
    command -v spamassassin >/dev/null || echo spamassassin
}

install_debian_packages() {
    missing=$(debian_packages)
    if [ -z "$missing" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        return 0
    fi
    echo "== apt-get install" $missing
    # None of them is configured or started here: the tests start their own, with settings, queues and ports of theirs.
    guard=/usr/sbin/policy-rc.d
    if [ -e "$guard" ]; then
        guard=
    else
        printf '#!/bin/sh\nexit 101\n' > "$guard" && chmod +x "$guard"
    fi
    echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q >/dev/null && apt-get install -qq -y --no-install-recommends $missing >/dev/null ||
        echo "apt-get failed; the tests that need $missing are skipped" >&2
    [ -z "$guard" ] || rm -f "$guard"
}

install_python_packages() {
    .venv/bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv .venv || return 1
    .venv/bin/python -m pip install -q --disable-pip-version-check -c deploy/constraints.txt -e '.[test]'
}

failed=
check() {
    name=$1
    shift
    echo "== $name"
    "$@" || failed="$failed $name;"
}

# The closing line of pytest is wanted again at the end, so its output is kept, and with it its exit code.
run_pytest() {
    { pytest -q -m "$marked" -n auto --maxprocesses=4 --cov --cov-report=; echo $? > "$kept.code"; } | tee "$kept"
    return "$(cat "$kept.code")"
}

# coverage_at_least PERCENT [OPTION]…: one number, and where it is too low, the lines that are missing.
coverage_at_least() {
    bar=$1
    shift
    coverage report --format=total --fail-under="$bar" "$@" || { coverage report "$@"; return 1; }
}

install_debian_packages
echo "== pip install"
install_python_packages || { echo "run.sh: the installation failed" >&2; exit 1; }

PATH="$PWD/.venv/bin:$PATH"
export PATH
kept=$(mktemp)
trap 'rm -f "$kept" "$kept.code"' EXIT
check "ruff check" ruff check
check "ruff format" ruff format --check
check "mypy" mypy
check "import-linter" lint-imports
coverage erase
check "pytest" run_pytest
check "coverage by line and branch, the core: 100 %" coverage_at_least 100 \
    --include='digest/ingest/*,digest/rank/*,digest/compose/*,digest/deliver/*,digest/subscribers/*'
check "coverage by line and branch, the whole: 95 %" coverage_at_least 95

echo "== the end"
tail -n 1 "$kept"
if [ -n "$failed" ]; then
    echo "run.sh: failed:${failed%;}" >&2
    exit 1
fi
echo "run.sh: all checks passed"
