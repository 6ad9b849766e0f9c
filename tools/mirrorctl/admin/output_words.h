#ifndef MIRROR_TOOLS_MIRRORCTL_ADMIN_OUTPUT_WORDS_H_
#define MIRROR_TOOLS_MIRRORCTL_ADMIN_OUTPUT_WORDS_H_

#include <cstdint>
#include <string>

#include "base/text/text_table.h"
#include "tools/mirrorctl/admin/admin_output.h"

// What the files behind admin_output.h share.

namespace mirror {

/// How long ago, or how old.
std::string AgeText(std::int64_t then_ms, std::int64_t now_ms);
/// A number of rows; empty: it is not known.
std::string RowsText(std::int64_t rows);
/// Of the state of a tenant, or of one of its tables.
Colour StateColour(const std::string& state);

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_ADMIN_OUTPUT_WORDS_H_
