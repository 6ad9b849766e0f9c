#ifndef MIRROR_TESTS_SERVER_JOBS_READ_IMPORT_H_
#define MIRROR_TESTS_SERVER_JOBS_READ_IMPORT_H_

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "server/jobs/import_child.h"
#include "tests/support/places.h"
#include "tests/support/processes.h"

namespace mirror {

/// One row as a test compares it: its line, then its values; "-": none, "#" before what is no text.
using ImportedRow = std::vector<std::string>;

/// What a program said about a file, to its end.
struct ImportSeen {
  std::optional<ImportHeader> header;
  std::vector<ImportedRow> rows;  ///< The first 10,000.
  std::uint64_t row_count = 0, last_seq = 0;
  std::vector<ImportReject> rejects;  ///< The first 10,000.
  std::vector<ImportProgress> progress;
  std::optional<ImportEnd> end;
  absl::Status error;
  std::vector<std::string> order;  ///< Of rows and rejects: "rows 1 1000", "rejects 2 3".

  void Take(const ImportPiece& piece) {
    constexpr std::size_t kKept = 10'000;
    if (const auto* first = std::get_if<ImportHeader>(&piece)) header = *first;
    if (const auto* some = std::get_if<ImportRows>(&piece)) {
      order.push_back(absl::StrCat("rows ", some->seq, " ", some->batch.row_count));
      row_count += some->batch.row_count;
      last_seq = some->seq;
      for (std::uint32_t row = 0; row < some->batch.row_count && rows.size() < kKept; ++row) {
        ImportedRow values = {absl::StrCat(some->Line(row))};
        for (std::uint32_t column = 0; column < some->columns; ++column) {
          const std::optional<std::string_view> text = some->Text(row, column);
          values.push_back((some->IsNoText(row, column) ? "#" : "") + std::string(text.value_or("-")));
        }
        rows.push_back(std::move(values));
      }
    }
    if (const auto* some = std::get_if<ImportRejects>(&piece)) {
      order.push_back(absl::StrCat("rejects ", some->before_seq, " ", some->rejects.size()));
      for (const ImportReject& one : some->rejects) {
        if (rejects.size() < kKept) rejects.push_back(one);
      }
    }
    if (const auto* some = std::get_if<ImportProgress>(&piece)) progress.push_back(*some);
    if (const auto* last = std::get_if<ImportEnd>(&piece)) end = *last;
  }
  std::string reason() const { return end ? end->reason : std::string(error.message()); }
};

inline ImportSeen ReadImport(ImportChild& child) {
  ImportSeen seen;
  while (!seen.end) {
    const absl::StatusOr<std::optional<ImportPiece>> piece = child.Next(kPatience);
    if (!piece.ok() || !piece->has_value()) {
      seen.error = piece.ok() ? absl::DeadlineExceededError("nothing came") : piece.status();
      return seen;
    }
    seen.Take(**piece);
  }
  return seen;
}

inline ImportSeen ReadImport(const std::string& file,
                             const std::string& program = BinDir() + "/mirror-import",
                             const ImportLimits& limits = {}) {
  const int descriptor = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  absl::StatusOr<std::unique_ptr<ImportChild>> child = ImportChild::Start(program, descriptor, limits);
  close(descriptor);
  if (child.ok()) return ReadImport(**child);
  ImportSeen seen;
  seen.error = child.status();
  return seen;
}

}  // namespace mirror

#endif  // MIRROR_TESTS_SERVER_JOBS_READ_IMPORT_H_
