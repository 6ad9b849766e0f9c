#include "client/source/mariadb/mariadb_spool.h"

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

constexpr std::uint64_t kNullSize = UINT64_MAX;

absl::Status SpoolFailed() {
  return absl::UnavailableError(
      absl::StrCat("keeping a table's rows in a temporary file: ", std::strerror(errno),
                   ". Nothing of the table is committed; make room, or name another folder by TMPDIR"));
}

template <typename Number>
bool ReadOne(std::FILE* file, Number* number) {
  return std::fread(number, sizeof *number, 1, file) == 1;
}

}  // namespace

absl::StatusOr<MariadbSpool> MariadbSpool::Make() {
  std::FILE* const file = std::tmpfile();
  if (file == nullptr) return SpoolFailed();
  return MariadbSpool(file);
}

absl::Status MariadbSpool::Add(const std::vector<std::string_view>& fields) {
  std::vector<std::uint64_t> sizes = {fields.size()};
  for (const std::string_view field : fields)
    sizes.push_back(field.data() == nullptr ? kNullSize : field.size());
  if (std::fwrite(sizes.data(), sizeof(std::uint64_t), sizes.size(), file_.get()) != sizes.size())
    return SpoolFailed();
  for (const std::string_view field : fields) {
    if (!field.empty() && std::fwrite(field.data(), 1, field.size(), file_.get()) != field.size())
      return SpoolFailed();
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> MariadbSpool::Step() {
  if (!is_read_) {
    if (std::fflush(file_.get()) != 0 || std::fseek(file_.get(), 0, SEEK_SET) != 0) return SpoolFailed();
    is_read_ = true;
  }
  std::uint64_t count = 0;
  if (!ReadOne(file_.get(), &count)) {
    if (std::ferror(file_.get()) != 0) return SpoolFailed();
    return false;
  }
  std::vector<std::uint64_t> sizes(count);
  std::size_t all = 0;
  for (std::uint64_t& size : sizes) {
    if (!ReadOne(file_.get(), &size)) return SpoolFailed();
    if (size != kNullSize) all += size;
  }
  // One byte more, so that an empty field has data, too.
  row_.resize(all + 1);
  if (std::fread(row_.data(), 1, all, file_.get()) != all) return SpoolFailed();
  fields_.assign(count, std::string_view());
  std::size_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (sizes[i] == kNullSize) continue;
    fields_[i] = std::string_view(row_).substr(at, sizes[i]);
    at += sizes[i];
  }
  return true;
}

}  // namespace mirror
