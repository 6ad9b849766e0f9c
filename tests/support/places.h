#ifndef MIRROR_TESTS_SUPPORT_PLACES_H_
#define MIRROR_TESTS_SUPPORT_PLACES_H_

#include <string>

// Where a test finds what it runs and reads. Functions and not definitions of the compiler: a path on its
// command line would make every clone compile every test anew, whatever its cache holds.

namespace mirror {

/// The folder of the programs: that of the test itself.
const std::string& BinDir();
/// The root of the repository.
const std::string& SourceDir();
/// A library to be preloaded, by its name in tests/shims, as "slow_sync".
std::string ShimPath(const std::string& name);

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_PLACES_H_
