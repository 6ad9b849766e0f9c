#ifndef MIRROR_TOOLS_MIRRORCTL_EXPORT_TABLE_EXPORT_H_
#define MIRROR_TOOLS_MIRRORCTL_EXPORT_TABLE_EXPORT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "proto/wire/table.h"
#include "tools/mirrorctl/export/row_output.h"

namespace mirror {

enum class ExportFormat { kParquet, kCsv, kJsonLines };

/// The parts of one export as they come, made into a file's bytes.
class TableExport {
 public:
  TableExport(ExportFormat format, ByteSink sink) : format_(format), sink_(std::move(sink)) {}

  /// In their order. It may take the part's memory. Errors: those of the sink and the format;
  /// kInternal: what came is no export.
  absl::Status Take(v1::ExportPart* part);
  /// When nothing more comes. Errors: kUnavailable: it was not all.
  absl::Status Finish();

  /// Empty until it has come.
  const std::optional<v1::ExportHeader>& header() const { return header_; }
  std::uint64_t rows() const { return rows_; }

 private:
  absl::Status Begin(v1::ExportHeader header);
  absl::Status AddRows(v1::ExportRows* rows);

  const ExportFormat format_;
  const ByteSink sink_;
  std::optional<v1::ExportHeader> header_;
  TableSchema table_;
  std::unique_ptr<RowOutput> output_;
  std::uint64_t rows_ = 0;
  bool is_ended_ = false;
};

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_EXPORT_TABLE_EXPORT_H_
