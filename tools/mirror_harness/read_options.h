#ifndef MIRROR_TOOLS_MIRROR_HARNESS_READ_OPTIONS_H_
#define MIRROR_TOOLS_MIRROR_HARNESS_READ_OPTIONS_H_

#include <optional>

#include "tools/mirror_harness/synthetic/options.h"

namespace mirror::harness {

/// Reads the command line. Absent: there is nothing to run, and `exit_code` says why: 0 after --help and
/// --version, 2 after wrong usage, which is on stderr.
std::optional<Options> ReadOptions(int argc, char** argv, int* exit_code);

}  // namespace mirror::harness

#endif  // MIRROR_TOOLS_MIRROR_HARNESS_READ_OPTIONS_H_
