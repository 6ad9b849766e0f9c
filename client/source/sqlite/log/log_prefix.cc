#include "client/source/sqlite/log/log_prefix.h"

#include <sqlite3.h>
#include <xxhash.h>

#include <limits>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/value.h"
#include "base/status_macros.h"

namespace mirror {
namespace {

/// While it lives, values of any length are read: a log may contain a key that no mirror accepts.
class LongKeys {
 public:
  explicit LongKeys(const SqliteFile& file)
      : database_(file.handle()),
        before_(sqlite3_limit(database_, SQLITE_LIMIT_LENGTH, std::numeric_limits<int>::max())) {}
  LongKeys(const LongKeys&) = delete;
  LongKeys& operator=(const LongKeys&) = delete;
  ~LongKeys() { sqlite3_limit(database_, SQLITE_LIMIT_LENGTH, before_); }

 private:
  sqlite3* const database_;
  const int before_;
};

}  // namespace

absl::StatusOr<std::uint64_t> LogPrefix::Hash(const SqliteFile& file, std::int64_t behind, std::uint64_t hash,
                                              std::int64_t* until) const {
  sqlite::Statement entries =
      file.Query(absl::StrCat("SELECT * FROM main.", log_, " WHERE seq > ?1 AND seq <= ?2 ORDER BY seq"));
  entries.SetDoing("reading its change log");
  entries.With(behind, *until);
  const LongKeys reads_long_keys(file);
  std::string entry;
  std::int64_t last = behind;
  RETURN_IF_ERROR(ForEachRow(entries, [&] {
    last = entries.Int(0);
    entry.clear();
    for (int i = 0; i < entries.columns(); ++i) {
      sqlite3_value* const value = entries.RawValue(i);
      const auto type = static_cast<int>(sqlite::TypeOf(value));
      const std::string_view bytes = sqlite::BlobOf(value);  // For a number its text.
      absl::StrAppend(&entry, type, ":", bytes.size(), ":");
      entry.append(bytes);
    }
    hash = XXH3_64bits_withSeed(entry.data(), entry.size(), hash);
  }));
  *until = last;
  return hash;
}

absl::Status LogPrefix::Restored() { return absl::AbortedError("the source was restored while it was read"); }

absl::Status LogPrefix::Check(const SqliteFile& file) {
  ASSIGN_OR_RETURN(const std::int64_t version, file.Number("PRAGMA schema_version"));
  if (from_ == until_ || version == checked_) return absl::OkStatus();
  std::int64_t until = until_;
  ASSIGN_OR_RETURN(const std::uint64_t hash, Hash(file, from_, 0, &until));
  if (hash != hash_ || until != until_) return Restored();
  checked_ = version;
  return absl::OkStatus();
}

absl::Status LogPrefix::See(const SqliteFile& file) {
  ASSIGN_OR_RETURN(const std::int64_t version, file.Number("PRAGMA schema_version"));
  if (from_ == until_) {
    checked_ = version;
  } else if (version != seen_) {
    // Check() compares all entries once: not again with each look.
    ASSIGN_OR_RETURN(const std::int64_t last,
                     file.Number(absl::StrCat("SELECT count(*) FROM main.", log_, " WHERE seq = ", until_)));
    if (last == 0) return Restored();
  }
  seen_ = version;
  std::int64_t until = std::numeric_limits<std::int64_t>::max();
  ASSIGN_OR_RETURN(hash_, Hash(file, until_, hash_, &until));
  until_ = until;
  return absl::OkStatus();
}

void LogPrefix::Settle() {
  from_ = until_;
  hash_ = 0;
}

}  // namespace mirror
