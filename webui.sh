#!/usr/bin/env bash
# Starts webui.py with the newest suitable Python. Set PYTHON to choose one yourself.
cd "$(dirname "$0")" || exit 1
for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3 python; do
    if [ -n "$candidate" ] && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        exec "$candidate" webui.py "$@"
    fi
done
echo "Easel needs Python 3.11 or newer. Install it, or set PYTHON to where it is." >&2
exit 1
