// Any bytes as what the program that parses uploaded files says: in whatever pieces they come they mean the
// same, and what is taken holds what its header promises.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/utf8.h"
#include "proto/wire/import_codec.h"
#include "tests/fuzz/input.h"

namespace mirror {
namespace {

void RequireSound(const ImportRows& rows) {
  Require(rows.batch.row_count > 0 && rows.batch.row_count <= kImportBatchRowsMax);
  for (std::uint32_t row = 0; row < rows.batch.row_count; ++row) {
    Require(rows.Line(row) > 0);
    for (std::uint32_t column = 0; column < rows.columns; ++column) {
      const std::optional<std::string_view> text = rows.Text(row, column);
      Require(!text || IsText(*text));
      rows.IsNoText(row, column);
    }
  }
}

/// What was taken, as frames again.
std::string Read(std::string_view bytes, std::size_t piece_bytes) {
  ImportFrames frames;
  std::string taken;
  std::uint64_t count = 0;
  for (std::size_t at = 0; at < bytes.size(); at += piece_bytes) {
    frames.Append(bytes.substr(at, piece_bytes));
    for (;;) {
      const absl::StatusOr<std::optional<ImportPiece>> piece = frames.Next();
      if (!piece.ok()) return taken + "refused";
      if (!piece->has_value()) break;
      taken.push_back(static_cast<char>('0' + (*piece)->index()));
      if (const auto* rows = std::get_if<ImportRows>(&**piece)) {
        RequireSound(*rows);
        count += rows->batch.row_count;
      }
      if (const auto* header = std::get_if<ImportHeader>(&**piece)) Require(CheckImportHeader(*header).ok());
      if (const auto* end = std::get_if<ImportEnd>(&**piece)) Require(end->rows == count);
    }
  }
  return taken;
}

}  // namespace
}  // namespace mirror

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 100'000) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  mirror::Require(mirror::Read(bytes, size) == mirror::Read(bytes, data[0] + std::size_t{1}));
  return 0;
}
