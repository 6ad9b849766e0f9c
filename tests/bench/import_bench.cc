// mirror-bench-import ROWS COLUMNS [FILE]: how fast an uploaded CSV file comes through mirror-import, and
// what both sides need of memory. The file is made unless one is given; the rows are decoded and looked at,
// and go nowhere.

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/jobs/import_child.h"

namespace mirror {
namespace {

using Clock = std::chrono::steady_clock;

template <typename T>
T Must(absl::StatusOr<T> value) {
  if (value.ok()) return *std::move(value);
  std::fprintf(stderr, "mirror-bench-import: %s\n", value.status().ToString().c_str());
  std::exit(1);
}

std::uint64_t Number(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// Values of about ten letters, as names, cities and numbers are.
void MakeFile(const std::string& path, std::uint64_t rows, std::uint64_t columns) {
  std::ofstream file(path, std::ios::binary);
  std::string line = "id";
  for (std::uint64_t i = 1; i < columns; ++i) absl::StrAppend(&line, ",column_", i);
  file << line << '\n';
  for (std::uint64_t row = 0; row < rows; ++row) {
    line = absl::StrCat(row);
    for (std::uint64_t i = 1; i < columns; ++i) absl::StrAppend(&line, ",value ", (row * 7'919 + i) % 9'973);
    file << line << '\n';
  }
}

long PeakKilobytes(__rusage_who who) {
  rusage used{};
  getrusage(who, &used);
  return used.ru_maxrss;
}

int Run(std::uint64_t rows, std::uint64_t columns, std::string path) {
  const bool own = path.empty();
  if (own) {
    path = absl::StrCat("/tmp/mirror-bench-import.", getpid(), ".csv");
    MakeFile(path, rows, columns);
  }
  const long before = PeakKilobytes(RUSAGE_SELF);
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const auto begun = Clock::now();
  const std::unique_ptr<ImportChild> child = Must(ImportChild::Start(Must(FindImportProgram()), file));
  std::uint64_t bytes = 0;
  ImportEnd end;
  for (bool over = false; !over;) {
    const std::optional<ImportPiece> piece = Must(child->Next(std::chrono::seconds(60)));
    if (!piece) continue;
    if (const auto* some = std::get_if<ImportRows>(&*piece)) {
      for (const ColumnView& column : some->batch.columns) bytes += column.data.size();
    }
    over = std::holds_alternative<ImportEnd>(*piece);
    if (over) end = std::get<ImportEnd>(*piece);
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  const off_t size = lseek(file, 0, SEEK_END);
  close(file);
  if (own) unlink(path.c_str());
  std::printf("%llu rows, %llu rejects, %llu bytes of values of a file of %lld MB in %.2f s: %.0f rows/s%s\n",
              static_cast<unsigned long long>(end.rows), static_cast<unsigned long long>(end.rejects),
              static_cast<unsigned long long>(bytes), static_cast<long long>(size >> 20), seconds,
              static_cast<double>(end.rows) / seconds,
              end.reason.empty() ? "" : (", ended: " + end.reason).c_str());
  std::printf("peak memory: mirror-import %ld MB, this process %ld MB (%ld MB before)\n",
              PeakKilobytes(RUSAGE_CHILDREN) >> 10, PeakKilobytes(RUSAGE_SELF) >> 10, before >> 10);
  return 0;
}

}  // namespace
}  // namespace mirror

int main(int argc, char** argv) {
  if (argc < 3 || mirror::Number(argv[1]) == 0 || mirror::Number(argv[2]) == 0) {
    std::fputs("Usage: mirror-bench-import ROWS COLUMNS [FILE]\n", stderr);
    return 2;
  }
  return mirror::Run(mirror::Number(argv[1]), mirror::Number(argv[2]), argc > 3 ? argv[3] : "");
}
