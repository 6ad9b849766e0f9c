#include "server/store/copy_contents.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/status_macros.h"

namespace mirror {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;

/// Returns the number of rows according to the records. A table that was never counted adds 0.
std::uint64_t RowsOf(const MirrorContents& contents) {
  std::uint64_t rows = 0;
  for (const TableRecord& record : contents.records) {
    rows += static_cast<std::uint64_t>(std::max<std::int64_t>(0, record.row_count));
  }
  return rows;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> CopyContents(Snapshot& from, MirrorImport& to,
                                                      const GoOnCopying& go_on) {
  ASSIGN_OR_RETURN(MirrorContents contents, from.ReadContents());
  RETURN_IF_ERROR(to.Begin(contents));
  const std::uint64_t all_rows = RowsOf(contents);
  std::uint64_t rows = 0, bytes = 0;
  const auto may_go_on = [&] {
    const double left = rows == 0 || rows >= all_rows ? 0 : static_cast<double>(all_rows - rows);
    const double of_a_row = rows == 0 ? 0 : static_cast<double>(bytes) / static_cast<double>(rows);
    return go_on(bytes, bytes + static_cast<std::uint64_t>(left * of_a_row));
  };
  const auto cancelled = [] { return absl::CancelledError("the copy was cancelled. No copy was made."); };
  for (const ContentsTable& table : contents.tables) {
    RETURN_IF_ERROR(from.ReadRows(table.stored, table.stored.AllColumns(), {}, kBlockBytes, may_go_on,
                                  [&](RowBlock* block) {
                                    rows += block->rows();
                                    bytes += block->bytes();
                                    return may_go_on() ? to.AddRows(table.stored, block) : cancelled();
                                  }));
  }
  if (!may_go_on()) return cancelled();
  RETURN_IF_ERROR(to.Finish());
  return std::move(contents.left_out);
}

}  // namespace mirror
