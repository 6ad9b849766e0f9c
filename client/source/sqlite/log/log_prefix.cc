#include "client/source/sqlite/log/log_prefix.h"

#include <xxhash.h>

#include <limits>

#include "absl/strings/str_cat.h"
#include "client/source/sqlite/file/sqlite_value.h"

namespace mirror {

absl::StatusOr<std::uint64_t> LogPrefix::Hash(const SqliteFile& file, std::int64_t behind, std::uint64_t hash,
                                              std::int64_t* until) const {
  const absl::StatusOr<Statement> entries =
      file.Prepare(absl::StrCat("SELECT * FROM main.", log_, " WHERE seq > ?1 AND seq <= ?2 ORDER BY seq"));
  if (!entries.ok()) return entries.status();
  sqlite3_bind_int64(entries->get(), 1, behind);
  sqlite3_bind_int64(entries->get(), 2, *until);
  const int columns = sqlite3_column_count(entries->get());
  std::string entry;
  std::int64_t last = behind;
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(entries->get())) == SQLITE_ROW) {
    last = sqlite3_column_int64(entries->get(), 0);
    entry.clear();
    for (int i = 0; i < columns; ++i) {
      sqlite3_value* const value = sqlite3_column_value(entries->get(), i);
      const int type = sqlite3_value_type(value);
      const std::string_view bytes = BlobOf(value);  // Of a number its text.
      absl::StrAppend(&entry, type, ":", bytes.size(), ":");
      entry.append(bytes);
    }
    hash = XXH3_64bits_withSeed(entry.data(), entry.size(), hash);
  }
  if (code != SQLITE_DONE) return file.Error(code, "reading its change log");
  *until = last;
  return hash;
}

absl::Status LogPrefix::Restored() { return absl::AbortedError("the source was restored while it was read"); }

absl::Status LogPrefix::Check(const SqliteFile& file) {
  const absl::StatusOr<std::int64_t> version = file.Number("PRAGMA schema_version");
  if (!version.ok()) return version.status();
  if (from_ == until_ || *version == checked_) return absl::OkStatus();
  std::int64_t until = until_;
  const absl::StatusOr<std::uint64_t> hash = Hash(file, from_, 0, &until);
  if (!hash.ok()) return hash.status();
  if (*hash != hash_ || until != until_) return Restored();
  checked_ = *version;
  return absl::OkStatus();
}

absl::Status LogPrefix::See(const SqliteFile& file) {
  const absl::StatusOr<std::int64_t> version = file.Number("PRAGMA schema_version");
  if (!version.ok()) return version.status();
  if (from_ == until_) {
    checked_ = *version;
  } else if (*version != seen_) {
    // Whether all are the same is looked at once, by Check(): not all of them again with each look.
    const absl::StatusOr<std::int64_t> last =
        file.Number(absl::StrCat("SELECT count(*) FROM main.", log_, " WHERE seq = ", until_));
    if (!last.ok()) return last.status();
    if (*last == 0) return Restored();
  }
  seen_ = *version;
  std::int64_t until = std::numeric_limits<std::int64_t>::max();
  const absl::StatusOr<std::uint64_t> hash = Hash(file, until_, hash_, &until);
  if (!hash.ok()) return hash.status();
  hash_ = *hash;
  until_ = until;
  return absl::OkStatus();
}

void LogPrefix::Settle() {
  from_ = until_;
  hash_ = 0;
}

}  // namespace mirror
