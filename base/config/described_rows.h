#ifndef MIRROR_BASE_CONFIG_DESCRIBED_ROWS_H_
#define MIRROR_BASE_CONFIG_DESCRIBED_ROWS_H_

#include <string_view>
#include <vector>

#include "base/config/config_node.h"
#include "base/embedded_file.h"

namespace mirror {

/// The rows of a file that describes keys, metrics or events, and was built into the program: TOML with
/// tables of a name and rows. `table`: of this one alone; empty: of all. One that is no such file ends the
/// program.
std::vector<ConfigNode> DescribedRows(const EmbeddedFile& file, std::string_view table = "");

}  // namespace mirror

#endif  // MIRROR_BASE_CONFIG_DESCRIBED_ROWS_H_
