#include "tools/mirror_harness/synthetic/sqlite_file.h"

#include "absl/strings/str_cat.h"

namespace mirror::harness {
namespace {

constexpr int kBusyTimeoutMs = 10'000;

}  // namespace

absl::StatusOr<Database> OpenDatabase(const std::string& path, sqlite::OpenAs::Mode mode) {
  return sqlite::Connection::Open(
      path, {.mode = mode, .busy_ms = kBusyTimeoutMs},
      [path](const sqlite::Failure& failure, std::string_view doing) {
        return absl::UnavailableError(
            absl::StrCat(doing.empty() ? "in" : std::string(doing), " '", path, "': ", failure.words));
      },
      "opening");
}

}  // namespace mirror::harness
