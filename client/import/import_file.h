#ifndef MIRROR_CLIENT_IMPORT_IMPORT_FILE_H_
#define MIRROR_CLIENT_IMPORT_IMPORT_FILE_H_

#include <cstdint>

#include "client/import/frame_output.h"

namespace mirror {

/// Excel's own. A CSV file has as many rows as are in its bytes.
inline constexpr std::uint64_t kSheetRowsMax = 1'048'576;
/// What a workbook may become, as a multiple of its size.
inline constexpr std::uint64_t kInflationMax = 100;

/// Reads a file to its end, CSV or a workbook by its first bytes, and writes its frames, an end as the last
/// one whatever happens. `file`: at its beginning; it is closed. `size`: its bytes.
void ImportFile(int file, std::uint64_t size, FrameOutput& output);

}  // namespace mirror

#endif  // MIRROR_CLIENT_IMPORT_IMPORT_FILE_H_
