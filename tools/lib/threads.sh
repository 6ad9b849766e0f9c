# shellcheck shell=bash
# Read by tools/nightly and tools/lib/check: what the thread sanitizer cannot judge.

# Health runs on gRPC's callback interface, whose templates are compiled into our binary and synchronised
# inside of a library that is not instrumented: every call of it is reported.
# shellcheck disable=SC2034 # Used by those who source this.
callbacks='HealthAnswersOnBothPorts|LateHandlersTest|IdleStreamsOfAViewer'
